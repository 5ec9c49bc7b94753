"""What a database keeps of the parts of a log that are sealed in files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import orjson

from sayso.audit.entry import Json, canonical_bytes, read_canonical
from sayso.audit.segments.segment import (
    WIDTH,
    SegmentReader,
    is_segment_name,
    is_segment_size,
)
from sayso.audit.signed_note.note import decode64, encode64
from sayso.audit.tree.merkle import HASH_BYTES, Frontier, root_of
from sayso.errors import IntegrityError

SEALED = "log.sealed"
PRUNED = "log.pruned"
"""Kinds of entries; `docs/reference/audit-format.md` tells their data."""
TILE_LEVEL = 8
"""The height of a tree over 256 entries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRotation:
    """A change of keys among the entries of a segment: its index and the note that both signed."""

    seq: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSegment:
    """A row of `log_segment`.

    Attributes:
        first, count: which entries.
        root: over them, 32 bytes. tile: the roots of each 256 of them, 32 bytes each.
        rotations: the changes of keys among them.
        file: the name of the file, in the folder of the tenant's segments.
        length, sha256_hex: of the file.
        sealed_seq: the entry that tells of the file.
        pruned_to: the lowest index of them that is still in the database; `first` for all, `end`
            for none.
    """

    first: int
    count: int
    root: bytes
    tile: bytes
    rotations: tuple[KeptRotation, ...]
    file: str
    length: int
    sha256_hex: str
    sealed_seq: int
    pruned_to: int

    @property
    def end(self) -> int:
        """The index behind its last entry."""
        return self.first + self.count

    @property
    def level(self) -> int:
        """The height of its root over the leaves."""
        return self.count.bit_length() - 1

    @property
    def is_pruned(self) -> bool:
        """Whether any of its entries is gone from the database."""
        return self.pruned_to > self.first

    @property
    def tiles(self) -> list[bytes]:
        """The roots of each 256 of its entries."""
        return [self.tile[at : at + HASH_BYTES] for at in range(0, len(self.tile), HASH_BYTES)]

    @property
    def fits_its_tile(self) -> bool:
        """Whether the kept hashes lead to the kept root."""
        return root_of(self.tiles) == self.root


def parse_sealed(
    *,
    first: object,
    count: object,
    root: object,
    tile: object,
    rotations: object,
    file: object,
    length: object,
    sha256_hex: object,
    sealed_seq: object,
    pruned_to: object,
) -> SealedSegment | None:
    """A row as a source has it; None when it can be no segment."""
    if type(first) is not int or type(count) is not int or not is_segment_size(count):
        return None
    if type(length) is not int or type(sealed_seq) is not int or first < 0 or first % count:
        return None
    if type(pruned_to) is not int or not first <= pruned_to <= first + count:
        return None
    if pruned_to % WIDTH:
        return None
    if not isinstance(file, str) or not is_segment_name(file) or not isinstance(sha256_hex, str):
        return None
    if not isinstance(root, bytes) or len(root) != HASH_BYTES:
        return None
    if not isinstance(tile, bytes) or len(tile) != count // WIDTH * HASH_BYTES:
        return None
    kept = _parse_rotations(rotations)
    if kept is None:
        return None
    return SealedSegment(
        first=first,
        count=count,
        root=root,
        tile=tile,
        rotations=kept,
        file=file,
        length=length,
        sha256_hex=sha256_hex,
        sealed_seq=sealed_seq,
        pruned_to=pruned_to,
    )


def encode_sealed(one: SealedSegment) -> bytes:
    """A line of a bundle's `segments.jsonl`, without its line feed."""
    rotations: list[Json] = [{"seq": kept.seq, "note": kept.note} for kept in one.rotations]
    return canonical_bytes(
        {
            "first": one.first,
            "count": one.count,
            "root": encode64(one.root),
            "tile": encode64(one.tile),
            "rotations": rotations,
            "file": one.file,
            "bytes": one.length,
            "sha256": one.sha256_hex,
            "sealed_seq": one.sealed_seq,
            "pruned_to": one.pruned_to,
        }
    )


def decode_sealed(line: bytes) -> SealedSegment | None:
    """The segment of such a line; None when it can be none, or is not in its one form."""
    try:
        fields = read_canonical(line)
    except IntegrityError:
        return None
    if not isinstance(fields, dict):
        return None
    get = fields.get
    found = parse_sealed(
        first=get("first"),
        count=get("count"),
        root=_decoded(get("root")),
        tile=_decoded(get("tile")),
        rotations=orjson.dumps(get("rotations")).decode(),
        file=get("file"),
        length=get("bytes"),
        sha256_hex=get("sha256"),
        sealed_seq=get("sealed_seq"),
        pruned_to=get("pruned_to"),
    )
    return found if found is not None and encode_sealed(found) == line else None


def _decoded(value: object) -> bytes | None:
    return decode64(value) if isinstance(value, str) else None


def encode_rotations(rotations: Sequence[KeptRotation]) -> str:
    """The text of the column `rotations`."""
    return orjson.dumps([{"seq": one.seq, "note": one.note} for one in rotations]).decode()


def _parse_rotations(encoded: object) -> tuple[KeptRotation, ...] | None:
    if not isinstance(encoded, str):
        return None
    try:
        listed: object = orjson.loads(encoded)
    except ValueError:
        return None
    found: list[KeptRotation] = []
    for one in cast("list[object]", listed) if isinstance(listed, list) else [None]:
        match one:
            case {"seq": int(seq), "note": str(note)}:
                found.append(KeptRotation(seq=seq, note=note))
            case _:
                return None
    return tuple(found)


def pruned_size(segments: Sequence[SealedSegment]) -> int:
    """How many entries are gone from the database, from the first one on."""
    return max((one.pruned_to for one in segments if one.is_pruned), default=0)


def frontier_at(segments: Sequence[SealedSegment], size: int) -> Frontier:
    """The tree's right edge at a multiple of 256 inside the segments, from the kept hashes."""
    frontier = Frontier()
    for one in segments:
        if one.end <= size:
            frontier.append_tree(one.root, one.level)
        elif one.first < size:
            for tile in one.tiles[: (size - one.first) // WIDTH]:
                frontier.append_tree(tile, TILE_LEVEL)
    return frontier


def is_described_by(
    segment: SealedSegment, reader: SegmentReader, tenant: str, origin: str
) -> bool:
    """Whether a file says that it is this segment of this log."""
    info = reader.info
    return (info.tenant, info.origin, info.first, info.count) == (
        tenant,
        origin,
        segment.first,
        segment.count,
    )
