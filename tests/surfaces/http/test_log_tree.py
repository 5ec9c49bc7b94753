"""What somebody who trusts nobody gets over HTTP: proofs, tiles, and where heads are."""

from __future__ import annotations

import pytest
from surfaces.http.api_server import ApiServer, as_json, problem

from sayso.audit.signed_note.note import Checkpoint, Verifier, open_checkpoint
from sayso.audit.tree.files import WIDTH, tiles_of
from sayso.audit.tree.merkle import Frontier, leaf_hash, verify_consistency
from sayso.audit.tree.proof import EntryProof
from sayso.audit.witness.request import AddCheckpoint


def head(api: ApiServer) -> Checkpoint:
    """The newest signed head, verified."""
    note = api.get("/v1/audit/checkpoint", by="auditor").text
    return open_checkpoint(note, [Verifier.parse(api.sayso.audit.vkey())])


def bodies_of(api: ApiServer, size: int) -> list[bytes]:
    """The first entries, from their bundles."""
    found: list[bytes] = []
    for tile in tiles_of(size):
        if tile.level is not None:
            break
        answer = api.get(f"/v1/audit/tile/{tile.path()}", by="auditor")
        assert answer.headers["content-type"] == "application/octet-stream"
        rest = answer.content
        while rest:
            length = int.from_bytes(rest[:2])
            found.append(rest[2 : 2 + length])
            rest = rest[2 + length :]
    return found


@pytest.mark.promise("http:tree")
def test_the_log_can_be_read_and_proven_from_outside(api: ApiServer) -> None:
    """Bundles give the root of the head; each entry has its proof (tlog-tiles, tlog-proof)."""
    keys = [Verifier.parse(api.sayso.audit.vkey())]
    signed = head(api)
    bodies = bodies_of(api, signed.size)
    tree = Frontier()
    tree.extend(map(leaf_hash, bodies))
    assert (tree.size, tree.root()) == (signed.size, signed.root)
    for seq in (0, signed.size // 2, signed.size - 1):
        proof = EntryProof.parse(api.get(f"/v1/audit/proof?seq={seq}", by="auditor").text)
        assert proof.seq == seq
        assert proof.verify(bodies[seq], keys).size >= signed.size
    leaves = api.get(f"/v1/audit/tile/0/000.p/{min(signed.size, WIDTH - 1)}", by="auditor")
    assert leaves.content == b"".join(map(leaf_hash, bodies[: WIDTH - 1]))


@pytest.mark.promise("http:tree")
def test_it_is_proven_that_the_log_only_grew(api: ApiServer) -> None:
    """The proof is what a witness takes, so a witness can be fed by hand."""
    old = head(api)
    api.propose()
    answer = api.get(f"/v1/audit/proof?old_size={old.size}", by="auditor")
    request = AddCheckpoint.parse(answer.content)
    new = open_checkpoint(request.note, [Verifier.parse(api.sayso.audit.vkey())])
    assert new.size > old.size
    assert verify_consistency(old.size, old.root, new.size, new.root, request.proof)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("proof", 422),
        ("proof?seq=1&old_size=1", 422),
        ("proof?seq=-1", 422),
        ("proof?seq=999999", 404),
        ("proof?old_size=999999", 422),
        ("tile/0/001", 404),
        ("tile/0/000.p/256", 404),
        ("tile/00/000", 404),
        ("tile/64/000", 404),
        ("tile/0/0", 404),
        ("tile/entries/x000/000", 404),
        ("tile/%2e%2e/%2e%2e/sayso.toml", 404),
        ("tile/0/000?x=1", 422),
    ],
)
def test_what_there_is_not_is_a_problem(api: ApiServer, path: str, status: int) -> None:
    """Nothing is guessed, and no path leads out of the log."""
    codes = {404: "not_found", 422: "invalid_input"}
    problem(api.get(f"/v1/audit/{path}", by="auditor"), status, codes[status])


def test_a_service_without_the_scope_sees_no_tile(api: ApiServer) -> None:
    """The entries are in them."""
    for path in ("tile/0/000", "proof?seq=0", "publications"):
        problem(api.get(f"/v1/audit/{path}", by="maria"), 403, "forbidden")
        problem(api.get(f"/v1/audit/{path}", by=None), 401, "unauthenticated")


def test_no_place_is_no_publication(api: ApiServer) -> None:
    """The list says what the settings name."""
    assert as_json(api.get("/v1/audit/publications", by="auditor")) == {"items": []}
