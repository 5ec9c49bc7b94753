"""Reading rows into their external forms, inside one snapshot of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import orjson

from sayso.actions.approvals.escalation import escalation_of
from sayso.actions.approvals.repository import (
    ApprovalRow,
    ApprovalStatus,
    DecisionChoice,
    Vote,
    ahead_of_approval,
    approval_of,
    read_approval,
    votes_about,
    votes_of,
)
from sayso.actions.controls.kill_switch import get_stop
from sayso.actions.customers.proof import verified_in
from sayso.actions.model.action_row import ActionRow, read_action
from sayso.actions.model.definition import Assurance
from sayso.actions.policy.base import Outcome
from sayso.agent.reply import HandedOver
from sayso.agent.request_row import RequestRow, RequestStatus, actions_of
from sayso.agent.standing import LanguageOf, standing_of
from sayso.audit.entry import EntryKind, StoredEntry
from sayso.audit.personal import Personal
from sayso.audit.queries.query import Query
from sayso.errors import Code
from sayso.ids import Tenant
from sayso.sdk.views.rows import (
    ActionView,
    ApprovalView,
    EntryView,
    ErrorView,
    HeldView,
    RequestView,
    action_view,
    approval_view,
    entry_view,
    question_view,
    request_view,
)
from sayso.store.base import Reader, Row, text


def held_view(reader: Reader, row: ActionRow) -> HeldView | None:
    """What an action waits for; None when nothing holds it."""
    if row.blocked_by is None or not row.is_blocked:
        return None
    if not row.blocked_by.startswith(_STOP_PREFIX):
        found = reader.one("action.by_id", tenant=row.tenant, id=row.blocked_by)
        status = None if found is None else read_action(found).status.value
        reason = f"{row.blocked_by}, on the same object, is {status or 'gone'}"
        return HeldView(by=row.blocked_by, code="object_locked", reason=reason, status=status)
    stop = get_stop(reader, row.tenant, row.blocked_by)
    why = f": {stop.reason}" if stop.reason else ""
    return HeldView(
        by=stop.id, code="stopped", reason=f"stopped ({stop.what_of(row.subject.id)}){why}"
    )


_FIRST_STEPS = {
    Code.UNKNOWN_SUBJECT.value: "pass the id by which the provider knows the customer; ",
}
"""What whoever asked can do about a request that was handed over."""


_STOP_PREFIX = "stp_"


def show_action(reader: Reader, row: ActionRow, *, timeline: bool) -> ActionView:
    """An action with its approval and, if wanted, its entries."""
    entries: list[EntryView] = []
    if timeline:
        stored = reader.all("log.of_action", tenant=row.tenant, action=row.id)
        entries = [show_entry(StoredEntry.read(text(one, "body").encode())) for one in stored]
    return action_view(row, _approval_of(reader, row), entries, held_view(reader, row))


def ahead_of_action_view(reader: Reader, tenant: Tenant, action_id: str, *, timeline: bool) -> None:
    """Say that an action is read and shown next; see `Reader.ahead`."""
    reader.ahead("action.by_id", tenant=tenant, id=action_id)
    if timeline:
        reader.ahead("log.of_action", tenant=tenant, action=action_id)
    ahead_of_approval(reader, tenant, action_id)


def show_approval(reader: Reader, row: ApprovalRow) -> ApprovalView:
    """An approval with its votes."""
    return _with_words(reader, row, votes_of(reader, row))


def show_approvals(reader: Reader, rows: Sequence[Row]) -> list[ApprovalView]:
    """A page of approvals, each as `show_approval` gives it."""
    found = [read_approval(row) for row in rows]
    for one in found:
        reader.ahead("approval.votes", tenant=one.tenant, approval_id=one.id)
    return [show_approval(reader, one) for one in found]


def show_request(
    reader: Reader, row: RequestRow, personal: Personal, language_of: LanguageOf
) -> RequestView:
    """A request with its actions and the reply that is true now.

    Args:
        language_of: the language of a conversation that nobody has planned yet.
    """
    actions = actions_of(reader, row)
    views = [show_action(reader, action, timeline=False) for action in actions]
    standing = standing_of(reader, row, actions, personal, language_of)
    question = None
    if standing.asked is not None:
        question = question_view(cast("Mapping[str, Any]", row.question), standing.asked)
    error = None
    if standing.handed is not None:
        error = _why_handed_over(reader, row, standing.handed.reason)
    known = None
    if row.subject.assurance is Assurance.UNVERIFIED:
        known = verified_in(reader, row.tenant, row.id, row.subject.id, 0)
    return request_view(row, views, standing, error, question, known)


def why_handed_over(personal: Personal, reader: Reader, row: RequestRow) -> ErrorView | None:
    """Why a request is people's; None while no planner has handed it over."""
    handed = handed_over(personal, reader, row)
    return None if handed is None else _why_handed_over(reader, row, handed.reason)


