"""The checks on what is sealed in files, and on what was taken out of a database since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import cast

from sayso.audit.segments.sealed import (
    PRUNED,
    SEALED,
    SealedSegment,
    frontier_at,
    is_described_by,
    pruned_size,
)
from sayso.audit.segments.segment import WIDTH, SegmentReader, tenant_folder
from sayso.audit.signed_note.note import encode64, open_checkpoint
from sayso.audit.signing.keys import KeyHistory
from sayso.audit.signing.rotation import RotationEntry
from sayso.audit.tree.merkle import Frontier, verify_subtree
from sayso.audit.verifier.verification import Check, Damage, FileState, Findings, SegmentFile
from sayso.audit.verifier.walk import Walk
from sayso.errors import Code, IntegrityError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Examined:
    """A file that holds what its row says."""

    path: Path
    size: int
    note: bytes
    proof: tuple[bytes, ...]


class SealedPart:
    """The sealed segments of one log, as a source lists them.

    Args:
        listed: the rows, with None in the place of one that can be no segment; None where the
            source lists none.
        folder: where the files are; None when none are at hand.
    """

    def __init__(
        self,
        listed: Sequence[SealedSegment | None] | None,
        tenant: str,
        origin: str,
        folder: Path | None,
        findings: Findings,
    ) -> None:
        self._tenant = tenant
        self._origin = origin
        self._folder = folder
        self._findings = findings
        self._broken = listed is None
        self.segments = tuple(self._in_order(listed or ()))
        self.pruned_to = pruned_size(self.segments)
        self._whole: dict[int, _Examined] = {}
        self._unread: list[range] = []
        self._states: dict[int, FileState] = {}
        for one in self.segments:
            self._states[one.first] = self._examine(one)

    @property
    def marks(self) -> set[int]:
        """The sizes of the checkpoints in the files, and where each segment ends."""
        ends = {one.end for one in self.segments}
        return ends | {one.size for one in self._whole.values()}

    @property
    def files(self) -> tuple[SegmentFile, ...]:
        """What was found of each."""
        return tuple(
            SegmentFile(
                first=one.first, last=one.end - 1, file=one.file, state=self._states[one.first]
            )
            for one in self.segments
        )

    def walk(self, walk: Walk, total: int) -> None:
        """Have the pruned entries walked: from their files, or else by their hashes.

        Raises:
            IntegrityError: when a file changes while it is read.
        """
        for one in self.segments:
            if not one.is_pruned:
                break
            count = one.pruned_to - one.first
            whole = self._whole.get(one.first)
            if whole is not None:
                walk.run_sealed(_bodies(whole.path, one.first, count), total)
            else:
                self._unread.append(range(one.first, one.pruned_to))
                walk.skip(
                    one.tiles[: count // WIDTH],
                    (
                        RotationEntry(seq=kept.seq, note=kept.note, root=None)
                        for kept in one.rotations
                        if kept.seq < one.pruned_to
                    ),
                )

    def judge(self, walk: Walk, history: KeyHistory) -> None:
        """Hold the rows against the entries that tell of them, and the files against the tree."""
        if not self._broken:
            self._judge_pruned(walk)
        self._judge_sealed(walk)
        self._judge_entries(walk)
        self._judge_rotations(walk)
        for one in self.segments:
            whole = self._whole.get(one.first)
            if (
                whole is not None
                and history.periods
                and not self._is_signed(one, whole, walk, history)
            ):
                message = f"the checkpoint in the segment `{one.file}` is not one of this log"
                self._add(Check.SEGMENT_SIGNED, Damage.FORGED, message, one)
                self._states[one.first] = FileState.DAMAGED

    def _in_order(self, listed: Sequence[SealedSegment | None]) -> Iterator[SealedSegment]:
        """The rows that follow from one another, up to the first that does not."""
        end, count, open_end = 0, None, False
        for one in listed:
            fits = (
                one is not None
                and one.first == end
                and count in {None, one.count}
                and not (open_end and one.is_pruned)
                and one.fits_its_tile
            )
            if one is None or not fits:
                message = f"the row of the sealed segment at {end} does not follow from the others"
                self._findings.add(Check.SEGMENT_ROW, Damage.EDITED, message, end)
                self._broken = True  # nothing can be said about those that follow
                return
            yield one
            end, count, open_end = one.end, one.count, one.pruned_to < one.end

    def _path(self, one: SealedSegment) -> Path | None:
        if self._folder is None:
            return None
        return self._folder / tenant_folder(self._tenant) / one.file

    def _examine(self, one: SealedSegment) -> FileState:
        """Read a file once, from end to end."""
        path = self._path(one)
        if path is None:
            return FileState.NOT_AT_HAND
        try:
            with SegmentReader(path) as reader:
                for _ in reader.bodies():
                    pass
                digest = reader.digest
        except IntegrityError as error:
            if error.code is Code.NOT_A_DATABASE:
                self._add(Check.SEGMENT_PRESENT, Damage.PRUNED, error.message, one)
                return FileState.MISSING
            self._add(Check.SEGMENT_FORM, Damage.EDITED, error.message, one)
            return FileState.DAMAGED
        state = FileState.VERIFIED
        if reader.root != one.root or not is_described_by(one, reader, self._tenant, self._origin):
            message = f"the segment `{one.file}` holds other entries than the log"
            self._add(Check.SEGMENT_ROOT, Damage.EDITED, message, one)
            state = FileState.DAMAGED
        elif digest != (one.length, one.sha256_hex):
            message = f"the segment `{one.file}` is another file than the one that was sealed"
            self._add(Check.SEGMENT_DIGEST, Damage.EDITED, message, one)
            state = FileState.DAMAGED
        if state is FileState.VERIFIED:
            size = reader.info.size
            self._whole[one.first] = _Examined(
                path=path, size=size, note=reader.note, proof=reader.proof
            )
        return state

    def _judge_pruned(self, walk: Walk) -> None:
        """The newest entry about pruning says exactly how far it went, and to which root."""
        said = [_fields(data) for _, kind, data in walk.sealings if kind == PRUNED]
        newest = said[-1] if said else {}
        size = newest.get("size", 0)
        if size != self.pruned_to:
            message = (
                f"the entries below {self.pruned_to} are not in the database, and the log says so"
                f" of those below {size!r:.20}"
            )
            last = max(self.pruned_to - 1, 0)
            self._findings.add(Check.SEGMENT_PRUNED, Damage.DELETED, message, 0, last)
        elif self.pruned_to:
            root = frontier_at(self.segments, self.pruned_to).root()
            if newest.get("root") != encode64(root):
                message = f"the root at {self.pruned_to} is not the one that the pruning tells of"
                self._findings.add(Check.SEGMENT_PRUNED, Damage.EDITED, message, 0)

    def _judge_sealed(self, walk: Walk) -> None:
        said: dict[object, dict[str, object]] = {}
        for seq, kind, data in walk.sealings:
            if kind == SEALED:
                fields = _fields(data)
                first = fields.get("first")
                # What is no index is told of by no row, so it is found missing below.
                said[first if type(first) is int else f"{first!r:.20}"] = {**fields, "seq": seq}
        for one in self.segments:
            own = said.pop(one.first, None)
            if own is None and any(one.sealed_seq in unread for unread in self._unread):
                continue  # its entry is itself among those that were taken by their hashes
            stated = {
                "first": one.first,
                "count": one.count,
                "root": encode64(one.root),
                "file": one.file,
                "bytes": one.length,
                "sha256": one.sha256_hex,
                "seq": one.sealed_seq,
            }
            if own != stated:
                message = f"the row of the segment `{one.file}` is not what its entry says"
                self._add(Check.SEGMENT_SEALED, Damage.FORGED, message, one)
        for first in said if not self._broken else ():
            message = f"an entry tells of a sealed segment at {first!r:.20}, and no row does"
            self._findings.add(Check.SEGMENT_SEALED, Damage.DELETED, message)

    def _judge_entries(self, walk: Walk) -> None:
        """What was read of a segment is what was sealed, also where it stands under a new head."""
        sealed = Frontier()
        for one in self.segments:
            sealed.append_tree(one.root, one.level)
            own = walk.root_at(one.end)
            if own is not None and own != sealed.root():
                message = f"the entries of the segment `{one.file}` are not those that were sealed"
                self._add(Check.SEGMENT_ROOT, Damage.EDITED, message, one)
                return  # each root behind it holds these entries too

    def _judge_rotations(self, walk: Walk) -> None:
        """The changes of keys that a row keeps are those of its entries, where these were read."""
        own = {one.seq: one.note for one in walk.rotations if one.root is not None}
        unread = {one.start: one for one in self._unread}
        for one in self.segments:
            hidden = unread.get(one.first, range(0))
            kept = [(each.seq, each.note) for each in one.rotations if each.seq not in hidden]
            read = sorted((seq, note) for seq, note in own.items() if one.first <= seq < one.end)
            if kept != read and one.end <= walk.frontier.size:
                message = f"the row of the segment `{one.file}` keeps other changes of keys"
                self._add(Check.SEGMENT_ROW, Damage.EDITED, message, one)

    def _is_signed(
        self, one: SealedSegment, whole: _Examined, walk: Walk, history: KeyHistory
    ) -> bool:
        try:
            signed = open_checkpoint(whole.note, [period.key for period in history.periods])
        except IntegrityError:
            return False
        own = walk.root_at(whole.size)
        index = one.first >> one.level
        return (
            (signed.origin, signed.size) == (self._origin, whole.size)
            and own in {None, signed.root}
            and verify_subtree(one.root, one.level, index, signed.size, whole.proof, signed.root)
        )

    def _add(self, check: Check, damage: Damage, message: str, one: SealedSegment) -> None:
        self._findings.add(check, damage, message, one.first, one.end - 1)


def _bodies(path: Path, first: int, count: int) -> Iterator[tuple[int, bytes]]:
    with SegmentReader(path) as reader:
        yield from enumerate(islice(reader.bodies(), count), first)


def _fields(data: object) -> dict[str, object]:
    return cast("dict[str, object]", data) if isinstance(data, dict) else {}
