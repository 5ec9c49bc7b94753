"""The reply to the customer, written from what the ledger holds and from nothing else.

INVARIANT: a sentence says that something was done only where the ledger holds it as succeeded.
No model writes here, and no words of policy, of approvers or of errors are passed on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import orjson

from sayso.actions.approvals.repository import asked_before_less
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.status import Status
from sayso.errors import Code
from sayso.money import Money
from sayso.store.base import Reader

MAX_LABEL_CHARS = 120
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """What the ledger holds about one step.

    Attributes:
        action: the action's name.
        amount: the money that moves, or moved; None when none does or it is not known yet.
        asked: what was asked for, where a person has agreed to less.
        receipt: the provider's id of the effect; only when there is one.
        label: the object in the customer's words, such as `Order 1042: blue mug`; may be empty.
        when: when it takes effect, such as `at once`; may be empty.
        code: why it did not come to pass, when it did not.
        waits: a step that has to be done before is not done yet.
        held: a stop, or another action on the same object, keeps it from being begun.
    """

    action: str
    status: Status
    amount: Money | None = None
    asked: Money | None = None
    receipt: str | None = None
    label: str = ""
    when: str = ""
    code: Code | None = None
    waits: bool = False
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """How an action is called: before, as a thing, and once it is done."""

    thing: str
    done: str
    about: str = ""
    to: str = ""
    note: str = ""


_WORDS: dict[str, _Words] = {
    "stripe.refund": _Words(
        thing="the refund",
        done="we have refunded",
        about=" for ",
        note=" It can take some days until your bank shows it.",
    ),
    "stripe.cancel_subscription": _Words(
        thing="the cancellation", done="we have cancelled", about=" of "
    ),
    "stripe.credit": _Words(thing="the credit", done="we have credited", to=" to your account"),
    "email.send_apology": _Words(
        thing="our apology by e-mail", done="we have sent our apology by e-mail"
    ),
}
_OTHER = _Words(thing="what you asked for", done="we have done what you asked for", about=" for ")

# NOTE: an object of somebody else reads like one that does not exist, so that nobody can probe.
_NOT_FOUND = "we could not find it in your account"
_REASONS: dict[Code, str] = {
    Code.NOTHING_REFUNDABLE: "nothing is left of that payment",
    Code.AMOUNT_TOO_LARGE: "it is more than is left of that payment",
    Code.CURRENCY_MISMATCH: "your payment or your account is in another currency",
    Code.ALREADY_IN_STATE: "it has been arranged already",
    Code.WRONG_STATE: "its present state does not allow it",
    Code.UNKNOWN_OBJECT: _NOT_FOUND,
    Code.NOT_OWNER: _NOT_FOUND,
    Code.DEPENDENCY_FAILED: "an earlier part of your request did not go through",
}


def outcomes_of(reader: Reader, actions: Sequence[ActionRow]) -> list[StepOutcome]:
    """What a request's stored actions mean for the customer; what undoes a step is not told."""
    steps = [row for row in actions if row.undoes is None]
    undone = {row.step for row in steps if row.status is not Status.SUCCEEDED}
    return [
        replace(outcome_of(reader, row), waits=not undone.isdisjoint(row.after)) for row in steps
    ]


def outcome_of(reader: Reader, row: ActionRow) -> StepOutcome:
    """What one stored action means for the customer, by itself."""
    resolved = row.snapshot.resolved if row.snapshot is not None else None
    fields: Mapping[str, str] = resolved.fields if resolved is not None else {}
    receipt = row.receipt if row.status in {Status.SUCCEEDED, Status.COMPENSATED} else None
    code = row.error.get("code") if row.error is not None else None
    return StepOutcome(
        action=row.name,
        status=row.status,
        amount=receipt.amount if receipt is not None and receipt.amount else row.amount,
        asked=asked_before_less(reader, row),
        receipt=receipt.id if receipt is not None else None,
        label=fields.get(resolved.object_kind, "") if resolved is not None else "",
        when=fields.get("when", ""),
        held=row.is_blocked,
        code=Code(code) if code in set(Code) else None,
    )


def write_reply(outcomes: Sequence[StepOutcome]) -> str:
    """The reply about all steps of a request, in their order.

    Args:
        outcomes: one per step; none reads like a hand-over.

    Guarantees: `refunded`, `cancelled`, `credited` and `sent` stand only in a sentence about a step
    that succeeded, or that succeeded and was taken back.
    """
    if not outcomes:
        return write_hand_over()
    if len(outcomes) == 1:
        return _sentence(outcomes[0])
    lines = "\n".join(f"- {_sentence(outcome)}" for outcome in outcomes)
    return f"This is where your request stands:\n\n{lines}"


