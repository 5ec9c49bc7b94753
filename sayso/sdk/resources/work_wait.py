"""How long people's work waits: the longest first, how many are late, and telling of it once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from sayso.agent.request_row import RequestStatus, get_request
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.ids import Tenant, rfc3339, to_micros
from sayso.sdk.resources.notes import notes_about
from sayso.sdk.views.base import View
from sayso.store.base import Reader, Row, SqlValue, Transaction, integer, text

if TYPE_CHECKING:
    from sayso.sdk.container import Container

WorkOrder = Literal["newest", "wait"]
"""`wait`: what has waited longest comes first; only requests wait."""
LATE_TOPIC = "late"
"""Of the outbox: who waits longer than you promise, by the id of their request."""
_SYSTEM = Actor(kind=ActorKind.SYSTEM, id="sayso")
_MOST_AT_ONCE = 200


class WorkCountsView(View):
    """How many requests wait for people.

    Attributes:
        waiting: customers who were handed over. unanswered: who has not answered a question for a
            day. nobodys: of both, what nobody has taken. taken: what the person who asks has.
        late: of the first, those who wait longer than `[work] answer_within`.
        answer_within_s: that time in seconds; None where nothing is promised.
    """

    waiting: int
    unanswered: int
    nobodys: int
    taken: int
    late: int
    answer_within_s: int | None = None

    @property
    def total(self) -> int:
        """All of them."""
        return self.waiting + self.unanswered


def late_before(container: Container) -> int:
    """Who was handed over before this moment, in microseconds since 1970, waits for too long."""
    promised = container.answer_micros
    return 0 if promised is None else to_micros(container.clock.now()) - promised


def rows_by_wait(
    reader: Reader,
    tenant: Tenant,
    *,
    assignee: str | None,
    nobodys: bool,
    late: int | None,
    unanswered_before: int,
    limit: int,
    after: str | None,
) -> list[Row]:
    """Requests that wait for people, the longest wait first.

    Args:
        late: only what was handed over before this moment; None for all.
    """
    return reader.all(
        "work.waiting",
        tenant=tenant,
        assignee=assignee,
        nobodys=int(nobodys),
        late_before=late,
        unanswered_before=unanswered_before,
        limit=limit,
        after=after,
    )


def count_waiting(
    reader: Reader, container: Container, tenant: Tenant, person: str, unanswered_before: int
) -> WorkCountsView:
    """How many wait, for the page that lists them."""
    row = reader.one(
        "work.count",
        tenant=tenant,
        person=person,
        unanswered_before=unanswered_before,
        late_before=late_before(container),
    )
    assert row is not None, "an aggregate has a row"
    promised = container.answer_micros
    return WorkCountsView(
        waiting=integer(row, "waiting"),
        unanswered=integer(row, "unanswered"),
        nobodys=integer(row, "nobodys"),
        taken=integer(row, "taken"),
        late=integer(row, "late"),
        answer_within_s=None if promised is None else promised // 1_000_000,
    )


def answer_by(container: Container, kind: str, since: int) -> int | None:
    """Until when a customer who was handed over is promised an answer, in microseconds."""
    promised = container.answer_micros
    return None if promised is None or kind != "handed_over" else since + promised


async def tell_late(container: Container) -> int:
    """Record who waits longer than is promised, each once, whichever process looks; how many."""
    if container.answer_micros is None:
        return 0

    def due(reader: Reader) -> list[tuple[Tenant, str]]:
        page: dict[str, SqlValue] = {
            "late_before": late_before(container),
            "topic": LATE_TOPIC,
            "limit": _MOST_AT_ONCE,
        }
        return [
            (tenant, text(row, "id"))
            for tenant in (Tenant(text(one, "tenant")) for one in reader.all("log.tenants"))
            for row in reader.all("work.late", tenant=tenant, **page)
        ]

    told = 0
    for tenant, request_id in await container.store.read(due):
        told += await container.store.write(partial(_tell, container, tenant, request_id))
    return told


def _tell(container: Container, tenant: Tenant, about: str, tx: Transaction) -> bool:
    """Tell of one, unless somebody was faster, or it waits no more."""
    row = get_request(tx, tenant, about)
    said = tx.one("work.by_about", tenant=tenant, about=about)
    ended = said is not None and said["ended_at"] is not None
    if row.status is not RequestStatus.HANDED_OVER or ended:
        return False
    if tx.one("outbox.by_key", tenant=tenant, topic=LATE_TOPIC, key=about) is not None:
        return False
    now = to_micros(container.clock.now())
    answered = any(note.answered for note in notes_about(tx, container, tenant, about))
    if not answered:
        promised = container.answer_micros or 0
        entry = Entry(
            kind=EntryKind.WORK_LATE,
            actor=_SYSTEM,
            request=about,
            subject=container.context.personal.pseudonym(tx, tenant, row.subject.id, now),
            data={
                "about": about,
                "work": "handed_over",
                "since": rfc3339(row.updated_at),
                "answer_within_s": promised // 1_000_000,
            },
        )
        container.log.append(tx, tenant, entry, at=now)
    tx.run("outbox.put", tenant=tenant, topic=LATE_TOPIC, key=about, now=now)
    return not answered