def handed_over(personal: Personal, reader: Reader, row: RequestRow) -> HandedOver | None:
    """What was sealed of a hand-over; None where there was none, and after an erasure."""
    if row.status is not RequestStatus.HANDED_OVER or row.reply_ref is None:
        return None
    told = personal.open(reader, row.tenant, row.reply_ref)
    return None if told is None else HandedOver.read(told)


def _why_handed_over(reader: Reader, row: RequestRow, reason: str) -> ErrorView:
    """Why nobody but a person can go on; the code stands in the request's last entry."""
    code = Code.NOT_UNDERSTOOD.value
    for one in reader.all("log.bodies", tenant=row.tenant, from_seq=row.last_seq, limit=1):
        entry = StoredEntry.read(text(one, "body").encode()).entry
        if entry.kind is EntryKind.REQUEST_HANDED_OVER and entry.request == row.id:
            code = str(entry.data.get("code", code))
            reason = reason or str(entry.data.get("reason", ""))  # where older ones have it
    step = _FIRST_STEPS.get(code, "")
    return ErrorView(
        code=code,
        message=reason,
        next_step=f"{step}a person has to answer the customer",
    )


def by_customer(reader: Reader, tenant: Tenant, query: Query) -> Query | None:
    """A customer's id becomes their pseudonym; None when the log knows no such customer."""
    if query.subject is None or query.subject.startswith("sub_"):
        return query
    row = reader.one("personal.subject", tenant=tenant, id=query.subject)
    return None if row is None else replace(query, subject=text(row, "pseudonym"))


def show_entry(stored: StoredEntry) -> EntryView:
    """An entry of the log."""
    return entry_view(stored, cast("Mapping[str, Any]", orjson.loads(stored.encoded)))


def _approval_of(reader: Reader, row: ActionRow) -> ApprovalView | None:
    if row.judgement is None or row.judgement.outcome is not Outcome.ASK:
        return None
    found = approval_of(reader, row)
    if found is None:
        return None
    return _with_words(reader, found, votes_about(reader, row))


def _with_words(reader: Reader, row: ApprovalRow, votes: list[Vote]) -> ApprovalView:
    """With all that was said of it, by people and by the log."""
    said = [*votes, *_later_no(reader, row, votes)]
    return approval_view(row, said, escalation_of(reader, row))


def _later_no(reader: Reader, row: ApprovalRow, votes: Sequence[Vote]) -> list[Vote]:
    """The no of somebody whose vote about the revision is their earlier yes: the first is kept."""
    no = DecisionChoice.REJECT.value
    told = any((vote.decision, vote.revision) == (no, row.revision) for vote in votes)
    if row.status is not ApprovalStatus.REJECTED or told:
        return []
    for one in reader.all("log.bodies", tenant=row.tenant, from_seq=row.last_seq, limit=1):
        stored = StoredEntry.read(text(one, "body").encode())
        entry, via = stored.entry, str(stored.entry.data.get("via", ""))
        if entry.kind is EntryKind.ACTION_REJECTED and entry.approval == row.id:
            person, at = entry.actor.id, stored.at_micros
            return [Vote(person=person, decision=no, revision=row.revision, via=via, at=at)]
    return []
