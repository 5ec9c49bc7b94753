"""Seals a log: writes its full segments into files, checks them, and enters them into the log.

A segment is sealed in five steps: written and synced under another name, put in place, read back
and checked against the signed head, and entered into the log with its row. A crash loses the step
that it was at; the next run takes up a file that is in place, and removes one that is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson

from sayso.audit.atomic_files import sync_folder
from sayso.audit.authority.codec import parts
from sayso.audit.authority.directory import Directory
from sayso.audit.entry import Actor, Entry, EntryKind, Json
from sayso.audit.io_errors import unwritten
from sayso.audit.log import AuditLog
from sayso.audit.segments.rows import read_segments
from sayso.audit.segments.sealed import KeptRotation, SealedSegment, encode_rotations
from sayso.audit.segments.segment import (
    SEGMENT_ENTRIES,
    WIDTH,
    SegmentInfo,
    SegmentReader,
    WrittenSegment,
    is_segment_name,
    is_segment_size,
    segment_name,
    sync_file,
    tenant_folder,
    write_segment,
)
from sayso.audit.signed_note.note import Checkpoint, Verifier, encode64, open_checkpoint
from sayso.audit.signing.rotation import ROTATED
from sayso.audit.tree.merkle import (
    Frontier,
    LeafHashes,
    inclusion_proof,
    leaf_hash,
    root_at,
    verify_subtree,
)
from sayso.errors import Code, ConfigError, IntegrityError, RetryableError
from sayso.ids import Tenant
from sayso.store.base import Reader, SqlValue, Store, Transaction, integer, text

STEPS = ("written", "placed", "checked", "recorded")
"""After which steps `passing` is told."""

Progress = Callable[[int, int], None]
_PAGE = 1024
_LOCK = ".lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """Where the files of sealed segments are, and how large they are.

    Attributes:
        folder: with a folder for each tenant.
        entries: in a segment; a log that has segments keeps the size of its first one.
    """

    folder: Path
    entries: int = SEGMENT_ENTRIES

    def __post_init__(self) -> None:
        assert is_segment_size(self.entries), "a power of two, at least 256"

    def path(self, tenant: Tenant, file: str) -> Path:
        """Where the file of that name is."""
        return self.folder / tenant_folder(tenant) / file


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A log at one signed head.

    Attributes:
        known: the segments that it has.
        count: entries in a segment.
    """

    note: str
    head: Checkpoint
    origin: str
    vkeys: tuple[str, ...]
    known: tuple[SealedSegment, ...]
    count: int

    @property
    def full(self) -> int:
        """How many full segments the log has, sealed or not."""
        return self.head.size // self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hashed:
    """One segment's worth of entries, hashed."""

    root: bytes
    rotations: tuple[KeptRotation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """The file of a segment, under its name: the `at`-th of the log."""

    at: int
    written: WrittenSegment
    path: Path


class Sealer:
    """Seals the full segments of logs.

    Args:
        directory: who may do what; it is stated once more where a segment ends, so that the log can
            be judged when the entries before it have gone. None states nothing.
        passing: told of each step that is durable; for tests that end the process there.

    Guarantees: a segment is entered into the log only when its file is on the disk under its name,
    was read back, and leads to a head that the log's key has signed. One process at a time seals
    a log into a folder.
    """

    def __init__(
        self,
        store: Store,
        log: AuditLog,
        segments: Segments,
        *,
        directory: Directory | None = None,
        passing: Callable[[str], None] = lambda step: None,
    ) -> None:
        self._store = store
        self._log = log
        self._segments = segments
        self._directory = directory
        self._passing = passing

    async def seal(
        self,
        tenant: Tenant,
        by: Actor,
        *,
        again: bool = False,
        progress: Progress = lambda done, total: None,
    ) -> list[SealedSegment]:
        """Seal every full segment that is not sealed yet; returns those, oldest first.

        Args:
            again: also write anew the files that are not there any more, of segments whose
                entries are still in the database.
            progress: told how many entries of how many are sealed.

        Raises:
            RetryableError: `store_busy`, when another process seals this log.
            ConfigError: `store_full`, `invalid_setting`, when the folder cannot be written.
            IntegrityError: when the rows do not lead to the signed head, or a file that was just
                written does not read back; nothing is entered.
        """
        plan = await self._store.read(partial(self._plan, tenant))
        if plan is None or (plan.full == len(plan.known) and not again):
            return []
        folder = self._segments.folder / tenant_folder(tenant)
        with locked_folder(folder):
            plan = await self._store.read(partial(self._plan, tenant))
            assert plan is not None, "a log never goes away"
            _clean(folder)
            wanted = self._wanted(plan, folder, again=again)
            if not wanted:
                return []
            chunks = await self._hash(tenant, plan)
            done: list[SealedSegment] = []
            for at in wanted:
                placed = await self._place(tenant, plan, chunks, at, folder)
                await asyncio.to_thread(self._check, placed.path, plan, chunks[at].root)
                self._passing("checked")
                done.append(await self._record(tenant, plan, chunks[at], placed, by))
                self._passing("recorded")
                progress((at + 1) * plan.count, plan.full * plan.count)
            return done

    def _plan(self, tenant: Tenant, reader: Reader) -> _Plan | None:
        row = reader.one("log.head", tenant=tenant)
        if row is None or not integer(row, "size"):
            return None
        keys = [Verifier.parse(signer.vkey) for signer in self._log.signers_of(tenant)]
        note = text(row, "note")
        known = tuple(read_segments(reader, tenant))
        return _Plan(
            note=note,
            head=open_checkpoint(note, keys),
            origin=self._log.origin_of(tenant),
            vkeys=tuple(text(key, "vkey") for key in reader.all("log.keys", tenant=tenant)),
            known=known,
            count=known[0].count if known else self._segments.entries,
        )

    @staticmethod
    def _wanted(plan: _Plan, folder: Path, *, again: bool) -> list[int]:
        lost = [
            at
            for at, one in enumerate(plan.known)
            if again and not one.is_pruned and not (folder / one.file).exists()
        ]
        return [*lost, *range(len(plan.known), plan.full)]

    async def _hash(self, tenant: Tenant, plan: _Plan) -> list[_Hashed]:
        """The roots of all segments, and of what follows the last full one, under the head.

        Raises:
            IntegrityError: `tampered`, when they do not lead to the signed root.
        """
        chunks = [_Hashed(root=one.root, rotations=one.rotations) for one in plan.known]
        for first in range(len(plan.known) * plan.count, plan.head.size, plan.count):
            count = min(plan.count, plan.head.size - first)
            chunks.append(await self._store.read(partial(_hash_rows, tenant, first, count)))
        roots = [chunk.root for chunk in chunks]
        if root_at(LeafHashes(roots), len(roots)) != plan.head.root:
            raise _not_the_signed(tenant)
        return chunks

    async def _place(
        self, tenant: Tenant, plan: _Plan, chunks: list[_Hashed], at: int, folder: Path
    ) -> _Placed:
        first, count = at * plan.count, plan.count
        left = await asyncio.to_thread(self._left, plan, chunks[at].root, first, folder)
        if left is not None:
            return _Placed(at=at, written=left[0], path=left[1])
        proof = inclusion_proof(LeafHashes([one.root for one in chunks]), at, len(chunks))
        info = SegmentInfo(
            tenant=tenant, origin=plan.origin, first=first, count=count, size=plan.head.size
        )
        beside = folder / f".{first:012d}.tmp"

        def write(reader: Reader) -> WrittenSegment:
            with beside.open("wb") as file:
                written = write_segment(
                    file,
                    info,
                    note=plan.note.encode(),
                    vkeys=plan.vkeys,
                    proof=proof,
                    bodies=_bodies(reader, tenant, first, count),
                )
                sync_file(file)
            return written

        try:
            written = await self._store.read(write)
            self._passing("written")
            path = folder / segment_name(first, count, written.sha256_hex)
            beside.replace(path)
            sync_folder(folder)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise _unwritable(folder, error) from error
        self._passing("placed")
        return _Placed(at=at, written=written, path=path)

    def _left(
        self, plan: _Plan, root: bytes, first: int, folder: Path
    ) -> tuple[WrittenSegment, Path] | None:
        """A file that a crash left in place before its entry; None when none is this segment."""
        for path in sorted(folder.glob(f"{first:012d}-{first + plan.count - 1:012d}.*")):
            if is_segment_name(path.name):
                with contextlib.suppress(IntegrityError):
                    return self._check(path, plan, root), path
        return None

    def _state(self, tx: Transaction, tenant: Tenant, by: Actor) -> None:
        """Have the log say once more who may do what, as it is with the entry before."""
        if self._directory is None:
            return
        state = self._directory.at(tx, tenant)
        for part in parts(state) if state.adopted is not None else ():
            entry = Entry(kind=EntryKind.AUTHORITY_STATED, actor=by, data=part)
            self._log.append(tx, tenant, entry)

    @staticmethod
    def _check(path: Path, plan: _Plan, root: bytes) -> WrittenSegment:
        return check_file(path, plan.origin, root, map(Verifier.parse, plan.vkeys))

    async def _record(
        self, tenant: Tenant, plan: _Plan, chunk: _Hashed, placed: _Placed, by: Actor
    ) -> SealedSegment:
        written, first = placed.written, placed.at * plan.count
        file: dict[str, str | int] = {
            "file": placed.path.name,
            "bytes": written.length,
            "sha256": written.sha256_hex,
        }
        data: dict[str, Json] = {
            "first": first,
            "count": plan.count,
            "root": encode64(written.root),
            **file,
        }
        entry = Entry(kind=EntryKind.LOG_SEALED, actor=by, data=data)

        def work(tx: Transaction) -> SealedSegment:
            known = read_segments(tx, tenant)
            again = known[placed.at : placed.at + 1]
            if again != list(plan.known[placed.at : placed.at + 1]) or len(known) < placed.at:
                raise _sealed_meanwhile()
            seq = self._log.append(tx, tenant, entry)
            self._state(tx, tenant, by)
            row: dict[str, SqlValue] = {"first": first, "sealed_seq": seq, **file}
            if again:
                was = again[0].sealed_seq
                tx.run("segment.replace_file", tenant=tenant, was_seq=was, **row)
            else:
                tx.run(
                    "segment.insert",
                    tenant=tenant,
                    count=plan.count,
                    root=written.root,
                    tile=written.tile,
                    rotations=encode_rotations(chunk.rotations),
                    **row,
                )
            return read_segments(tx, tenant)[placed.at]

        return await self._store.write(work, tenant=tenant)


def check_file(path: Path, origin: str, root: bytes, keys: Iterator[Verifier]) -> WrittenSegment:
    """Read a segment from its file and hold it against the tree.

    Args:
        root: of the segment, from the tree.
        keys: of the log.

    Raises:
        IntegrityError: when it cannot be read, is another segment, or its checkpoint is not
            signed or not the one that it leads to.
    """
    with SegmentReader(path) as reader:
        for _ in reader.bodies():
            pass
        info = reader.info
        signed = open_checkpoint(reader.note, keys)
        level, index = info.level, info.first >> info.level
        leads = verify_subtree(reader.root, level, index, info.size, reader.proof, signed.root)
        if (
            reader.root != root
            or (signed.origin, signed.size) != (origin, info.size)
            or info.origin != origin
            or not leads
        ):
            raise IntegrityError(
                Code.TAMPERED,
                f"the segment `{path.name}` does not hold what the log has there",
                next_step="run `sayso audit verify`; nothing was changed in the database",
            )
        length, digest = reader.digest
        return WrittenSegment(length=length, sha256_hex=digest, root=reader.root, tile=reader.tile)


def _hash_rows(tenant: Tenant, first: int, count: int, reader: Reader) -> _Hashed:
    frontier = Frontier()
    rotations: list[KeptRotation] = []
    for seq, body in enumerate(_bodies(reader, tenant, first, count), first):
        frontier.append(leaf_hash(body))
        if b'"key.rotated"' in body:
            match orjson.loads(body):
                case {"kind": kind, "data": {"note": str(note)}} if kind == ROTATED:
                    rotations.append(KeptRotation(seq=seq, note=note))
                case _:
                    pass
    return _Hashed(root=frontier.root(), rotations=tuple(rotations))


def tiles_of_rows(reader: Reader, tenant: Tenant, first: int, end: int) -> list[bytes]:
    """The roots over each 256 of the entries that a database has there now."""
    return [_hash_rows(tenant, at, WIDTH, reader).root for at in range(first, end, WIDTH)]


def _bodies(reader: Reader, tenant: Tenant, first: int, count: int) -> Iterator[bytes]:
    end = first + count
    for start in range(first, end, _PAGE):
        rows = reader.all(
            "log.bodies", tenant=tenant, from_seq=start, limit=min(_PAGE, end - start)
        )
        for at, row in enumerate(rows, start):
            if integer(row, "seq") != at:
                raise _not_the_signed(tenant)
            yield text(row, "body").encode()
        if len(rows) != min(_PAGE, end - start):
            raise _not_the_signed(tenant)


def _not_the_signed(tenant: Tenant) -> IntegrityError:
    return IntegrityError(
        Code.TAMPERED,
        f"the log of `{tenant}` does not lead to its signed head, so nothing of it is sealed",
        next_step="run `sayso audit verify`",
    )


def _sealed_meanwhile() -> RetryableError:
    return RetryableError(
        Code.STORE_BUSY,
        "another process sealed or pruned this log meanwhile, into another folder",
        next_step="have all servers use one folder of segments: docs/how-to/keep-the-log-small.md",
    )


def _clean(folder: Path) -> None:
    """Remove what a crash left half written; what is in place stays, whoever put it there."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)


@contextmanager
def locked_folder(folder: Path) -> Generator[None]:
    """Take the folder of a log's segments for this process; made when it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RetryableError(
                Code.STORE_BUSY,
                "another process is sealing or pruning this log",
                next_step="wait until it has ended",
            ) from error
        yield
    finally:
        os.close(descriptor)


def _unwritable(folder: Path, error: OSError) -> ConfigError:
    return unwritten(
        f"the folder of sealed segments `{folder}`",
        error,
        full="free some disk space there; sealing then goes on",
        otherwise="correct `retention.segments`, or let this user write there",
    )
