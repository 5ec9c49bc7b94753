"""What is kept of desks: their place, their threads, what came in and what was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from sayso.audit.authority.keyring import Keyring
from sayso.connectors.desk import Changes
from sayso.ids import Tenant, to_micros
from sayso.settings import DeskSection
from sayso.store.base import Reader, Row, Transaction, integer, integer_or_none, text
from sayso.store.base import text_or_none as maybe

SayingKind = Literal["reply", "note", "hand_over", "close"]
MOST_THREAD_CHARS = 120
PREFIX = "desk:"
"""With which the conversations of requests begin that came in at a desk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A desk of the workspace. `connector`: which one reaches it."""

    tenant: Tenant
    name: str
    section: DeskSection

    @property
    def connector(self) -> str:
        """The connector's name."""
        return self.section.connector or self.name

    def conversation(self, thread: str) -> str:
        """What the requests of a thread are known by."""
        return f"{PREFIX}{self.name}:{thread}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskRow:
    """A desk as it is stored. Times are microseconds since 1970, UTC.

    Attributes:
        cursor: how far its changes are read. begun_at: what is older is none of ours.
        read_to: how far the log is read for it. swept_at: when all of its changes were read last.
    """

    cursor: str
    begun_at: int
    read_to: int
    due_at: int
    leased_until: int
    swept_at: int | None
    failing_since: int | None
    problem: str | None

    @property
    def sweep_at(self) -> int:
        """When its changes may be read again, by whoever comes first."""
        return max(self.due_at, self.leased_until)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadRow:
    """A thread as it is stored. `silent`: why Sayso says nothing in it any more."""

    id: str
    rung: int
    read_rung: int
    woken: int
    due_at: int | None
    leased_until: int
    attempts: int
    silent: str | None
    silent_at: int | None
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidRow:
    """Something that Sayso says in a thread, and what came of it."""

    n: int
    kind: SayingKind
    about: str
    request_id: str
    digest: str
    key: str
    action_id: str | None
    state: str
    why: str | None
    at: int


def desk_row(reader: Reader, place: Place) -> DeskRow | None:
    """The desk's row; None before it was read for the first time."""
    row = reader.one("desk.by_name", tenant=place.tenant, name=place.name)
    if row is None:
        return None
    return DeskRow(
        cursor=text(row, "cursor"),
        begun_at=integer(row, "begun_at"),
        read_to=integer(row, "read_to"),
        due_at=integer(row, "due_at"),
        leased_until=integer(row, "leased_until"),
        swept_at=integer_or_none(row, "swept_at"),
        failing_since=integer_or_none(row, "failing_since"),
        problem=maybe(row, "problem"),
    )


def unread_desks(
    reader: Reader, tenant: Tenant, desks: Mapping[str, DeskSection]
) -> Mapping[str, DeskRow]:
    """The desks that cannot be read, by name, as it was at the newest try of any process."""
    rows = {
        name: desk_row(reader, Place(tenant=tenant, name=name, section=section))
        for name, section in desks.items()
    }
    return {name: row for name, row in rows.items() if row is not None and row.problem}


def thread_row(row: Row) -> ThreadRow:
    """A thread's row."""
    return ThreadRow(
        id=text(row, "id"),
        rung=integer(row, "rung"),
        read_rung=integer(row, "read_rung"),
        woken=integer(row, "woken"),
        due_at=integer_or_none(row, "due_at"),
        leased_until=integer(row, "leased_until"),
        attempts=integer(row, "attempts"),
        silent=maybe(row, "silent"),
        silent_at=integer_or_none(row, "silent_at"),
        created_at=integer(row, "created_at"),
    )


def find_thread(reader: Reader, place: Place, thread: str) -> ThreadRow | None:
    """A thread; None where nothing is known of it."""
    row = reader.one("desk.thread", tenant=place.tenant, desk=place.name, id=thread)
    return None if row is None else thread_row(row)


def said_in(reader: Reader, place: Place, thread: str) -> Sequence[SaidRow]:
    """What Sayso has said in a thread, or is about to, in its order."""
    rows = reader.all("desk.said", tenant=place.tenant, desk=place.name, thread=thread)
    return [_said(row) for row in rows]


def _said(row: Row) -> SaidRow:
    return SaidRow(
        n=integer(row, "n"),
        kind=cast("SayingKind", text(row, "kind")),  # the schema allows no other
        about=text(row, "about"),
        request_id=text(row, "request_id"),
        digest=text(row, "digest"),
        key=text(row, "idempotency_key"),
        action_id=maybe(row, "action_id"),
        state=text(row, "state"),
        why=maybe(row, "why"),
        at=integer(row, "at"),
    )


def ring(tx: Transaction, place: Place, thread: str, now: int) -> None:
    """Say that a thread may have changed."""
    tx.run("desk.ring", tenant=place.tenant, desk=place.name, id=thread, now=now)


def ring_changed(tx: Transaction, place: Place, thread: str, now: int, page: Changes) -> None:
    """Say what a sweep says of a thread: that it may have changed, unless that is known.

    INVARIANT: a thread is had read once more when all changes of the time that its desk tells of it
    can be seen, since many desks tell whole seconds.
    """
    changed = page.changed.get(thread)
    if changed is None:
        ring(tx, place, thread, now)
        return
    tx.run(
        "desk.ring_changed",
        tenant=place.tenant,
        desk=place.name,
        id=thread,
        now=now,
        changed_at=to_micros(changed),
        settles=int(page.settles.total_seconds() * 1e6),
    )


def digest_of_words(keyring: Keyring, words: str) -> str:
    """What is kept of a text to know it again, and says nothing about it."""
    return keyring.seal_note(b"sayso/desk/said/v1\0" + words.encode()).hex()
