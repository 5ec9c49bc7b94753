"""The hashes for a consistency proof, from the right edge of the old tree and what came after."""

from __future__ import annotations

from collections.abc import Sequence

from sayso.audit.tree.merkle import HASH_BYTES, Frontier, node_hash


class TailHashes:
    """A hash source that knows a tree from its frontier at one size, and the leaves beyond it.

    It answers exactly what `consistency_proof(source, old_size, …)` asks: the complete subtrees of
    the old frontier, and those that begin at or after the old size. So a proof costs what was
    added, not what is there.

    Args:
        old: the frontier at the old size.
        leaves: the leaf hashes from there on, in order.
    """

    def __init__(self, old: Frontier, leaves: Sequence[bytes]) -> None:
        self._old_size = old.size
        self._leaves = leaves
        self._known: dict[tuple[int, int], bytes] = {}
        encoded, begin = old.to_bytes(), 0
        for at in range(0, len(encoded), HASH_BYTES):
            level = (old.size - begin).bit_length() - 1
            self._known[level, begin >> level] = encoded[at : at + HASH_BYTES]
            begin += 1 << level

    def hash_of(self, level: int, index: int) -> bytes:
        """The root over the leaves `[index << level, (index + 1) << level)`, 32 bytes."""
        found = self._known.get((level, index))
        if found is None:
            if level == 0:
                at = index - self._old_size
                assert at >= 0, "a proof asks for no leaf inside the old tree"
                found = self._leaves[at]
            else:
                left = self.hash_of(level - 1, 2 * index)
                found = node_hash(left, self.hash_of(level - 1, 2 * index + 1))
            self._known[level, index] = found
        return found
