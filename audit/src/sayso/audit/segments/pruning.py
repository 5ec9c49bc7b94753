"""Prunes a log: takes the entries of a sealed segment out of the database, when nothing forbids it.

In one transaction the entry `log.pruned` is appended, what had ended points at it instead of at
entries that go, and the lowest index is raised, with which the database deletes what is below. The
hashes of the segment stay, so the tree, its heads and its proofs go on as before. A segment goes in
several such parts, since everybody who writes waits for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from sayso.audit.authority.credentials import HOST
from sayso.audit.authority.directory import Directory
from sayso.audit.authority.state import changed_outside
from sayso.audit.customer_links import told_again
from sayso.audit.entry import Actor, Entry, EntryKind, Json
from sayso.audit.log import AuditLog
from sayso.audit.retention_clock import agreed_time, note_time
from sayso.audit.segments.rows import read_segments
from sayso.audit.segments.sealed import SealedSegment, frontier_at
from sayso.audit.segments.sealing import Segments, check_file, locked_folder, tiles_of_rows
from sayso.audit.segments.segment import WIDTH, tenant_folder
from sayso.audit.signed_note.note import Verifier, encode64
from sayso.errors import Code, IntegrityError, RefusedError, SaysoError
from sayso.ids import Clock, Tenant, rfc3339, to_micros
from sayso.store.base import Reader, Row, Store, Transaction, integer, text

Progress = Callable[[int, int], None]
AT_ONCE = 1024
"""So many entries go in one transaction: a fifth of a second on PostgreSQL, and no longer in all
than in larger parts (`python -m bench.retention`)."""
_REPOINTED = ("actions", "approvals", "requests", "tokens", "holds", "links", "erasures")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What a run did.

    Attributes:
        first, to: the entries that went are those from `first` to below `to`.
        blocked: why it went no further; None when nothing more was due.
        unended: what has not ended and keeps entries that are due, whatever else does.
    """

    first: int = 0
    to: int = 0
    blocked: SaysoError | None = None
    unended: Sequence[Unended] = ()


