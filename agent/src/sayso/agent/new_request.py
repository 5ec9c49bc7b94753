"""A request as it is stored first: its entry, and the columns that the entry seals.

Further accounts of the customer that a signed assertion names are tied for the request it came
with. The entry that tells of the customer's words names them; the links rest on that, so that
nobody ties by an assertion that never came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sayso.actions.customers.links import Links
from sayso.actions.customers.proof import Proof
from sayso.actions.model.action_row import dumps
from sayso.actions.model.attempt import SIGNED, signed_turn
from sayso.actions.model.definition import Subject
from sayso.actions.model.idempotency import CALLER_KEY
from sayso.actions.model.ledger import SYSTEM
from sayso.actions.model.priority import check_priority
from sayso.agent.incoming import Ask
from sayso.audit.authority.by import By
from sayso.audit.customer_links import ACCOUNTS, ACCOUNTS_UNTIL
from sayso.audit.entry import Entry, EntryKind, Json
from sayso.audit.personal import Personal
from sayso.audit.verifier.replay import request_status
from sayso.ids import IdSource, Tenant
from sayso.store.base import SqlValue, Transaction

_MOST_BEFORE = 3
"""So many of the customer's earlier messages stand beside the newest on a card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """What a new request gets from whoever stores it.

    Attributes:
        key: how its entry names the caller's key. now: microseconds since 1970.
        due: whether somebody has to plan it.
    """

    request_id: str
    fingerprint: str
    key: str
    now: int
    due: bool = True


def new_request(
    tx: Transaction,
    ask: Ask,
    earlier: Sequence[list[Json]],
    personal: Personal,
    ids: IdSource,
    stamp: NewRequest,
) -> tuple[Entry, dict[str, SqlValue]]:
    """The entry of a new request and its columns.

    Args:
        earlier: turns that its own go on from, as they are sealed; where there are some, what the
            caller told of the conversation before the newest message counts no more.
    """
    said: list[list[Json]] = [[turn.role, turn.content] for turn in ask.messages]
    turns: list[Json] = [*(earlier or said[:-1]), signed_turn(said[-1], ask.subject)]
    pseudonym = personal.pseudonym(tx, ask.tenant, ask.subject.id, stamp.now)  # their key first
    messages, words = (
        personal.seal(tx, ask.tenant, ask.subject.id, ids.new("pii"), plain)
        for plain in (dumps(turns), _words(ask, earlier))
    )
    entry = Entry(
        kind=EntryKind.REQUEST_ASKED,
        actor=ask.requester,
        request=stamp.request_id,
        subject=pseudonym,
        data={
            "assurance": ask.subject.assurance.value,
            "messages": len(turns),
            "words_ref": words.ref,
            "words_c": words.c,
            CALLER_KEY: stamp.key,
            **names_signed(personal, tx, ask.tenant, ask.subject, stamp.now),
        },
        pii=messages,
    )
    columns: dict[str, SqlValue] = {
        "tenant": ask.tenant,
        "id": stamp.request_id,
        "idempotency_key": ask.key,
        "fingerprint": stamp.fingerprint,
        "requester": f"{ask.requester.kind}:{ask.requester.id}",
        "subject_id": ask.subject.id,
        "assurance": ask.subject.assurance.value,
        "messages_ref": messages.ref,
        "words_ref": words.ref,
        "status": request_status(entry.kind, entry.data),
        "traceparent": ask.traceparent,
        "due_at": stamp.now if stamp.due else None,
        "created_at": stamp.now,
        "updated_at": stamp.now,
        "priority": check_priority(ask.priority),
        "conversation": ask.conversation,
    }
    # What a request is inserted without is empty, and `turns` as the schema has it.
    return entry, columns


def names_signed(
    personal: Personal, tx: Transaction, tenant: Tenant, subject: Subject, now: int
) -> dict[str, Json]:
    """What the entry of a customer's words says of what was signed along: facts, and accounts."""
    said: dict[str, Json] = {}
    if subject.signed_until is not None:
        said[SIGNED] = [*sorted(subject.signed)]
    if subject.accounts and subject.accounts_until > now:
        said[ACCOUNTS] = [
            personal.pseudonym(tx, tenant, account, now) for account in subject.accounts
        ]
        said[ACCOUNTS_UNTIL] = subject.accounts_until
    return said


def tie_signed(
    links: Links, tx: Transaction, tenant: Tenant, request_id: str, subject: Subject, now: int
) -> None:
    """Tie them, in the request whose newest words came with them.

    Raises:
        RefusedError: as `Links.link`.
    """
    if subject.accounts_until <= now:
        return
    for account in subject.accounts:
        links.link(
            tx,
            tenant,
            subject.id,
            account,
            proof=Proof.SIGNED,
            by=By(actor=SYSTEM, via="engine"),
            now=now,
            until=subject.accounts_until,
            request_id=request_id,
        )


def _words(ask: Ask, earlier: Sequence[list[Json]]) -> str:
    """What a card quotes: the newest message, and before it what it goes on from."""
    before = [str(turn[1]) for turn in earlier if turn[0] == "customer"][-_MOST_BEFORE:]
    return "\nBefore: ".join([ask.messages[-1].content, *reversed(before)])
