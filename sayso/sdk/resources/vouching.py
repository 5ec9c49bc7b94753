"""Vouching: a colleague says that whoever writes in a request is the customer that they name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sayso.actions.customers.link import reached
from sayso.actions.customers.proof import VERIFIED_WORDS, verified_in
from sayso.actions.model.definition import Assurance
from sayso.actions.model.status import Status
from sayso.agent.people_question import renewing_vouched
from sayso.agent.request_row import RequestRow, RequestStatus, actions_of, get_request
from sayso.audit.authority.state import read_body
from sayso.audit.customer_codes import GIVEN, VERIFY, ToldCode, VerifiedBy
from sayso.audit.entry import EntryKind
from sayso.errors import Code, RefusedError
from sayso.frozen import replace
from sayso.ids import to_micros
from sayso.store.base import Reader, Transaction, text
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.sdk.container import Container
    from sayso.sdk.resources.tokens import Token


Repeated = Callable[[Sequence[str]], bool]
"""Whether the very call was made before, by the marks of this person's calls about the request."""


def vouch(
    container: Container,
    tx: Transaction,
    request_id: str,
    reason: str,
    by: Token,
    via: str,
    repeated: Repeated | None = None,
) -> RequestRow:
    """Store the word of a person with a role, as part of the caller's transaction.

    It holds in that request, for `[customers] verified_for`, for the account that wrote and those
    that are linked to it. Where the customer is still asked for a code, they are not any more;
    cards that wait are made anew, so that they say it.

    Raises:
        RefusedError: `not_found`; `already_in_state` where it is known who writes; `wrong_state`
            where the request waits neither for a code nor for a person.
    """
    row = get_request(tx, by.tenant, request_id)
    if repeated is not None and repeated(_marks(tx, row, by)):
        return row
    if row.erased_seq is not None:
        raise RefusedError(
            Code.WRONG_STATE,
            "the customer of this request is erased, so there is nobody to vouch for",
            next_step="nothing is to be done; what they asked for has ended",
        )
    asked = row.question.get("slot") if isinstance(row.question, dict) else None
    waits = row.status is RequestStatus.NEEDS_CUSTOMER and asked == VERIFY
    if row.subject.assurance is not Assurance.UNVERIFIED:
        raise RefusedError(
            Code.ALREADY_IN_STATE,
            "whoever asked for this knew who wrote",
            next_step="nothing is to be done; link accounts where it is another account's",
        )
    known = verified_in(tx, row.tenant, row.id, row.subject.id, to_micros(container.clock.now()))
    if known is not None and not waits:
        raise RefusedError(
            Code.ALREADY_IN_STATE,
            f"it is known who writes, by {VERIFIED_WORDS[known.by]}",
            next_step="nothing is to be done; look at the request again",
        )
    if not waits and not _waits_for_people(tx, row):
        raise RefusedError(
            Code.WRONG_STATE,
            f"the request {plain(row.id, limit=40)} waits for nobody to say who writes",
            next_step="look at it again, and decide about its actions",
        )
    _tell(container, tx, row, reason, by, via)
    if not waits:
        if row.is_acting:
            renewing_vouched(container.context)(tx, row)
        return row
    named = container.requests.said(tx, row, EntryKind.REQUEST_QUESTIONED)
    number = row.question.get("number") if isinstance(row.question, dict) else 0
    moved = container.requests.move(
        tx,
        row,
        EntryKind.REQUEST_CONTINUED,
        actor=by.actor,
        data={
            "question": number if isinstance(number, int) else 0,
            "picked": False,
            "asked": named,
            VERIFY: GIVEN,
            "via": via,
            "credential": by.id,
        },
        due_at=to_micros(container.clock.now()),
    )
    assert moved is not None, "read in this very transaction"
    return moved


def _tell(
    container: Container, tx: Transaction, row: RequestRow, reason: str, by: Token, via: str
) -> None:
    now = to_micros(container.clock.now())
    until = now + container.verified_micros
    personal, wrote = container.personal, row.subject.id
    links = container.links.of(tx, row.tenant, wrote, now)
    writer = personal.pseudonym(tx, row.tenant, wrote, now)
    for account in reached(links, wrote, row.id):
        name = personal.pseudonym(tx, row.tenant, account, now)
        told = ToldCode(request=row.id, account=name, written_as=writer, to="")
        entry = told.verified(by.actor, VerifiedBy.PERSON, until)
        entry = replace(entry, data={**entry.data, "via": via, "credential": by.id})
        if account == wrote:
            ref = container.ids.new("pii")
            entry = replace(entry, pii=personal.seal(tx, row.tenant, wrote, ref, reason))
        container.log.append(tx, row.tenant, entry)


def is_unknown(reader: Reader, row: RequestRow, now: int) -> bool:
    """Whether nobody knows, by the caller or since then, that the customer writes in a request."""
    if row.subject.assurance is not Assurance.UNVERIFIED:
        return False
    return verified_in(reader, row.tenant, row.id, row.subject.id, now) is None


def _waits_for_people(reader: Reader, row: RequestRow) -> bool:
    """Whether a person has the request, or is asked about anything of it."""
    if row.status is RequestStatus.HANDED_OVER:
        return True
    return row.is_acting and any(
        action.status is Status.PENDING_APPROVAL for action in actions_of(reader, row)
    )


def _marks(reader: Reader, row: RequestRow, by: Token) -> list[str]:
    """How this person has vouched in a request, by the log."""
    found: list[str] = []
    for entry in reader.all("log.verified_in", tenant=row.tenant, request=row.id):
        match read_body(text(entry, "body")):
            case {"actor": {"kind": "person", "id": by.holder}, "data": {"via": str(via)}}:
                found.append(via)
            case _:
                pass
    return found
