"""Test cards: a solution that was decided, shown once more with one mistake in it.

INVARIANT: none of them is ever an action or an approval. A card is made anew from its source each
time that it is shown, in memory; no action, approval or vote has its id, and nothing that carries
out, counts or judges reads the table `canary`. So there is nothing that could be claimed or called.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.actions.approvals.repository import ApprovalRow, ApprovalStatus
from sayso.actions.approvals.solution import Solution, SolutionStep
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.digest import hash_of
from sayso.actions.model.snapshot import Resolved
from sayso.actions.model.status import Status
from sayso.ids import rfc3339
from sayso.money import Money
from sayso.text import plain


class CanaryMistake(StrEnum):
    """What can be wrong with a test card; each is seen by whoever reads the card."""

    MORE_THAN_PAID = "more_than_paid"
    """More is paid back than the card says was ever paid."""
    OTHER_CARD = "other_card"
    """The money goes to a card that did not pay."""
    OTHER_OBJECT = "other_object"
    """The customer wrote about another number, such as of another order."""
    OTHER_NAME = "other_name"
    """The card names somebody else than whoever wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryCard:
    """A test card as it is shown.

    Attributes:
        solution: what is shown; none of its rows is stored. step: the wrong one.
        reveal: what the mistake was, as the end of a sentence; names the customer as the card does.
        most: what was ever paid, and so the most that can be right; None where money is not wrong.
    """

    id: str
    mistake: CanaryMistake
    solution: Solution
    step: str
    reveal: str
    most: Money | None = None

    def is_caught_by(self, said: Mapping[str, Decision], lower: Mapping[str, Money]) -> bool:
        """Whether an answer leaves out, or puts right, what is wrong."""
        decision = said[self.step]
        if decision.choice is DecisionChoice.REJECT:
            return True
        lowered = lower.get(self.step)
        return self.most is not None and lowered is not None and lowered <= self.most


_Steps: TypeAlias = list[SolutionStep]
_Wrong: TypeAlias = tuple[_Steps, str, "Money | None"]
_Make: TypeAlias = Callable[[_Steps, int, int], "_Wrong | None"]

_NUMBER = re.compile(r"(?<![\w.,$€£¥])\d{4,}(?![\w]|[.,]\d)")
"""A number that names something, and is no amount."""
_LAST_DIGITS = re.compile(r"(?<=\.\.)\d{4}")
_NAMES = ("Jordan Blake", "Robin Sorel", "Alex Lindqvist")


def fits(solution: Solution) -> bool:
    """Whether test cards can be made of a solution: decided as it was asked, by one person."""
    asked = [step.approval for step in solution.asked if step.approval is not None]
    return (
        {one.status for one in asked} <= {ApprovalStatus.APPROVED, ApprovalStatus.REJECTED}
        and {one.roles for one in asked} == {solution.lead.roles}
        and len(solution.lead.roles) == 1
        and all(
            one.erased_seq is None and one.revision == 1 and one.escalated_seq is None
            for one in asked
        )
        and all(step.action.snapshot is not None for step in solution.steps)
        and all(step.action.erased_seq is None for step in solution.steps)
    )


def mistakes_for(solution: Solution, canary_id: str) -> list[tuple[CanaryMistake, str]]:
    """What can be made wrong in a solution, with the step, in an order that the id decides."""
    kinds = list(CanaryMistake)
    first = _seed(canary_id, "kind") % len(kinds)
    steps = [step.id for step in solution.asked]
    return [
        (kind, step)
        for kind in [*kinds[first:], *kinds[:first]]
        for step in steps
        if _wrong(list(solution.steps), kind, _place(solution, step), canary_id) is not None
    ]


def make_card(
    source: Solution,
    canary_id: str,
    mistake: CanaryMistake,
    step: str,
    *,
    now: int,
    expires_at: int,
) -> CanaryCard | None:
    """The card, as if it had just been asked; None where its source is not what it was.

    Args:
        step: of the source.
        now, expires_at: microseconds since 1970: when it was asked, and until when.
    """
    if not fits(source):
        return None
    fresh = [_as_asked(one, canary_id, source, now, expires_at) for one in source.steps]
    place = _place(source, step)
    wrong = _wrong(fresh, mistake, place, canary_id)
    if place is None or wrong is None:
        return None
    steps, reveal, most = wrong
    bound = [_bound(one) for one in steps]
    lead = next(
        one.approval for one in bound if one.approval is not None and one.approval.id == canary_id
    )
    solution = replace(source, steps=tuple(bound), lead=lead)
    return CanaryCard(
        id=canary_id,
        mistake=mistake,
        solution=solution,
        step=bound[place].id,
        reveal=reveal,
        most=most,
    )


