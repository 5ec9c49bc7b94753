"""Requests: what a customer asked in words, as rows beside the actions that came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import cast

import orjson

from sayso.actions.model.action_row import WAITED_FOR, ActionRow, check_priority, dumps, read_action
from sayso.actions.model.definition import Assurance, Subject
from sayso.actions.model.digest import hash_of_texts
from sayso.actions.model.idempotency import check_key, check_repeated, read_by_key
from sayso.actions.model.ledger import SYSTEM
from sayso.agent.base import MAX_MESSAGE_CHARS, Message
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json, PiiRef
from sayso.audit.log import AuditLog
from sayso.audit.personal import Personal
from sayso.errors import Code, RefusedError
from sayso.ids import Clock, IdSource, Tenant, to_micros
from sayso.json import JsonValue
from sayso.store.base import Reader, Row, Store, Transaction, integer, integer_or_none, text
from sayso.store.base import text_or_none as maybe_text
from sayso.telemetry import Telemetry

MAX_MESSAGES = 50
MAX_CONVERSATION_CHARS = 65_536
"""Of all messages together: what a planner reads of them is read at once."""
AGENT = Actor(kind=ActorKind.AGENT, id="agent")


class RequestStatus(StrEnum):
    """Where a request is in its life."""

    RECEIVED = "received"
    """Durable; nobody has planned it yet."""
    ACTING = "acting"
    """Planned and submitted; its actions decide what comes next."""
    ANSWERED = "answered"
    """The reply is written, from what the ledger held."""
    HANDED_OVER = "handed_over"
    """No planner understood it; a person has to."""


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


def read_request(row: Row) -> RequestRow:
    """The typed form of a stored row."""
    plan = maybe_text(row, "plan")
    return RequestRow(
        tenant=Tenant(text(row, "tenant")),
        id=text(row, "id"),
        fingerprint=text(row, "fingerprint"),
        requester=text(row, "requester"),
        subject=Subject(id=text(row, "subject_id"), assurance=Assurance(text(row, "assurance"))),
        messages_ref=text(row, "messages_ref"),
        words_ref=text(row, "words_ref"),
        status=RequestStatus(text(row, "status")),
        planner=maybe_text(row, "planner"),
        plan=None if plan is None else cast("JsonValue", orjson.loads(plan)),
        reply_ref=maybe_text(row, "reply_ref"),
        tokens=integer(row, "tokens"),
        cost_micro_usd=integer(row, "cost_micro_usd"),
        traceparent=maybe_text(row, "traceparent"),
        fence=integer(row, "fence"),
        attempts=integer(row, "attempts"),
        due_at=integer_or_none(row, "due_at"),
        created_at=integer(row, "created_at"),
        updated_at=integer(row, "updated_at"),
        last_seq=integer(row, "last_seq"),
        priority=integer(row, "priority"),
        erased_seq=integer_or_none(row, "erased_seq"),
    )


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


def _step_ids(plan: JsonValue) -> list[str]:
    if not isinstance(plan, Mapping):
        return []
    steps = plan.get("steps")
    if not isinstance(steps, Sequence) or isinstance(steps, str):
        return []
    return [str(step["id"]) for step in steps if isinstance(step, Mapping)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a bot hands over.

    Attributes:
        messages: the conversation, oldest first; the last one is the customer's.
        key: the caller's idempotency key.
        priority: 0 to 9, of the request and of the actions that come of it.
    """

    tenant: Tenant
    requester: Actor
    subject: Subject
    messages: tuple[Message, ...]
    key: str
    traceparent: str | None = None
    priority: int = WAITED_FOR


