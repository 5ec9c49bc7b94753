"""A request as it is stored, and how its row is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, cast

import orjson

from sayso.actions.model.action_row import ActionRow, read_action, read_subject
from sayso.actions.model.customer_words import CustomerWords
from sayso.actions.model.definition import Subject
from sayso.agent.phrases import DEFAULT_LANGUAGE
from sayso.audit.authority.state import as_stored
from sayso.audit.entry import Actor, EntryKind, Json
from sayso.audit.verifier.replay import ASKED_BY_PEOPLE
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant
from sayso.json import JsonValue
from sayso.store.base import Reader, Row, Transaction
from sayso.store.base import text_or_none as maybe_text
from sayso.store.rows import RowReader, made_from

WORK_TOPIC = "work"
"""Of the outbox: what people have to do, by what it is about, each time that it changes."""


class RequestStatus(StrEnum):
    """Where a request is in its life."""

    RECEIVED = "received"
    """Durable; nobody has planned it yet."""
    NEEDS_CUSTOMER = "needs_customer"
    """The customer was asked something; their answer decides what comes next."""
    ACTING = "acting"
    """Planned and submitted; its actions decide what comes next."""
    ANSWERED = "answered"
    """The reply is written, from what the ledger held."""
    HANDED_OVER = "handed_over"
    """No planner understood it; a person has to."""
    WITHDRAWN = "withdrawn"
    """The customer has taken it back; what was under way by then is told once it has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """A request as it is stored. Times are microseconds since 1970, UTC."""

    tenant: Tenant
    id: str
    fingerprint: str
    requester: str
    subject: Subject
    messages_ref: str
    words_ref: str
    status: RequestStatus
    planner: str | None
    plan: JsonValue
    reply_ref: str | None
    tokens: int
    cost_micro_usd: int
    traceparent: str | None
    fence: int
    attempts: int
    due_at: int | None
    created_at: int
    updated_at: int
    last_seq: int
    priority: int
    erased_seq: int | None = None
    question: JsonValue = None
    turns: tuple[str, ...] = ()
    conversation: str | None = None
    raw: Row | None = field(default=None, compare=False, repr=False)
    """The columns as they were read; what its last entry seals is these."""

    @property
    def asked_by(self) -> str | None:
        """Who of us has asked the customer something while people decide; None when nobody has."""
        asked = self.question if self.status is RequestStatus.NEEDS_CUSTOMER else None
        if isinstance(asked, Mapping) and asked.get("slot") == ASKED_BY_PEOPLE:
            return str(asked.get("planner", ""))
        return None

    @property
    def is_acting(self) -> bool:
        """Whether its actions decide what comes next, also while a person asks the customer."""
        return self.status is RequestStatus.ACTING or self.asked_by is not None

    @property
    def language(self) -> str:
        """The customer's language, as far as it was told when the request was last planned."""
        for stored in (self.question, self.plan):
            if isinstance(stored, Mapping):
                notes = stored.get("notes")
                found = stored.get("language") or (
                    notes.get("language") if isinstance(notes, Mapping) else None
                )
                if isinstance(found, str):
                    return found
        return DEFAULT_LANGUAGE

    @property
    def words(self) -> dict[str, CustomerWords]:
        """How the plan's actions are called towards the customer, as they were when it was made."""
        notes = self.plan.get("words") if isinstance(self.plan, Mapping) else None
        if not isinstance(notes, Mapping):
            return {}
        return {
            name: CustomerWords(**cast("dict[str, Any]", words)) for name, words in notes.items()
        }


read_request = as_stored("request")(
    RowReader(
        RequestRow,
        subject=read_subject,
        plan=made_from("plan", orjson.loads),
        question=made_from("question", orjson.loads),
        turns=lambda row: tuple(orjson.loads(maybe_text(row, "turns") or "[]")),
        raw=lambda row: row,
    )
)
"""The typed form of a stored row."""


class Moves(Protocol):
    """Moves a request; see `Requests.move`."""

    def __call__(
        self,
        tx: Transaction,
        row: RequestRow,
        kind: EntryKind,
        *,
        data: dict[str, Json],
        actor: Actor | None = None,
        question: JsonValue = None,
        reply: str | None = None,
        turn: list[Json] | None = None,
        due_at: int | None = None,
    ) -> RequestRow | None:
        """The request as it is then; None when it moved meanwhile."""
        ...


def get_request(reader: Reader, tenant: Tenant, request_id: str) -> RequestRow:
    """Read one request.

    Raises:
        RefusedError: `not_found`.
    """
    row = reader.one("request.by_id", tenant=tenant, id=request_id)
    if row is None:
        raise RefusedError(
            Code.NOT_FOUND,
            f"there is no request `{request_id[:40]}`",
            next_step="`sayso requests list` shows them all",
        )
    return read_request(row)


def actions_of(reader: Reader, request: RequestRow) -> list[ActionRow]:
    """The actions of a request, in the order of its plan."""
    rows = reader.all("action.by_request", tenant=request.tenant, request_id=request.id)
    steps = {step: place for place, step in enumerate(_step_ids(request.plan))}
    return sorted(map(read_action, rows), key=lambda row: steps.get(row.step or "", 0))


def steps_of(reader: Reader, request: RequestRow) -> list[ActionRow]:
    """The actions of the plan in force: not those of one that was left to people before it."""
    return in_force(request, actions_of(reader, request))


def in_force(request: RequestRow, actions: Sequence[ActionRow]) -> list[ActionRow]:
    """Those of a request's actions that belong to its plan in force, in their order."""
    present = set(_step_ids(request.plan))
    return [row for row in actions if row.undoes is not None or row.step in present]


def _step_ids(plan: JsonValue) -> list[str]:
    if not isinstance(plan, Mapping):
        return []
    steps = plan.get("steps")
    if not isinstance(steps, Sequence) or isinstance(steps, str):
        return []
    return [str(step["id"]) for step in steps if isinstance(step, Mapping)]
