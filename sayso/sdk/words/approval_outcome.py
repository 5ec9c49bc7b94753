"""What a card says became of an approval: the action's state in the ledger first, then who said so.

An approval may be withdrawn and its action be done all the same, when the policy allows it by then
without anybody; so what was decided is never told as what happened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from sayso.actions.approvals.repository import ApprovalStatus, DecisionChoice
from sayso.actions.model.status import Status
from sayso.audit.entry import EntryKind
from sayso.errors import Code
from sayso.sdk.views.rows import ActionView, ApprovalView


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOutcome:
    """How a card begins.

    Attributes:
        lead: before the title; with a question mark or a colon, and a blank.
        text: what there is to say about it; it may hold foreign text, which a surface escapes.
        asks: whether people can still decide, and buttons are shown.
    """

    lead: str
    text: str = ""
    asks: bool = False


def outcome_of(approval: ApprovalView, action: ActionView | None) -> CardOutcome:
    """What the card says of this approval now.

    Args:
        action: as it is now, with its timeline where the approval was renewed; None when only the
            approval is known, and then nothing but what was decided is told.
    """
    decided = _decided(approval, action)
    if action is None:
        return decided
    status = Status(action.status)
    match status:
        case (
            Status.ACCEPTED | Status.SUCCEEDED | Status.COMPENSATED | Status.FAILED | Status.UNKNOWN
        ):
            return _called(decided.text, action)
        case Status.PENDING_APPROVAL:
            return decided
        case Status.PLANNED | Status.REJECTED | Status.EXPIRED:  # what people said is all there is
            return replace(decided, asks=False)
        case Status.WITHDRAWN:
            text = f"{_yes_before(approval)}The customer has taken it back."
            return CardOutcome(lead="Withdrawn by the customer: ", text=text)
        case Status.REFUSED:
            # A yes that came to nothing is told as such; of an open question nobody was told yet.
            lead = "Not done: " if _people(approval, DecisionChoice.APPROVE) else "Withdrawn: "
            cause = _cause(action, "It is not allowed any more.")
            return CardOutcome(lead=lead, text=f"{decided.text} {cause}".lstrip())
        case Status.STALE:
            cause = _cause(action, "The object changed.")
            text = f"{decided.text} {cause} It is judged again.".lstrip()
            return CardOutcome(lead="Changed meanwhile: ", text=text)
        case Status.EXECUTING:
            return replace(decided, text=f"{decided.text} It is being carried out.", asks=False)
        case Status.APPROVED:
            return _waits(decided, action)
        case _:
            assert_never(status)


def _called(said: str, action: ActionView) -> CardOutcome:
    """What came of the call, whoever allowed it."""
    match action.status:
        case Status.UNKNOWN:
            return CardOutcome(
                lead="Outcome unknown: ",
                text=f"{said} It was sent and no answer came; it is looked up at the provider, and"
                f" never done a second time blindly. {_cause(action, 'Nobody knows yet.')}",
            )
        case Status.ACCEPTED:
            text = f"{said} The provider has taken it on and not finished it. {_receipt(action)}"
            return CardOutcome(lead="On its way: ", text=f"{text} {_cause(action, '')}".strip())
        case Status.FAILED:
            failed = action.error is not None and action.error.code == Code.EFFECT_FAILED
            cause = _cause(action, "The provider said no.")
            lead = "Failed after all: " if failed else "Failed: "
            return CardOutcome(lead=lead, text=f"{said} {cause}")
        case _ if action.error is not None and action.error.code == Code.LATE_EFFECT:
            text = f"{_cause(action, '')} {_receipt(action)}"
            return CardOutcome(lead="Done after all: ", text=text)
        case _:
            return CardOutcome(lead="Done: ", text=f"{said} {_receipt(action)}")


def _waits(decided: CardOutcome, action: ActionView) -> CardOutcome:
    """It is allowed, and not called yet."""
    if action.held is not None:
        text = f"{decided.text} It waits: {action.held.reason}. It goes on by itself after that, if"
        return CardOutcome(lead="Held: ", text=f"{text} everything still holds.")
    return replace(decided, text=f"{decided.text} It waits to be carried out.", asks=False)


def _decided(approval: ApprovalView, action: ActionView | None) -> CardOutcome:
    """What was decided, which says nothing yet of what happened."""
    yes = _people(approval, DecisionChoice.APPROVE)
    status = ApprovalStatus(approval.status)
    match status:
        case ApprovalStatus.PENDING:
            lapsed = _lapsed(approval, action)
            if not yes:
                return CardOutcome(lead="Yes or no? ", text=lapsed, asks=True)
            return CardOutcome(
                lead="Another yes? ",
                text=f"{yes} said yes already; somebody else has to, too. {lapsed}".rstrip(),
                asks=True,
            )
        case ApprovalStatus.REJECTED:
            code = action.error.code if action is not None and action.error is not None else ""
            reason = f" Reason: {code.replace('_', ' ')}." if code else ""
            who = _people(approval, DecisionChoice.REJECT) or "a person"
            return CardOutcome(lead=f"Rejected by {who}: ", text=f"{who} said no.{reason}")
        case ApprovalStatus.EXPIRED:
            return CardOutcome(lead="Expired: ", text="Nobody decided in time, which counts as no.")
        case ApprovalStatus.WITHDRAWN:
            text = f"{_yes_before(approval)}The customer has taken it back."
            return CardOutcome(lead="Withdrawn by the customer: ", text=text)
        case ApprovalStatus.APPROVED:
            who = yes or "nobody"
            return CardOutcome(lead=f"Approved by {who}: ", text=f"{who} said yes.")
        case ApprovalStatus.SUPERSEDED:
            return CardOutcome(lead="Not asked any more: ", text=_withdrawn(approval, action, yes))
        case _:
            assert_never(status)


def _withdrawn(approval: ApprovalView, action: ActionView | None, yes: str) -> str:
    """Whose yes came to nothing, why, and what goes on without it."""
    said = f"{yes} said yes. " if yes else ""
    if action is None:
        return f"{said}Nobody is asked about it any more."
    changed = _changed(action)
    if changed:
        said += f"Then {changed}. " if yes else f"{changed[:1].upper()}{changed[1:]}. "
    if action.decision is not None and action.decision.outcome == "allow":
        said = f"{said}The policy allows it without anybody now: {action.decision.reason}."
    return said.rstrip()


def _yes_before(approval: ApprovalView) -> str:
    """Whose yes counts no more; empty when nobody had said any."""
    yes = _people(approval, DecisionChoice.APPROVE)
    return f"{yes} said yes. " if yes else ""


def _receipt(action: ActionView) -> str:
    receipt = action.receipt
    if receipt is None:
        return "It is done."
    money = f", {receipt.amount}" if receipt.amount else ""
    undone = " It was undone later." if action.status == Status.COMPENSATED else ""
    return f"The provider's receipt: {receipt.id} ({receipt.status}{money}).{undone}"


def _cause(action: ActionView, otherwise: str) -> str:
    return otherwise if action.error is None else f"Why: {action.error.message}."


def _lapsed(approval: ApprovalView, action: ActionView | None) -> str:
    """Whose yes was to an earlier revision, and what has changed since; empty when nobody's."""
    said = {vote.person for vote in approval.votes if vote.revision == approval.revision}
    before = dict.fromkeys(
        vote.person
        for vote in approval.votes
        if vote.decision == DecisionChoice.APPROVE and vote.revision < approval.revision
    )
    people = " and ".join(person for person in before if person not in said)
    if not people:
        return ""
    changed = "" if action is None else _changed(action)
    why = f": {changed}" if changed else ""
    return f"{people} said yes to an earlier revision, which does not count any more{why}."


def _changed(action: ActionView) -> str:
    """Why it was asked or judged anew last, in words; empty where the timeline does not say."""
    why = ""
    for entry in action.timeline:
        if entry.kind == EntryKind.ACTION_STALE:
            why = str(entry.body["data"].get("reason", "it has changed"))
        elif entry.kind == EntryKind.ACTION_EDITED:
            why = "the amount was lowered"
    return why


def _people(approval: ApprovalView, decision: str) -> str:
    """Who said so about the present revision, once each, in the order in which they did."""
    found = dict.fromkeys(
        vote.person
        for vote in approval.votes
        if vote.decision == decision and vote.revision == approval.revision
    )
    return " and ".join(found)