class Requests:
    """Takes requests in and moves them, each change with its entry."""

    def __init__(
        self,
        *,
        store: Store,
        log: AuditLog,
        personal: Personal,
        clock: Clock,
        ids: IdSource,
        telemetry: Telemetry,
    ) -> None:
        self._store = store
        self._log = log
        self._personal = personal
        self._clock = clock
        self._ids = ids
        self._telemetry = telemetry

    async def ask(self, ask: Ask) -> RequestRow:
        """Store a request; when it returns, the request will be worked on even after a crash.

        Raises:
            RefusedError: `empty_message`, `message_too_long`, `invalid_input` (also for the key),
                `idempotency_conflict`.
        """
        _check_messages(ask.messages)
        check_key(ask.key)
        conversation: list[Json] = [[turn.role, turn.content] for turn in ask.messages]
        try:
            fingerprint = hash_of_texts(ask.subject.id, dumps(conversation))
        except TypeError as error:
            raise RefusedError(
                Code.INVALID_INPUT,
                "the message holds text that is not Unicode",
                next_step="send valid UTF-8",
            ) from error
        return await self._store.write(lambda tx: self._insert(tx, ask, conversation, fingerprint))

    def _insert(
        self, tx: Transaction, ask: Ask, conversation: list[Json], fingerprint: str
    ) -> RequestRow:
        known = read_by_key(tx, "request.by_key", ask.tenant, ask.key)
        if known is not None:
            found = read_request(known)
            check_repeated(
                "request",
                is_erased=found.erased_seq is not None,
                is_same=found.fingerprint == fingerprint,
            )
            return found
        now = to_micros(self._clock.now())
        request_id = self._ids.new("req")
        pseudonym = self._personal.pseudonym(tx, ask.tenant, ask.subject.id, now)
        messages = self._seal(tx, ask, dumps(conversation))
        words = self._seal(tx, ask, ask.messages[-1].content)
        entry = Entry(
            kind=EntryKind.REQUEST_ASKED,
            actor=ask.requester,
            request=request_id,
            subject=pseudonym,
            data={
                "assurance": ask.subject.assurance.value,
                "messages": len(ask.messages),
                "words_ref": words.ref,
                "words_c": words.c,
            },
            pii=messages,
        )
        seq = self._log.append(tx, ask.tenant, entry)
        tx.run(
            "request.insert",
            tenant=ask.tenant,
            id=request_id,
            idempotency_key=ask.key,
            fingerprint=fingerprint,
            requester=f"{ask.requester.kind}:{ask.requester.id}",
            subject_id=ask.subject.id,
            assurance=ask.subject.assurance.value,
            messages_ref=messages.ref,
            words_ref=words.ref,
            status=RequestStatus.RECEIVED.value,
            traceparent=ask.traceparent or self._telemetry.traceparent(),
            due_at=now,
            created_at=now,
            updated_at=now,
            last_seq=seq,
            priority=check_priority(ask.priority),
        )
        return get_request(tx, ask.tenant, request_id)

    def _seal(self, tx: Transaction, ask: Ask, plain: str) -> PiiRef:
        return self._personal.seal(tx, ask.tenant, ask.subject.id, self._ids.new("pii"), plain)

    def messages(self, reader: Reader, row: RequestRow) -> tuple[Message, ...]:
        """The conversation; empty when the subject was erased."""
        plain = Personal.open(reader, row.tenant, row.messages_ref)
        if plain is None:
            return ()
        turns = cast("list[list[str]]", orjson.loads(plain))
        return tuple(
            Message(role="customer" if role == "customer" else "agent", content=content)
            for role, content in turns
        )

    def claim(self, tx: Transaction, row: RequestRow, lease_micros: int) -> RequestRow | None:
        """Take a due request for this process; None when somebody else has it."""
        now = to_micros(self._clock.now())
        claimed = tx.run(
            "request.claim",
            tenant=row.tenant,
            id=row.id,
            fence=row.fence,
            now=now,
            due_at=now + lease_micros,
        )
        return get_request(tx, row.tenant, row.id) if claimed == 1 else None

    def move(
        self,
        tx: Transaction,
        row: RequestRow,
        status: RequestStatus,
        kind: EntryKind,
        *,
        data: dict[str, Json],
        planner: str | None = None,
        plan: JsonValue = None,
        reply: str | None = None,
        tokens: int = 0,
        cost_micro_usd: int = 0,
    ) -> RequestRow | None:
        """Change a request from the state it was read in; None when it moved meanwhile."""
        present = get_request(tx, row.tenant, row.id)
        if present.last_seq != row.last_seq or present.fence != row.fence:
            return None
        now = to_micros(self._clock.now())
        pseudonym = self._personal.pseudonym(tx, row.tenant, row.subject.id, now)
        entry = Entry(
            kind=kind,
            actor=AGENT if kind is not EntryKind.REQUEST_REPLIED else SYSTEM,
            request=row.id,
            subject=pseudonym,
            data=data,
        )
        reply_ref = None
        if reply is not None:
            reply_ref = self._ids.new("pii")
            pii = self._personal.seal(tx, row.tenant, row.subject.id, reply_ref, reply)
            entry = replace(entry, pii=pii)
        seq = self._log.append(tx, row.tenant, entry)
        moved = tx.run(
            "request.move",
            tenant=row.tenant,
            id=row.id,
            status=status.value,
            planner=planner,
            plan=None if plan is None else dumps(plan),
            reply_ref=reply_ref,
            tokens=tokens,
            cost_micro_usd=cost_micro_usd,
            updated_at=now,
            last_seq=seq,
            was_seq=row.last_seq,
        )
        assert moved == 1, "read in this very transaction"
        return get_request(tx, row.tenant, row.id)


def _check_messages(messages: tuple[Message, ...]) -> None:
    if not messages or messages[-1].role != "customer":
        raise RefusedError(
            Code.INVALID_INPUT,
            "the last message must be the customer's",
            next_step='end with {"role": "customer", "content": "…"}',
        )
    if len(messages) > MAX_MESSAGES:
        raise RefusedError(
            Code.MESSAGE_TOO_LONG,
            f"a conversation has at most {MAX_MESSAGES} messages",
            next_step="send the newest ones",
        )
    if not messages[-1].content.strip():
        raise RefusedError(
            Code.EMPTY_MESSAGE, "the message is empty", next_step="send what the customer wrote"
        )
    for message in messages:
        if len(message.content) > MAX_MESSAGE_CHARS:
            raise RefusedError(
                Code.MESSAGE_TOO_LONG,
                f"a message has at most {MAX_MESSAGE_CHARS:,} characters, "
                f"this one has {len(message.content):,}",
                next_step="shorten it, or hand it to a person",
            )
    whole = sum(len(message.content) for message in messages)
    if whole > MAX_CONVERSATION_CHARS:
        raise RefusedError(
            Code.MESSAGE_TOO_LONG,
            f"a conversation has at most {MAX_CONVERSATION_CHARS:,} characters, "
            f"this one has {whole:,}",
            next_step="send the newest messages",
        )