def write_hand_over() -> str:
    """The reply when nobody could plan the request and a person takes it."""
    return (
        "Thank you for your message. A person from our team has to look at it and will answer you. "
        "Nothing has been changed so far."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """What is kept of a hand-over beside the log, as one sealed text.

    Attributes:
        reason: why, for the team; it may quote the customer, so it stands in no entry.
        reply: what the customer is told.
    """

    reason: str
    reply: str

    def to_text(self) -> str:
        """The two as they are sealed."""
        return orjson.dumps({"reason": self.reason, "reply": self.reply}).decode()

    @classmethod
    def read(cls, sealed: str) -> HandedOver:
        """What `to_text` wrote; older texts are the reply alone."""
        try:
            found: object = orjson.loads(sealed)
        except orjson.JSONDecodeError:
            found = None
        match found:
            case {"reason": str(reason), "reply": str(reply)}:
                return cls(reason=reason, reply=reply)
            case _:
                return cls(reason="", reply=sealed)


def _sentence(outcome: StepOutcome) -> str:
    words = _WORDS.get(outcome.action, _OTHER)
    thing = _thing(outcome, words)
    match outcome.status:
        case Status.SUCCEEDED:
            text = _done(outcome, words)
        case Status.COMPENSATED:
            text = f"{thing} was made and then taken back, so in sum nothing has changed."
        case Status.PLANNED | Status.STALE:
            text = f"we are still checking {thing}. Nothing has been done yet."
        case Status.PENDING_APPROVAL:
            text = (
                f"a person from our team has to agree to {thing} first. Nothing has been done yet; "
                "you will hear from us once it is decided."
            )
        case Status.APPROVED | Status.EXECUTING:
            text = _under_way(outcome, thing)
        case Status.REJECTED:
            text = f"our team has looked at {thing} and cannot agree to it. Nothing has been done."
        case Status.EXPIRED:
            text = (
                f"{thing} was not decided in time, so nothing has been done. "
                "Please write to us again if you still need it."
            )
        case Status.REFUSED:
            text = _refused(outcome, thing)
        case Status.FAILED:
            text = f"{thing} did not go through. A person from our team has to look at it."
        case Status.UNKNOWN:
            text = (
                f"we do not know for sure yet whether {thing} went through. We are finding out; "
                "please do not ask for it a second time meanwhile."
            )
        case _:
            assert_never(outcome.status)
    return text[0].upper() + text[1:]


def _under_way(outcome: StepOutcome, thing: str) -> str:
    if outcome.status is Status.APPROVED and outcome.waits:
        return (
            f"{thing} comes after another part of your request. Nothing has been done about it yet."
        )
    if outcome.status is Status.APPROVED and outcome.held:
        return f"{thing} has to wait at the moment and is not confirmed yet."
    return f"{thing} is being worked on and is not confirmed yet."


def _refused(outcome: StepOutcome, thing: str) -> str:
    reason = _REASONS.get(outcome.code) if outcome.code is not None else None
    if reason is None:
        return (
            f"{thing} cannot be done automatically. Nothing has been done; "
            "please write to us again if a person from our team should look at it."
        )
    return f"{thing} is not possible: {reason}. Nothing has been done."


def _thing(outcome: StepOutcome, words: _Words) -> str:
    amount = f" of {outcome.amount}" if outcome.amount is not None else ""
    return f"{words.thing}{amount}{_about(outcome, words)}{_less(outcome)}"


def _done(outcome: StepOutcome, words: _Words) -> str:
    label = _clean(outcome.label)
    if outcome.action == "stripe.cancel_subscription":
        ends = f"; it ends {_clean(outcome.when)}" if outcome.when else ""
        return f"{words.done} {label or 'your subscription'}{ends}.{_reference(outcome)}"
    amount = f" {outcome.amount}" if outcome.amount is not None else ""
    missing = " you" if outcome.action == "stripe.refund" else ""
    return (
        f"{words.done}{amount or missing}{_about(outcome, words)}{words.to}{_less(outcome)}."
        f"{words.note}"
        f"{_reference(outcome)}"
    )


def _less(outcome: StepOutcome) -> str:
    return "" if outcome.asked is None else f" (less than the {outcome.asked} that was asked for)"


def _about(outcome: StepOutcome, words: _Words) -> str:
    label = _clean(outcome.label)
    return f"{words.about}{label}" if words.about and label else ""


def _reference(outcome: StepOutcome) -> str:
    receipt = _clean(outcome.receipt or "")
    return f" Your reference is {receipt}." if receipt else ""


def _clean(text: str) -> str:
    """One line of bounded length; a label comes from a provider and may hold anything."""
    line = _UNPRINTABLE.sub(" ", text).strip()
    return line if len(line) <= MAX_LABEL_CHARS else f"{line[: MAX_LABEL_CHARS - 1]}…"
