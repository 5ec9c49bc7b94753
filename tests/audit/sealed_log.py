"""A small log of which segments are sealed in files, and which may be pruned, without a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import orjson
from audit.small_log import AGENT, SmallLog, editing, frontier_of

from sayso.audit.entry import Entry, EntryKind
from sayso.audit.segments.sealed import KeptRotation, SealedSegment, encode_rotations
from sayso.audit.segments.segment import (
    SegmentInfo,
    WrittenSegment,
    segment_name,
    tenant_folder,
    write_segment,
)
from sayso.audit.signed_note.note import encode64
from sayso.audit.tree.merkle import LeafHashes, inclusion_proof, leaf_hash

COUNT = 256
LEVEL = 8


@dataclass(slots=True, kw_only=True)
class Row:
    """A row of `log_segment`, to be changed by a test before it is written."""

    segment: SealedSegment

    def values(self, tenant: str) -> tuple[object, ...]:
        one = self.segment
        return (
            *(tenant, one.first, one.count, one.root, one.tile),
            *(encode_rotations(one.rotations), one.file, one.length, one.sha256_hex),
            *(one.sealed_seq, one.pruned_to, None),
        )


class SealedLog(SmallLog):
    """A log of whose full segments each is sealed in a file.

    Args:
        segments: how many; a few entries follow.
        state: with actions and approvals.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segments: int = 2,
        state: bool = False,
        tenant: str = "main",
        rotated: bool = False,
    ) -> None:
        super().__init__(segments * COUNT, tenant=tenant, plain=not state)
        if rotated:
            del self.bodies[100:]
            self.rotate(seed=2)
            rest = SmallLog(segments * COUNT, tenant=tenant, plain=True).bodies
            self.bodies.extend(rest[len(self.bodies) :])
        self.files = folder / "segments"
        self.rows: list[Row] = []
        for first in range(0, segments * COUNT, COUNT):
            self.seal(first)

    @property
    def folder(self) -> Path:
        """Where the files of this tenant are."""
        folder = self.files / tenant_folder(self.tenant)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def seal(self, first: int) -> None:
        """Write the file of a segment, and the entry that tells of it."""
        written, name = self.write_file(first, self.bodies[first : first + COUNT])
        self.enter(first, written, name)

    def enter(self, first: int, written: WrittenSegment, name: str) -> None:
        """Have the log and a row tell of a file."""
        self.append(
            Entry(
                kind=EntryKind.LOG_SEALED,
                actor=AGENT,
                data={
                    "first": first,
                    "count": COUNT,
                    "root": encode64(written.root),
                    "file": name,
                    "bytes": written.length,
                    "sha256": written.sha256_hex,
                },
            )
        )
        rotations = tuple(
            KeptRotation(seq=seq, note=note)
            for seq, note in self.rotations()
            if first <= seq < first + COUNT
        )
        segment = SealedSegment(
            first=first,
            count=COUNT,
            root=written.root,
            tile=written.tile,
            rotations=rotations,
            file=name,
            length=written.length,
            sha256_hex=written.sha256_hex,
            sealed_seq=len(self.bodies) - 1,
            pruned_to=first,
        )
        self.rows.append(Row(segment=segment))

    def rotations(self) -> list[tuple[int, str]]:
        """The changes of keys: index and note."""
        return [
            (seq, orjson.loads(body)["data"]["note"])
            for seq, body in enumerate(self.bodies)
            if b'"kind":"key.rotated"' in body
        ]

    def write_file(
        self, first: int, bodies: Sequence[bytes], *, note: str | None = None, tenant: str = ""
    ) -> tuple[WrittenSegment, str]:
        """A file with these bodies, under the head that the log has now."""
        size = len(self.bodies)
        info = SegmentInfo(
            tenant=tenant or self.tenant, origin=self.origin, first=first, count=COUNT, size=size
        )
        leaves = LeafHashes(list(map(leaf_hash, self.bodies)))
        path = self.folder / "new"
        with path.open("wb") as file:
            written = write_segment(
                file,
                info,
                note=(note or self.note()).encode(),
                vkeys=[vkey for vkey, _ in self.keys],
                proof=inclusion_proof(leaves, first, size)[LEVEL:],
                bodies=bodies,
            )
        name = segment_name(first, COUNT, written.sha256_hex)
        path.replace(self.folder / name)
        return written, name

    def prune(self, to: int) -> None:
        """Take the entries below `to` out, with the entry that tells of it."""
        root = frontier_of(self.bodies[:to]).root()
        self.append(
            Entry(
                kind=EntryKind.LOG_PRUNED,
                actor=AGENT,
                data={
                    "first": self.dropped,
                    "size": to,
                    "root": encode64(root),
                    "file": self.rows[(to - 1) // COUNT].segment.file,
                    "sha256": self.rows[(to - 1) // COUNT].segment.sha256_hex,
                },
            )
        )
        self.dropped = to
        for row in self.rows:
            one = row.segment
            pruned_to = max(one.first, min(one.end, to))
            row.segment = replace(one, pruned_to=pruned_to)

    def write(self, path: Path) -> Path:
        """Make the database."""
        super().write(path)
        with editing(path) as database:
            for row in self.rows:
                database.execute(
                    f"insert into log_segment values ({','.join('?' * 12)})",
                    row.values(self.tenant),
                )
            if not self.plain and self.dropped:
                seq = len(self.bodies) - 1
                for table in ("action", "approval"):
                    database.execute(
                        f"update {table} set last_seq = ? where last_seq < ?", (seq, self.dropped)
                    )
        return path
