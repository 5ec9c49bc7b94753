"""The Merkle tree of RFC 6962: hashes, the frontier that grows it, and proofs.

The tree over n leaves is fixed by n alone, so one signed root stands for the order and the bytes of
every entry before it. Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Protocol, Self

from sayso.errors import Code, IntegrityError, RefusedError

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""SOURCE: RFC 6962 section 2.1: the hash of an empty tree is the hash of an empty string."""


def leaf_hash(body: bytes) -> bytes:
    """SHA-256(0x00 || body), 32 bytes. Source: RFC 6962 section 2.1."""
    return sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), 32 bytes. Source: RFC 6962 section 2.1."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: all that is needed to append and to give the root.

    It holds one hash for each complete subtree, largest first, so 32 B x popcount(size). Not safe
    for two threads at once; `copy` it to try something.

    Guarantees: the root is that of RFC 6962 over the appended leaf hashes, in order.
    """

    __slots__ = ("_peaks", "_size")

    def __init__(self) -> None:
        self._size = 0
        self._peaks: list[bytes] = []

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._size

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash (32 bytes, from `leaf_hash`) at the index `size`."""
        peaks = self._peaks
        bits = self._size
        self._size = bits + 1
        while bits & 1:
            leaf = sha256(b"\x01" + peaks.pop() + leaf).digest()
            bits >>= 1
        peaks.append(leaf)

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes in order: the same as `append` for each, level by level."""
        nodes, bits, peaks = list(leaves), self._size, self._peaks
        self._size += len(nodes)
        single: list[bytes] = []
        while nodes:
            if bits & 1:
                nodes.insert(0, peaks.pop())
            if len(nodes) & 1:
                single.append(nodes.pop())
            each = iter(nodes)
            nodes = [
                sha256(b"\x01" + left + right).digest()
                for left, right in zip(each, each, strict=True)
            ]
            bits >>= 1
        peaks.extend(reversed(single))

    def append_tree(self, root: bytes, level: int) -> None:
        """Add a complete subtree of `1 << level` leaves by its root; the size is a multiple."""
        assert not self._size & ((1 << level) - 1), "a subtree stands at a multiple of its size"
        peaks = self._peaks
        bits = self._size >> level
        self._size += 1 << level
        while bits & 1:
            root = node_hash(peaks.pop(), root)
            bits >>= 1
        peaks.append(root)

    def root(self) -> bytes:
        """The root over all leaves so far, 32 bytes."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def copy(self) -> Frontier:
        """An independent frontier in the same state."""
        twin = Frontier()
        twin._size, twin._peaks = self._size, list(self._peaks)
        return twin

    def to_bytes(self) -> bytes:
        """The hashes, largest subtree first: 32 B x popcount(size). The size is not in it."""
        return b"".join(self._peaks)

    @classmethod
    def from_bytes(cls, size: int, encoded: bytes) -> Self:
        """The frontier of that many leaves, from `to_bytes`.

        Raises:
            IntegrityError: `tampered`, when the length does not fit the size.
        """
        if size < 0 or len(encoded) != HASH_BYTES * size.bit_count():
            raise IntegrityError(
                Code.TAMPERED,
                f"a frontier of {len(encoded)} bytes does not fit a log of {size} entries",
                next_step="run `sayso audit verify`",
            )
        frontier = cls()
        frontier._size = size
        frontier._peaks = [
            encoded[at : at + HASH_BYTES] for at in range(0, len(encoded), HASH_BYTES)
        ]
        return frontier


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes, 32 bytes."""
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier.root()


class HashSource(Protocol):
    """Where the hashes of complete subtrees come from: a list, tiles, a table."""

    def hash_of(self, level: int, index: int) -> bytes:
        """The root over the leaves `[index << level, (index + 1) << level)`, 32 bytes.

        Only complete subtrees are asked for.
        """
        ...


class LeafHashes:
    """A hash source over leaf hashes in memory; inner nodes are made once, when first needed.

    Args:
        leaves: leaf hashes of 32 bytes, in order. The sequence must not change afterwards.
    """

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._levels: list[Sequence[bytes]] = [leaves]

    def hash_of(self, level: int, index: int) -> bytes:
        """The root over the leaves `[index << level, (index + 1) << level)`, 32 bytes."""
        while level >= len(self._levels):
            below = self._levels[-1]
            self._levels.append(
                [node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)]
            )
        return self._levels[level][index]


def root_at(source: HashSource, size: int) -> bytes:
    """The root over the first `size` leaves, 32 bytes."""
    return _subtree(source, 0, size) if size else EMPTY_ROOT


def inclusion_proof(source: HashSource, index: int, size: int) -> tuple[bytes, ...]:
    """The hashes that lead from the leaf at `index` to the root of the first `size` leaves.

    Args:
        index: from 0, below `size`.

    Returns:
        At most ceil(log2(size)) hashes of 32 bytes, nearest to the leaf first.

    Raises:
        RefusedError: `invalid_input`, when the index is outside the log.

    Source: RFC 6962 section 2.1.1, PATH(m, D[n]).
    """
    if not 0 <= index < size:
        raise RefusedError(
            Code.INVALID_INPUT, f"the entry {index} is outside a log of {size} entries"
        )
    proof: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            proof.append(_subtree(source, middle, end))
            end = middle
        else:
            proof.append(_subtree(source, begin, middle))
            begin = middle
    proof.reverse()
    return tuple(proof)


def consistency_proof(source: HashSource, old_size: int, new_size: int) -> tuple[bytes, ...]:
    """The hashes that show that the first `old_size` leaves are still the first ones.

    Args:
        old_size: at least 1 and at most `new_size`; equal sizes give an empty proof.

    Returns:
        Hashes of 32 bytes, in the order of RFC 6962.

    Raises:
        RefusedError: `invalid_input`, when the sizes are in no such order.

    Source: RFC 6962 section 2.1.2, PROOF(m, D[n]).
    """
    if not 0 < old_size <= new_size:
        raise RefusedError(
            Code.INVALID_INPUT, f"no consistency proof leads from {old_size} to {new_size}"
        )
    proof: list[bytes] = []
    begin, end = 0, new_size
    while end != old_size:
        middle = begin + _split(end - begin)
        if old_size <= middle:
            proof.append(_subtree(source, middle, end))
            end = middle
        else:
            proof.append(_subtree(source, begin, middle))
            begin = middle
    if begin > 0:
        # The verifier knows the old root, which is this subtree only when it starts at 0.
        proof.append(_subtree(source, begin, end))
    proof.reverse()
    return tuple(proof)


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether the proof shows that `leaf` is the entry `index` under that root.

    Args:
        leaf: its leaf hash, 32 bytes, recomputed by the caller from the body.
        size: the number of leaves under `root`.

    Source: RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size or _bad_lengths(proof):
        return False
    at, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            while at and not at & 1:
                at >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        at >>= 1
        last >>= 1
    return last == 0 and node == root


def verify_subtree(
    node: bytes, level: int, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether the proof shows that `node` is that complete subtree under the root.

    What stands above the level is shaped like a tree over as many leaves as there are subtrees,
    the last of which may be incomplete; so it is an inclusion proof in that tree.
    """
    if not 0 <= (index + 1) << level <= size:
        return False
    return verify_inclusion(node, index, -(-size >> level), proof, root)


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether the proof shows that the new log only adds to the old one.

    An empty old log is consistent with every log, by an empty proof, when its root is the empty
    root.

    Source: RFC 9162 section 2.1.4.2.
    """
    if not 0 <= old_size <= new_size or _bad_lengths(proof):
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    hashes = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not hashes:
        return False
    at, last = old_size - 1, new_size - 1
    while at & 1:
        at >>= 1
        last >>= 1
    old_node = new_node = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old_node = node_hash(sibling, old_node)
            new_node = node_hash(sibling, new_node)
            while at and not at & 1:
                at >>= 1
                last >>= 1
        else:
            new_node = node_hash(new_node, sibling)
        at >>= 1
        last >>= 1
    return last == 0 and old_node == old_root and new_node == new_root


def _bad_lengths(proof: Sequence[bytes]) -> bool:
    # INVARIANT: every input of node_hash has 32 bytes, else two trees could share a root.
    return any(len(item) != HASH_BYTES for item in proof)


def _split(count: int) -> int:
    """The largest power of two below `count`, for counts of at least two."""
    return 1 << ((count - 1).bit_length() - 1)


def _subtree(source: HashSource, begin: int, end: int) -> bytes:
    """The root over the leaves `[begin, end)`, which stand in the tree as one subtree."""
    count = end - begin
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return source.hash_of(level, begin >> level)
    middle = begin + _split(count)
    return node_hash(_subtree(source, begin, middle), _subtree(source, middle, end))