class Pruner:
    """Raises the lowest index of logs.

    Args:
        kept_for: how long the entries of a log stay in the database; None for good.
        places: names of the places outside that must have seen a log's head first.
        directory: who may do what, and which holds are in force, by the log; None asks the rows
            alone.
        at_once: how many entries go in one transaction; a multiple of 256.
        passing: told when a segment is `checked` and when a part of it is `pruned`; for tests.

    Guarantees: no entry goes whose segment was not read from its file, whole and right, just
    before; none that is younger than `kept_for`, by `agreed_time`; none while a legal hold is in
    force in the tenant, nor at or behind one that something open still points at. What goes, goes
    with its entry.
    """

    def __init__(
        self,
        store: Store,
        log: AuditLog,
        clock: Clock,
        segments: Segments,
        *,
        kept_for: Callable[[Tenant], timedelta | None],
        places: Callable[[Tenant], Sequence[str]] = lambda tenant: (),
        directory: Directory | None = None,
        at_once: int = AT_ONCE,
        passing: Callable[[str], None] = lambda step: None,
    ) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._segments = segments
        self._kept_for = kept_for
        self._places = places
        self._directory = directory
        self._at_once = at_once
        self._passing = passing

    async def prune(
        self,
        tenant: Tenant,
        by: Actor,
        *,
        credential: str = HOST,
        progress: Progress = lambda done, total: None,
    ) -> Pruned:
        """Prune every segment that is due; stops at the first one that something forbids.

        Args:
            credential: by what whoever does it showed who they are.

        Raises:
            RetryableError: `store_busy`, when another process seals or prunes this log.
            IntegrityError: when a file, or the rows, are not what the log has there; nothing goes.
        """
        kept_for = self._kept_for(tenant)
        if kept_for is None:
            return Pruned()
        now, age = to_micros(self._clock.now()), kept_for // timedelta(microseconds=1)
        agreed = await self._store.read(lambda reader: agreed_time(reader, tenant, now))
        due = await self._store.read(partial(_due, tenant, agreed - age))
        if not due:
            if not await self._store.read(partial(_due, tenant, now - age)):
                return Pruned()
            await note_time(self._store, self._log, tenant, now, now - age)
            return Pruned(blocked=_by_the_clock_alone())
        first = to = due[0].pruned_to
        with locked_folder(self._segments.folder / tenant_folder(tenant)):
            for one in due:
                try:
                    await self._check(tenant, one)
                    self._passing("checked")
                    while to < one.end:
                        # NOTE: bound to no tenant, since a stop of all stands under another.
                        to = await self._store.write(
                            partial(
                                self._prune,
                                tenant=tenant,
                                segment=one,
                                was=to,
                                by=by,
                                credential=credential,
                            )
                        )
                        self._passing("pruned")
                        progress(to - first, due[-1].end - first)
                except RefusedError as error:
                    left = await self._store.read(partial(read_unended, tenant=tenant, end=one.end))
                    return Pruned(first=first, to=to, blocked=error, unended=left)
        return Pruned(first=first, to=to)

    async def _check(self, tenant: Tenant, segment: SealedSegment) -> None:
        """Read the file and the rows once more, right before the rows go."""
        await self._store.read(partial(self._check_free, tenant, segment))
        path = self._segments.path(tenant, segment.file)
        origin = self._log.origin_of(tenant)
        keys = await self._store.read(partial(_keys, tenant))
        try:
            found = await asyncio.to_thread(check_file, path, origin, segment.root, iter(keys))
        except IntegrityError as error:
            if segment.is_pruned:
                raise
            raise IntegrityError(
                error.code,
                error.message,
                next_step="put the file back from where it was copied to, or remove what is left "
                "of it and have it written anew: `sayso audit seal --again`",
                detail=error.detail,
            ) from error
        rows = await self._store.read(
            lambda reader: tiles_of_rows(reader, tenant, segment.pruned_to, segment.end)
        )
        kept = segment.tiles[(segment.pruned_to - segment.first) // WIDTH :]
        if rows != kept or (found.length, found.sha256_hex) != (
            segment.length,
            segment.sha256_hex,
        ):
            raise IntegrityError(
                Code.TAMPERED,
                f"the segment `{segment.file}` is not what was sealed, so its entries stay",
                next_step="run `sayso audit verify`",
            )

    def _check_free(self, tenant: Tenant, segment: SealedSegment, reader: Reader) -> None:
        """Refuse what keeps entries in the database.

        Raises:
            RefusedError: `legal_hold` or `wrong_state`, naming what it is.
        """
        hold = reader.one("segment.any_hold", tenant=tenant)
        if hold is not None:
            raise RefusedError(
                Code.LEGAL_HOLD,
                f"the legal hold {text(hold, 'id')} ({text(hold, 'reason')}) keeps the whole log",
                next_step=f"have two people release it: `sayso privacy release {text(hold, 'id')}`",
            )
        if self._directory is not None and self._directory.at(reader, tenant).holds:
            raise changed_outside("a hold, which is in force by the log,")
        end = segment.end
        refuse_unended(read_unended(reader, tenant, end))
        seen = {
            text(row, "place"): integer(row, "size")
            for row in reader.all("publication.of_tenant", tenant=tenant)
        }
        for place in self._places(tenant):
            if seen.get(place, 0) < end:
                raise RefusedError(
                    Code.WRONG_STATE,
                    f"`{place}` has not seen the log as far as {end}, so its entries stay",
                    next_step="run `sayso audit publish`, or take the place out of sayso.toml",
                )

    def _prune(
        self,
        tx: Transaction,
        *,
        tenant: Tenant,
        segment: SealedSegment,
        was: int,
        by: Actor,
        credential: str,
    ) -> int:
        """Take the next entries of a segment out; returns the lowest index that is left."""
        # INVARIANT: looked at again under the lock of all writers, since a hold that was placed
        # meanwhile is to hold.
        self._check_free(tenant, segment, tx)
        known = read_segments(tx, tenant)
        if replace(segment, pruned_to=was) not in known:
            raise RefusedError(
                Code.WRONG_STATE,
                "the segment was pruned or sealed anew meanwhile",
                next_step="run it again",
            )
        to = min(was + self._at_once, segment.end)
        data: dict[str, Json] = {
            "first": was,
            "size": to,
            "root": encode64(frontier_at(known, to).root()),
            "file": segment.file,
            "sha256": segment.sha256_hex,
            "credential": credential,
        }
        self._tell_links_again(tx, tenant, to, by)
        entry = Entry(kind=EntryKind.LOG_PRUNED, actor=by, data=data)
        seq = self._log.append(tx, tenant, entry)
        for table in _REPOINTED:
            tx.run(f"segment.repoint_{table}", tenant=tenant, end=to, pruned_seq=seq)
        tx.run("segment.repoint_stops", home=tenant, end=to, pruned_seq=seq)
        tx.run("segment.prune", tenant=tenant, first=segment.first, to=to, was=was, pruned_seq=seq)
        return to

    def _tell_links_again(self, tx: Transaction, tenant: Tenant, end: int, by: Actor) -> None:
        """Have the log say once more of each link in force what an entry says that goes.

        INVARIANT: whoever asks for the links of an account goes by the entries in the database.
        """
        now = to_micros(self._clock.now())
        for row in tx.all("link.told_below", tenant=tenant, end=end, now=now):
            seq = self._log.append(tx, tenant, told_again(text(row, "body").encode(), by))
            tx.run("link.told_again", tenant=tenant, id=text(row, "id"), last_seq=seq)


def _by_the_clock_alone() -> RefusedError:
    return RefusedError(
        Code.WRONG_STATE,
        "entries are old enough by the clock alone, and the log has not said so for a day",
        next_step="see that the machine's clock is right, and run it again in a day",
    )


def _due(tenant: Tenant, before: int, reader: Reader) -> list[SealedSegment]:
    """The segments that are old enough, up to the first that is not."""
    due: list[SealedSegment] = []
    for one in read_segments(reader, tenant):
        if one.pruned_to == one.end:
            continue
        row = reader.one(
            "segment.newest_at", tenant=tenant, first=one.pruned_to, end=one.end, before=before
        )
        if row is not None:
            break
        due.append(one)
    return due


def _keys(tenant: Tenant, reader: Reader) -> list[Verifier]:
    return [Verifier.parse(text(row, "vkey")) for row in reader.all("log.keys", tenant=tenant)]


LISTED = 100
"""So many are listed at most, the oldest entries first."""
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Unended:
    """A row that can still move.

    Attributes:
        what: `action`, `approval`, `request`, `erasure` or `stop`.
        since: when it came into its status, in microseconds since 1970.
        seq: the entry that it points at.
    """

    what: str
    id: str
    status: str
    since: int
    seq: int


def read_unended(reader: Reader, tenant: Tenant, end: int) -> list[Unended]:
    """What points at an entry below `end` and has not ended, the oldest entries first.

    INVARIANT: such an entry stays. Whoever settles the row has to see its timeline, and its state
    is compared with what its entries say; what has ended needs neither.
    """
    rows = reader.all("segment.open_rows", tenant=tenant, end=end, limit=LISTED)
    rows += reader.all("segment.open_stops", home=tenant, end=end, limit=LISTED)
    return sorted(map(_read, rows), key=lambda row: row.seq)[:LISTED]


def refuse_unended(rows: Sequence[Unended]) -> None:
    """Refuse while there are any.

    Raises:
        RefusedError: `wrong_state`, which names the oldest ones, and what to do about the first.
    """
    if not rows:
        return
    named = [f"the {row.what} `{row.id}` ({row.status} {_since(row)})" for row in rows[:_NAMED]]
    if len(rows) > _NAMED:
        more = "at least " if len(rows) == LISTED else ""
        named.append(f"{more}{len(rows) - _NAMED} more")
    raise RefusedError(
        Code.WRONG_STATE,
        f"{_joined(named)} {'has' if len(rows) == 1 else 'have'} not ended, and"
        f" {'points' if len(rows) == 1 else 'point'} at an entry that would go",
        next_step=_next_step(rows[0]),
    )


def _since(row: Unended) -> str:
    return f"since {rfc3339(row.since)[:10]}"


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _next_step(row: Unended) -> str:
    match row.what, row.status:
        case "action", "unknown":
            return (
                "look at the provider what became of it, then say so: `sayso actions settle"
                f" {row.id} --outcome succeeded|failed --evidence …`"
            )
        case "action", _:
            return f"settle it, or let it end; `sayso actions show {row.id}` shows it"
        case "approval", _:
            return f"decide, or let it expire; `sayso approvals show {row.id}` shows it"
        case "stop", _:
            return f"have two people end it: `sayso resume {row.id}`"
        case "erasure", _:
            return "run `sayso privacy sweep`, which finishes it"
        case _:
            return "let it end, which `sayso serve` or `sayso worker` sees to"


def _read(row: Row) -> Unended:
    return Unended(
        what=text(row, "what"),
        id=text(row, "id"),
        status=text(row, "status"),
        since=integer(row, "since"),
        seq=integer(row, "last_seq"),
    )
