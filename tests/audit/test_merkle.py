"""The tree of RFC 6962: the same roots and proofs as everybody else's, and no others accepted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sayso.audit.tree.merkle import (
    EMPTY_ROOT,
    Frontier,
    LeafHashes,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from sayso.errors import IntegrityError, RefusedError

# SOURCE: certificate-transparency, test vectors of merkle_tree_test.
CT_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
CT_INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (0, 1): [],
}
CT_CONSISTENCY = {
    (1, 8): CT_INCLUSION[0, 8],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
HASHES = list(map(leaf_hash, CT_LEAVES))
LEAVES = [leaf_hash(bytes([at])) for at in range(70)]


@pytest.mark.promise("audit:tree")
def test_the_roots_are_those_of_certificate_transparency() -> None:
    """Its published vectors, at every size, and the empty tree."""
    frontier = Frontier()
    assert frontier.root() == EMPTY_ROOT
    for leaf, root in zip(HASHES, CT_ROOTS, strict=True):
        frontier.append(leaf)
        assert frontier.root().hex() == root


@pytest.mark.promise("audit:tree")
def test_the_proofs_are_those_of_certificate_transparency() -> None:
    """Byte for byte, in its order."""
    source = LeafHashes(HASHES)
    for (index, size), proof in CT_INCLUSION.items():
        assert [one.hex() for one in inclusion_proof(source, index, size)] == proof
    for (old, new), proof in CT_CONSISTENCY.items():
        assert [one.hex() for one in consistency_proof(source, old, new)] == proof


def _naive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY_ROOT
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(_naive_root(leaves[:split]), _naive_root(leaves[split:]))


def test_appending_gives_the_root_of_the_definition_at_every_size() -> None:
    """append, extend, from_bytes and the definition agree."""
    grown = Frontier()
    for size, leaf in enumerate(LEAVES, start=1):
        grown.append(leaf)
        expected = _naive_root(LEAVES[:size])
        assert grown.root() == root_of(LEAVES[:size]) == expected
        assert len(grown.to_bytes()) == 32 * size.bit_count()
        again = Frontier.from_bytes(size, grown.to_bytes())
        assert (again.size, again.root()) == (size, expected)


def test_a_copy_grows_by_itself() -> None:
    """A transaction that fails leaves the frontier as it was."""
    frontier = Frontier()
    frontier.extend(LEAVES[:5])
    before = frontier.root()
    twin = frontier.copy()
    twin.append(LEAVES[5])
    assert frontier.root() == before
    assert twin.root() == root_of(LEAVES[:6])


@pytest.mark.parametrize(("size", "length"), [(3, 32), (3, 63), (3, 96), (4, 0), (0, 32), (-1, 0)])
def test_a_frontier_that_does_not_fit_its_size_is_refused(size: int, length: int) -> None:
    """32 bytes for each complete subtree, no more and no less."""
    with pytest.raises(IntegrityError):
        Frontier.from_bytes(size, bytes(length))


def test_every_proof_of_every_small_tree_verifies() -> None:
    """All indexes and all pairs of sizes up to 33."""
    source = LeafHashes(LEAVES)
    roots = [root_of(LEAVES[:size]) for size in range(34)]
    for size in range(1, 34):
        for index in range(size):
            proof = inclusion_proof(source, index, size)
            assert verify_inclusion(LEAVES[index], index, size, proof, roots[size])
            consistent = consistency_proof(source, index + 1, size)
            assert verify_consistency(index + 1, roots[index + 1], size, roots[size], consistent)


@settings(max_examples=200)
@given(st.data())
def test_a_changed_inclusion_proof_is_not_accepted(data: st.DataObject) -> None:
    """Another leaf, index, size or root, a changed, dropped or added hash: none verifies."""
    size = data.draw(st.integers(2, 70))
    index = data.draw(st.integers(0, size - 1))
    root, leaf = root_of(LEAVES[:size]), LEAVES[index]
    proof = inclusion_proof(LeafHashes(LEAVES), index, size)
    at = data.draw(st.integers(0, len(proof) - 1))
    other = bytes([proof[at][0] ^ 1]) + proof[at][1:]
    assert verify_inclusion(leaf, index, size, proof, root)
    assert not verify_inclusion(leaf_hash(b"x"), index, size, proof, root)
    assert not verify_inclusion(leaf, (index + 1) % size, size, proof, root)
    assert not verify_inclusion(leaf, index, size, proof[:-1], root)
    assert not verify_inclusion(leaf, index, size, (*proof, proof[0]), root)
    assert not verify_inclusion(leaf, index, size, (*proof[:at], other, *proof[at + 1 :]), root)
    assert not verify_inclusion(leaf, index, size, proof, leaf)
    assert not verify_inclusion(leaf, size, size, proof, root)
    assert not verify_inclusion(leaf, -1, size, proof, root)
    assert not verify_inclusion(leaf, index, size, (*proof[:at], b"short"), root)


@settings(max_examples=200)
@given(st.data())
def test_a_changed_consistency_proof_is_not_accepted(data: st.DataObject) -> None:
    """A log that was rewritten has no proof, and no proof of another log serves."""
    new = data.draw(st.integers(2, 70))
    old = data.draw(st.integers(1, new - 1))
    old_root, new_root = root_of(LEAVES[:old]), root_of(LEAVES[:new])
    proof = consistency_proof(LeafHashes(LEAVES), old, new)
    at = data.draw(st.integers(0, len(proof) - 1))
    other = bytes([proof[at][0] ^ 1]) + proof[at][1:]
    rewritten = root_of([leaf_hash(b"x"), *LEAVES[1:old]])
    assert verify_consistency(old, old_root, new, new_root, proof)
    assert not verify_consistency(old, rewritten, new, new_root, proof)
    assert not verify_consistency(old, old_root, new, old_root, proof)
    assert not verify_consistency(old, old_root, new, new_root, proof[:-1])
    assert not verify_consistency(old, old_root, new, new_root, (*proof, proof[0]))
    changed = (*proof[:at], other, *proof[at + 1 :])
    assert not verify_consistency(old, old_root, new, new_root, changed)
    assert not verify_consistency(new, new_root, old, old_root, proof)


def test_the_edges_of_consistency() -> None:
    """An empty log is consistent with all, equal logs need no proof, nothing else is free."""
    one, two = root_of(LEAVES[:1]), root_of(LEAVES[:2])
    assert verify_consistency(0, EMPTY_ROOT, 2, two, ())
    assert not verify_consistency(0, one, 2, two, ())
    assert not verify_consistency(0, EMPTY_ROOT, 2, two, (one,))
    assert verify_consistency(2, two, 2, two, ())
    assert not verify_consistency(2, one, 2, two, ())
    assert not verify_consistency(2, two, 2, two, (one,))
    assert not verify_consistency(1, one, 2, two, ())


def test_proofs_outside_the_log_are_refused() -> None:
    """There is no entry to prove there."""
    source = LeafHashes(LEAVES[:4])
    for index, size in ((4, 4), (-1, 4), (0, 0)):
        with pytest.raises(RefusedError):
            inclusion_proof(source, index, size)
    for old, new in ((0, 4), (5, 4), (-1, 4)):
        with pytest.raises(RefusedError):
            consistency_proof(source, old, new)
