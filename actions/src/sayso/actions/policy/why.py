"""Why an action came to people: the one fact without which nobody would have been asked.

A policy says which rule lets a yes pass, and not which one failed before. So the question is asked
again with one fact at a time moved to the numbers that the rules name, until the answer is another:
`$129.00` is `Above the automatic $50` when $50.00 needs nobody and everything else is as it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sayso.actions.customers.proof import weakly_known_by
from sayso.actions.model.definition import FactValue
from sayso.actions.policy.base import History, Judgement, Outcome, PolicyQuestion
from sayso.audit.request_digests import ON_A_YES
from sayso.frozen import replace
from sayso.money import Money, exponent_of

MOST_TRIES = 48
"""So many questions are asked at most; each takes some tens of microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """In words for the person who decides.

    Attributes:
        reason: one short line, such as `Above the automatic $50`.
        needed: who has to agree, such as `It needs one support manager.`
    """

    reason: str
    needed: str


Judging = Callable[[PolicyQuestion], Judgement]


def why_asked(
    question: PolicyQuestion, judgement: Judgement, numbers: Sequence[Decimal], judge: Judging
) -> Why:
    """Why the policy asks people about this.

    Args:
        judgement: an `ask`.
        numbers: those that the policy's rules name, in any order.
        judge: asks the same policy about another question.
    """
    people = len(judgement.roles)
    changes = _changes(question, sorted(set(numbers)), people)
    for other, reason in itertools.islice(changes, MOST_TRIES):
        answer = judge(other)
        if answer.outcome is Outcome.ALLOW or (
            answer.outcome is Outcome.ASK and len(answer.roles) < people
        ):
            return Why(reason=reason(answer), needed=needed_sentence(judgement.roles))
    return Why(reason=_always(people), needed=needed_sentence(judgement.roles))


def needed_sentence(roles: Sequence[str]) -> str:
    """Who has to agree, as a sentence."""
    names = [role.replace("_", " ") for role in roles]
    if not names:
        return "It needs nobody."
    if len(names) == 1:
        return f"It needs one {names[0]}."
    if len(set(names)) == 1:
        return f"It needs {_count(len(names))} people: each a {names[0]}."
    return f"It needs {_count(len(names))} people: {' and '.join(names)}."


_Reason = Callable[[Judgement], str]


def _changes(
    question: PolicyQuestion, numbers: Sequence[Decimal], people: int
) -> Iterator[tuple[PolicyQuestion, _Reason]]:
    words = weakly_known_by(question.resolved.reached, question.verified)
    if words is not None:
        subject = replace(question.subject, assurance=question.assurance)
        known = replace(question.resolved, reached=None, verified=None)
        own = replace(question, subject=subject, resolved=known)
        yield own, _said(f"Known to be this customer's by {words}")
    if question.rests_on_a_yes:
        shown = replace(question, planner=question.planner.removesuffix(ON_A_YES))
        yield shown, _said("Not shown by the customer's own words; they said yes to it")
    yield from _smaller_amounts(question, numbers)
    yield from _other_history(question, numbers)
    if question.history.count_30d and people == 1:
        # Neither alone makes it automatic; both together may.
        bare = replace(question, history=History(count_30d=0, amount_30d_minor=0))
        for other, reason in _smaller_amounts(bare, numbers):
            yield other, _and_before(reason)
    yield from _other_facts(question, numbers)


def _and_before(reason: _Reason) -> _Reason:
    return lambda answer: f"{reason(answer)}, and not the first in 30 days"


def _smaller_amounts(
    question: PolicyQuestion, numbers: Sequence[Decimal]
) -> Iterator[tuple[PolicyQuestion, _Reason]]:
    amount = question.resolved.amount
    if amount is None:
        return
    for number in reversed(numbers):
        minor = number.scaleb(exponent_of(amount.currency))
        if minor != minor.to_integral_value() or not 0 < minor < amount.amount_minor:
            continue
        less = Money(int(minor), amount.currency)
        resolved = replace(question.resolved, amount=less)
        yield replace(question, resolved=resolved), _above(less)


def _above(limit: Money) -> _Reason:
    def reason(answer: Judgement) -> str:
        if answer.outcome is Outcome.ALLOW:
            return f"Above the automatic {short(limit)}"
        return f"Above {short(limit)}: more than one person must agree"

    return reason


def _other_history(
    question: PolicyQuestion, numbers: Sequence[Decimal]
) -> Iterator[tuple[PolicyQuestion, _Reason]]:
    before = question.history
    if before.count_30d:
        none = replace(question, history=History(count_30d=0, amount_30d_minor=0))
        times = "one" if before.count_30d == 1 else str(before.count_30d)
        yield none, lambda _: f"{times.capitalize()} like it in 30 days already"


def _other_facts(
    question: PolicyQuestion, numbers: Sequence[Decimal]
) -> Iterator[tuple[PolicyQuestion, _Reason]]:
    whole = [int(number) for number in numbers if number == number.to_integral_value()]
    for name, value in question.resolved.facts.items():
        if isinstance(value, bool):
            yield _with_fact(question, name, not value), _said(_flag(name, value))
        elif isinstance(value, int):
            # A rule may say `>` or `>=`, so each number is tried with those beside it; the nearest
            # first, since the first that is enough is the one that is told.
            others = {number + by for number in whole for by in (-1, 0, 1)} - {value}
            ranked: list[tuple[int, int]] = sorted((abs(one - value), one) for one in others)
            for _, other in ranked:
                if other >= 0:
                    yield _with_fact(question, name, other), _said(_number(name, value, other))


def _with_fact(question: PolicyQuestion, name: str, value: FactValue) -> PolicyQuestion:
    facts = {**question.resolved.facts, name: value}
    return replace(question, resolved=replace(question.resolved, facts=facts))


def _said(text: str) -> _Reason:
    return lambda _: text


_FLAGS = {
    ("at_once", True): "Ends at once, not with the paid period",
    ("full", True): "Refunds all that is left",
    ("livemode", True): "Real money",
}


def _flag(name: str, value: bool) -> str:
    known = _FLAGS.get((name, value))
    if known is not None:
        return known
    return f"{_words(name)}: {'yes' if value else 'no'}"


_TIMES = {
    "tenure_days": "Customer for {value} days; automatic {bound} {other}",
    "charge_age_days": "Paid {value} days ago; automatic {bound} {other}",
    "subscription_age_days": "Subscribed for {value} days; automatic {bound} {other}",
}


def _number(name: str, value: int, other: int) -> str:
    bound = "from" if other > value else "up to"
    text = _TIMES.get(name, "{name} {value}; automatic {bound} {other}")
    return text.format(name=_words(name), value=f"{value:,}", bound=bound, other=f"{other:,}")


def _words(name: str) -> str:
    said = name.replace("_", " ")
    return said[:1].upper() + said[1:]


def _always(people: int) -> str:
    if people > 1:
        return f"The policy always asks {_count(people)} people here"
    return "The policy always asks a person here"


def _count(people: int) -> str:
    return {2: "two", 3: "three", 4: "four", 5: "five"}.get(people, str(people))


def short(money: Money) -> str:
    """An amount without decimals that say nothing: `$50`, but `$49.50`."""
    text = str(money)
    return text.removesuffix(".00")
