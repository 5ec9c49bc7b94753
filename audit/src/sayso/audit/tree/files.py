"""A log as a tree of static files: anybody can fetch, cache and verify them with tools of others.

    checkpoint                      the signed head
    tile/0/000  tile/0/001.p/44     leaf hashes, 256 in a tile; the last one is partial
    tile/1/000.p/1                  the roots of full tiles, and so on upwards
    tile/entries/000                the entries, each with its length before it

Source: c2sp.org/tlog-tiles.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sayso.audit.tree.merkle import HashSource
from sayso.audit.tree.tiles import index_path, read_index
from sayso.audit.witness.records import write_durably
from sayso.errors import Code, RefusedError

WIDTH = 256
HEIGHT = 8
ENTRIES = "entries"
MAX_LEVEL = 63
_MAX_ENTRY_BYTES = 0xFFFF
_PATH = re.compile(r"(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class TileName:
    """Which tile.

    Attributes:
        level: 0 for leaf hashes, each higher one 256 times fewer; None for the entries themselves.
        index: its number in the level, from 0.
        width: how many hashes or entries it holds, 1 to 256.
    """

    level: int | None
    index: int
    width: int = WIDTH

    def path(self) -> str:
        """Its path below `tile/`."""
        level = ENTRIES if self.level is None else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"{level}/{index_path(self.index)}{partial}"

    @classmethod
    def parse(cls, path: str) -> TileName | None:
        """The tile of a path that `path` writes; None for every other."""
        match = _PATH.fullmatch(path)
        index = read_index(match[2]) if match else None
        if match is None or index is None:
            return None
        level = None if match[1] == ENTRIES else int(match[1])
        width = int(match[3]) if match[3] else WIDTH
        if (level or 0) > MAX_LEVEL or (match[3] and width >= WIDTH):
            return None
        return cls(level=level, index=index, width=width)

    @property
    def end(self) -> int:
        """The size from which a log has this tile with this width."""
        return (self.index * WIDTH + self.width) << (HEIGHT * (self.level or 0))


def tiles_of(size: int, old_size: int = 0) -> Iterator[TileName]:
    """The tiles of a log of that size which a log of the old size had not; entries first."""
    yield from _level(None, size, old_size)
    level = 0
    while size >> (HEIGHT * level):
        yield from _level(level, size >> (HEIGHT * level), old_size >> (HEIGHT * level))
        level += 1


def _level(level: int | None, count: int, old_count: int) -> Iterator[TileName]:
    for index in range(old_count // WIDTH, count // WIDTH):
        yield TileName(level=level, index=index)
    width = count % WIDTH
    if width and count != old_count:
        yield TileName(level=level, index=count // WIDTH, width=width)


def tile_bytes(source: HashSource, tile: TileName) -> bytes:
    """The hashes of a tile, 32 bytes each; the log must reach to `tile.end`."""
    assert tile.level is not None, "entries are no hashes"
    first = tile.index * WIDTH
    level = HEIGHT * tile.level
    return b"".join(source.hash_of(level, at) for at in range(first, first + tile.width))


def bundle_bytes(bodies: Iterable[bytes]) -> bytes:
    """Entries one after the other, each after its length as two bytes, the larger first.

    Raises:
        RefusedError: `invalid_input`, for an entry of exactly 65,536 bytes, which has no such form.
    """
    parts: list[bytes] = []
    for body in bodies:
        if len(body) > _MAX_ENTRY_BYTES:
            raise RefusedError(
                Code.INVALID_INPUT,
                f"an entry of {len(body)} bytes has no form in a bundle of entries",
                next_step="use `sayso audit export` for this log",
            )
        parts += (len(body).to_bytes(2), body)
    return b"".join(parts)


def write_tiles(
    folder: Path,
    note: str,
    size: int,
    source: HashSource,
    bodies: Callable[[int, int], Sequence[bytes]],
) -> int:
    """Bring a folder up to a log's head; returns how many files were written.

    Args:
        folder: made when it is not there.
        bodies: gives so many bodies from an index on.

    Guarantees: the checkpoint is replaced last, so at any moment, and after a crash, what it needs
    is there. Files that are there already are left as they are: tiles never change.
    """
    count = 0
    for tile in tiles_of(size):
        path = folder / "tile" / tile.path()
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if tile.level is None:
            content = bundle_bytes(bodies(tile.index * WIDTH, tile.width))
        else:
            content = tile_bytes(source, tile)
        write_durably(path, content)
        count += 1
    write_durably(folder / "checkpoint", note.encode())
    return count + 1