def _place(source: Solution, step: str) -> int | None:
    # NOTE: a step of no plan is called by its action's id, which is another one on the test card.
    return next((at for at, one in enumerate(source.steps) if one.id == step), None)


def _as_asked(
    step: SolutionStep, canary_id: str, source: Solution, now: int, expires_at: int
) -> SolutionStep:
    """A step with ids of its own, as it stood when people were asked."""
    action_id = _id("act", canary_id, step.id)
    approval = step.approval
    if approval is not None:
        lead = approval.id == source.lead.id
        approval = replace(
            approval,
            id=canary_id if lead else _id("apr", canary_id, step.id),
            action_id=action_id,
            status=ApprovalStatus.PENDING,
            card=replace(approval.card, deadline=rfc3339(expires_at)),
            expires_at=expires_at,
            created_at=now,
            updated_at=now,
            reminded_seq=None,
        )
    action = replace(
        step.action,
        id=action_id,
        status=Status.APPROVED if approval is None else Status.PENDING_APPROVAL,
        error=None,
        receipt=None,
        call_key=None,
        called_at=None,
        created_at=now,
        updated_at=now,
    )
    return SolutionStep(action=action, approval=approval)


def _bound(step: SolutionStep) -> SolutionStep:
    """With the digest of exactly what its card shows, which an answer has to carry."""
    approval = step.approval
    if approval is None:
        return step
    digest = hash_of([approval.id, approval.card.to_json()])
    return replace(step, approval=replace(approval, digest=digest))


def _id(prefix: str, canary_id: str, step: str) -> str:
    """An id of the usual form that is of nothing."""
    begin = canary_id.partition("_")[2][:10]
    return f"{prefix}_{begin}{hashlib.sha256(f'{canary_id} {step}'.encode()).hexdigest()[:16]}"


def _seed(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256(" ".join(parts).encode()).digest()[:4])


# ---- the mistakes --------------------------------------------------------------------------------


def _wrong(
    steps: _Steps, mistake: CanaryMistake, place: int | None, canary_id: str
) -> _Wrong | None:
    if place is None or steps[place].approval is None:
        return None
    return _MAKE[mistake](steps, place, _seed(canary_id, mistake))


def _more_than_paid(steps: _Steps, place: int, seed: int) -> _Wrong | None:
    card = _card_of(steps[place])
    amount = card.card.amount
    resolved = _resolved(steps[place])
    if amount is None or amount.amount_minor <= 0 or str(amount) not in card.card.title:
        return None
    known = [one for text in resolved.fields.values() for one in _amounts(str(text), amount)]
    most = max(known, default=None)
    if most is None or most < amount:
        return None
    more = Money(most.amount_minor * (2 + seed % 3), most.currency)
    # NOTE: what it says is left afterwards stays as it was: one more thing that does not fit.
    wrong = _changed(steps[place], {str(amount): str(more)}, amount=more)
    return (
        _with(steps, place, wrong),
        f"the card said {more}, and no more than {most} was ever paid",
        most,
    )


def _other_card(steps: _Steps, place: int, seed: int) -> _Wrong | None:
    payee = _card_of(steps[place]).card.payee
    what, paid, rest = payee.partition(", which paid")
    digits = _LAST_DIGITS.search(what)
    if not paid or digits is None:
        return None
    other = _LAST_DIGITS.sub(f"{(int(digits[0]) + 1 + seed % 9000) % 10_000:04}", what)
    wrong = _changed(steps[place], {}, payee=f"{other}, which did not pay{rest}")
    reveal = f"the money would have gone to {other}, and {what} had paid"
    return _with(steps, place, wrong), reveal, None


