"""What became of an approval, in the words of its card."""

from __future__ import annotations

from dataclasses import dataclass

from sayso.actions.queue import ApprovalStatus
from sayso.actions.state import Status
from sayso.audit.entry import EntryKind
from sayso.errors import Code
from sayso.sdk.views import ActionView, ApprovalView


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a card begins.

    Attributes:
        lead: before the title, with a colon and a blank; empty while it waits for the first vote.
        text: what there is to say about it; it may hold foreign text, which is escaped later.
        asks: whether people can still decide, and buttons are shown.
    """

    lead: str
    text: str = ""
    asks: bool = False


def outcome_of(approval: ApprovalView, action: ActionView | None) -> Outcome:
    """What the card says of this approval now.

    Args:
        action: as it is now, with its timeline where the approval was renewed; None when only the
            approval is known.
    """
    yes = _people(approval, "approve")
    if action is not None and action.error is not None and action.error.code == Code.LATE_EFFECT:
        return Outcome(lead="Done after all: ", text=f"{_why(action, '')} {_receipt(action)}")
    match ApprovalStatus(approval.status):
        case ApprovalStatus.PENDING:
            lapsed = _lapsed(approval, action)
            if not yes:
                return Outcome(lead="Yes or no? ", text=lapsed, asks=True)
            return Outcome(
                lead="Another yes? ",
                text=f"{yes} said yes already; somebody else has to, too. {lapsed}".rstrip(),
                asks=True,
            )
        case ApprovalStatus.REJECTED:
            code = action.error.code if action is not None and action.error is not None else ""
            reason = f" Reason: {code.replace('_', ' ')}." if code else ""
            who = _people(approval, "reject") or "a person"
            return Outcome(lead=f"Rejected by {who}: ", text=f"{who} said no.{reason}")
        case ApprovalStatus.EXPIRED:
            return Outcome(lead="Expired: ", text="Nobody decided in time, which counts as no.")
        case ApprovalStatus.SUPERSEDED:
            return Outcome(lead="Withdrawn: ", text=_why(action, "It is no longer wanted."))
        case ApprovalStatus.APPROVED:
            return _after_yes(f"{yes or 'nobody'} said yes.", yes or "nobody", action)


def _after_yes(said: str, who: str, action: ActionView | None) -> Outcome:
    if action is None:
        return Outcome(lead=f"Approved by {who}: ", text=said)
    match Status(action.status):
        case Status.SUCCEEDED | Status.COMPENSATED:
            return Outcome(lead="Done: ", text=f"{said} {_receipt(action)}")
        case Status.FAILED:
            return Outcome(lead="Failed: ", text=f"{said} {_why(action, 'The provider said no.')}")
        case Status.UNKNOWN:
            return Outcome(
                lead="Outcome unknown: ",
                text=f"{said} It was sent and no answer came; it is looked up at the provider, and"
                f" never done a second time blindly. {_why(action, 'Nobody knows yet.')}",
            )
        case Status.REFUSED:
            return Outcome(
                lead="Not done: ", text=f"{said} {_why(action, 'It is not allowed any more.')}"
            )
        case Status.STALE:
            return Outcome(
                lead="Changed meanwhile: ",
                text=f"{said} {_why(action, 'The object changed.')} It is judged again.",
            )
        case Status.EXECUTING:
            return Outcome(lead=f"Approved by {who}: ", text=f"{said} It is being carried out.")
        case _ if action.held is not None:
            return Outcome(
                lead="Held: ",
                text=f"{said} It waits: {action.held.reason}. It goes on by itself after that, if"
                " everything still holds.",
            )
        case _:
            return Outcome(lead=f"Approved by {who}: ", text=f"{said} It waits to be carried out.")


def _receipt(action: ActionView) -> str:
    receipt = action.receipt
    if receipt is None:
        return "It is done."
    money = f", {receipt.amount}" if receipt.amount else ""
    undone = " It was undone later." if action.status == Status.COMPENSATED else ""
    return f"The provider's receipt: {receipt.id} ({receipt.status}{money}).{undone}"


def _why(action: ActionView | None, otherwise: str) -> str:
    if action is None or action.error is None:
        return otherwise
    return f"Why: {action.error.message}."


def _lapsed(approval: ApprovalView, action: ActionView | None) -> str:
    """Whose yes was to an earlier revision, and what has changed since; empty when nobody's."""
    said = {vote.person for vote in approval.votes if vote.revision == approval.revision}
    before = dict.fromkeys(
        vote.person
        for vote in approval.votes
        if vote.decision == "approve" and vote.revision < approval.revision
    )
    people = " and ".join(person for person in before if person not in said)
    if not people:
        return ""
    why = ""
    for entry in () if action is None else action.timeline:
        if entry.kind == EntryKind.ACTION_STALE:
            why = f": {entry.body['data'].get('reason', 'it has changed')}"
        elif entry.kind == EntryKind.ACTION_EDITED:
            why = ": the amount was lowered"
    return f"{people} said yes to an earlier revision, which does not count any more{why}."


def _people(approval: ApprovalView, decision: str) -> str:
    """Who said so about the present revision, once each, in the order in which they did."""
    found = dict.fromkeys(
        vote.person
        for vote in approval.votes
        if vote.decision == decision and vote.revision == approval.revision
    )
    return " and ".join(found)
