"""The hashes of a growing tree in tiles, so that a proof reads a few of them and no entry.

A tile holds 256 hashes of one height, as in C2SP tlog-tiles: tile (0, n) the leaf hashes from
256 n on, tile (1, n) the roots of the tiles (0, 256 n) and following.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

from sayso.audit.tree.merkle import HASH_BYTES, node_hash

WIDTH = 256
_HEIGHT = 8
_CACHED = 256


class TileWriter:
    """Adds leaf hashes to tiles.

    Args:
        last: for each level, the number of its last tile and the hashes in it, fewer than 256.
    """

    def __init__(self, last: dict[int, tuple[int, bytes]]) -> None:
        self._last = {level: bytearray(hashes) for level, (_, hashes) in last.items()}
        self._number = {level: number for level, (number, _) in last.items()}
        self._full: list[tuple[int, int, bytes]] = []

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes, in the order of the log."""
        for leaf in leaves:
            self._push(0, leaf)

    def extend_tiles(self, roots: Iterable[bytes]) -> None:
        """Add full tiles of leaf hashes by their roots only, in the order of the log."""
        for root in roots:
            self._push(1, root)

    def tiles(self) -> Iterator[tuple[int, int, bytes]]:
        """`(level, number, hashes)` of every tile that was changed; full ones first."""
        yield from self._full
        for level, hashes in self._last.items():
            if hashes:
                yield level, self._number.get(level, 0), bytes(hashes)

    def _push(self, level: int, value: bytes) -> None:
        hashes = self._last.setdefault(level, bytearray())
        hashes += value
        if len(hashes) == WIDTH * HASH_BYTES:
            number, whole = self._number.get(level, 0), bytes(hashes)
            self._full.append((level, number, whole))
            self._number[level] = number + 1
            hashes.clear()
            self._push(level + 1, _fold(_split(whole))[-1][0])


class TileHashes:
    """A source of hashes for proofs that reads tiles.

    Args:
        read: gives the hashes of tile `(level, number)`, as far as there are any.
    """

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        self._read = read
        self._cache: OrderedDict[tuple[int, int], list[list[bytes]]] = OrderedDict()

    def hash_of(self, level: int, index: int) -> bytes:
        """The root over the leaves `[index << level, (index + 1) << level)`, 32 bytes.

        Raises:
            LookupError: when the tiles do not reach so far.
        """
        tile_level, inner = divmod(level, _HEIGHT)
        number, at = divmod(index << inner, WIDTH)
        heights = self._heights(tile_level, number)
        if inner >= len(heights) or at >> inner >= len(heights[inner]):
            raise LookupError(f"no hash at level {level}, index {index}")
        return heights[inner][at >> inner]

    def _heights(self, level: int, number: int) -> list[list[bytes]]:
        key = (level, number)
        found = self._cache.get(key)
        if found is None:
            found = self._cache[key] = _fold(_split(self._read(level, number)))
            if len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(key)
        return found


def _split(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


def _fold(hashes: list[bytes]) -> list[list[bytes]]:
    """The hashes, then those of each pair, and so on up; what has no pair yet is left out."""
    heights = [hashes]
    while len(below := heights[-1]) > 1:
        pairs = zip(below[::2], below[1::2], strict=False)
        heights.append([node_hash(left, right) for left, right in pairs])
    return heights


_INDEX = re.compile(r"(?:x[0-9]{3}/)*[0-9]{3}")


def index_path(index: int) -> str:
    """The path of an index, in groups of three digits; all but the last begin with `x`."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    return "/".join(reversed(groups))


def read_index(path: str) -> int | None:
    """The index of a path that `index_path` writes; None for every other."""
    if not _INDEX.fullmatch(path):
        return None
    index = int(path.replace("x", "").replace("/", ""))
    return index if index_path(index) == path else None