def _other_object(steps: _Steps, place: int, seed: int) -> _Wrong | None:
    card = _card_of(steps[place]).card
    shown = " ".join([card.title, *(value for _, value in card.fields)])
    named = [number for number in _NUMBER.findall(card.quote) if number in shown]
    if not named:
        return None
    number = named[0]
    last = (int(number[-1]) + 1 + seed % 9) % 10
    other = f"{number[:-1]}{last}"
    wrong = _changed(steps[place], {number: other})
    return (
        _with(steps, place, wrong),
        f"the customer wrote about {number}, and the card was about {other}",
        None,
    )


def _other_name(steps: _Steps, place: int, seed: int) -> _Wrong | None:
    card = _card_of(steps[place]).card
    name = _resolved(steps[place]).personal.get("name", "")
    first = name.partition(" ")[0]
    if len(first) < 3 or not re.search(rf"\b{re.escape(first)}\b", card.quote):
        return None
    other = next(one for one in [*_NAMES[seed % 3 :], *_NAMES] if not one.startswith(f"{first} "))
    reveal = f"{plain(first, limit=60)} had signed the words, and the card named {other}"
    return [_renamed(one, other) for one in steps], reveal, None


_MAKE: Mapping[CanaryMistake, _Make] = {
    CanaryMistake.MORE_THAN_PAID: _more_than_paid,
    CanaryMistake.OTHER_CARD: _other_card,
    CanaryMistake.OTHER_OBJECT: _other_object,
    CanaryMistake.OTHER_NAME: _other_name,
}


def _card_of(step: SolutionStep) -> ApprovalRow:
    assert step.approval is not None, "only of what people were asked about"
    return step.approval


def _with(steps: _Steps, place: int, wrong: SolutionStep) -> _Steps:
    return [wrong if at == place else one for at, one in enumerate(steps)]


def _amounts(text: str, like: Money) -> Sequence[Money]:
    """The amounts of a currency that a text names, as amounts are written on cards."""
    before, after = str(like).split(f"{like.decimal:,f}")
    found = re.findall(rf"{re.escape(before)}(\d[\d,]*(?:\.\d+)?){re.escape(after)}", text)
    return [Money.parse(one.replace(",", ""), like.currency) for one in found]


def _changed(
    step: SolutionStep,
    words: Mapping[str, str],
    *,
    amount: Money | None = None,
    payee: str | None = None,
) -> SolutionStep:
    """The step with other words on its card, and the same in what was resolved."""

    def say(text: str) -> str:
        for was, now in words.items():
            text = text.replace(was, now)
        return text

    approval = _card_of(step)
    card = approval.card
    keep = amount is not None  # what the facts say of money is what shows the mistake
    card = replace(
        card,
        title=say(card.title),
        on_yes=say(card.on_yes),
        amount=amount or card.amount,
        payee=payee or card.payee,
        fields=card.fields if keep else tuple((name, say(text)) for name, text in card.fields),
    )
    return SolutionStep(
        action=_with_resolved(step, amount=amount, payee=payee),
        approval=replace(approval, card=card),
    )


def _renamed(step: SolutionStep, name: str) -> SolutionStep:
    approval = step.approval
    if approval is not None:
        told = tuple(
            (label, name if label == "name" else value) for label, value in approval.card.customer
        )
        approval = replace(approval, card=replace(approval.card, customer=told))
    personal = dict(_resolved(step).personal)
    if "name" in personal:
        personal["name"] = name
    return SolutionStep(action=_with_resolved(step, personal=personal), approval=approval)


def _resolved(step: SolutionStep) -> Resolved:
    snapshot = step.action.snapshot
    assert snapshot is not None, "`fits` takes none without"
    return snapshot.resolved


def _with_resolved(
    step: SolutionStep,
    *,
    amount: Money | None = None,
    payee: str | None = None,
    personal: Mapping[str, str] | None = None,
) -> ActionRow:
    snapshot = step.action.snapshot
    assert snapshot is not None, "`fits` takes none without"
    found = snapshot.resolved
    resolved = replace(
        found,
        amount=amount or found.amount,
        payee=payee or found.payee,
        personal=found.personal if personal is None else personal,
    )
    return replace(step.action, snapshot=replace(snapshot, resolved=resolved))
