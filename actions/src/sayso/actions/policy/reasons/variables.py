"""What about a question can be otherwise, and what is nearest to what it is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TypeAlias

from sayso.actions.customers.proof import Proof, Verified, rests_on
from sayso.actions.model.definition import Action, Assurance, Fact, FactValue
from sayso.actions.policy.base import PolicyQuestion
from sayso.actions.policy.calendar import Calendar
from sayso.actions.policy.cedar_schema import MODEL, MONEY_EFFECTS
from sayso.actions.policy.formula.domain import LEAST, MOST, OTHER
from sayso.actions.policy.formula.terms import AtMost, Atom, FactHolds, Formula, OneOf, Value, atoms
from sayso.actions.policy.formula.translate import (
    ASSURANCE,
    OBJECT_KIND,
    PRINCIPAL,
    RESOURCE,
    SCALE,
)
from sayso.actions.policy.reasons.cheapest import (
    FactChange,
    Values,
    Variable,
    Wanted,
    answers,
)
from sayso.audit.customer_codes import VerifiedBy
from sayso.frozen import replace
from sayso.ids import to_micros
from sayso.money import Money, exponent_of

TIME = ("hour", "localHour", "weekday", "holiday")
WHO = (ASSURANCE, "verifiedBy", "link")
PLANNER = ("planner", "plannedByModel")
HISTORY = ("count30d", "amount30d")
Choices: TypeAlias = "Callable[[], Sequence[Values]]"
"""Made where one is looked for, since that may take some milliseconds; always the same ones."""
_HOURS, _HOLIDAYS = 24 * 14, 3
"""Every hour of every weekday comes within two weeks, but for those of holidays."""
# What people change most easily comes first: they are told that, where several ways are open.
_AMOUNT, _HISTORY, _NUMBER, _TIME, _FLAG, _TEXT, _CURRENCY = 10, 12, 14, 16, 18, 20, 22
_WHO, _NAMED = 26, 80
_CURRENCIES = ("EUR", "CHF", "JPY", "KWD", "CLF")
"""One at least of each number of decimals that no rule names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberVariable:
    """A number, in whole steps.

    Attributes:
        step: what it is a multiple of, such as a cent's ten-thousandths.
    """

    names: tuple[str, ...]
    cost: int
    step: int = 1
    low: int = LEAST
    high: int = MOST

    def meet(self, wanted: Sequence[Wanted], values: Values) -> Values | None:
        """See `Variable.meet`."""
        (name,) = self.names
        low, high = self.low, self.high
        for atom, yes in wanted:
            assert isinstance(atom, AtMost), "of a number"
            low, high = (low, min(high, atom.bound)) if yes else (max(low, atom.bound + 1), high)
        first, last = -(-low // self.step) * self.step, high // self.step * self.step
        if first > last:
            return None
        here = values.get(name)
        if here is None:
            return {name: last if low == self.low else first}
        assert not isinstance(here, str), name
        return {name: min(max(here, first), last)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceVariable:
    """Some facts that can be so, or so, or so: the first that fits is taken."""

    names: tuple[str, ...]
    cost: int
    choices: Choices

    def meet(self, wanted: Sequence[Wanted], values: Values) -> Values | None:
        """See `Variable.meet`."""
        return next((one for one in self.choices() if _fits(one, wanted)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryVariable:
    """How many there were lately, and their sum: none of them moved no money."""

    step: int
    names: tuple[str, ...] = HISTORY
    cost: int = _HISTORY

    def meet(self, wanted: Sequence[Wanted], values: Values) -> Values | None:
        """See `Variable.meet`."""
        found: dict[str, Value] = {name: values[name] for name in HISTORY if name in values}
        for name, step in (("count30d", 1), ("amount30d", self.step)):
            one = NumberVariable(names=(name,), cost=self.cost, step=step, low=0)
            tests = [
                test for test in wanted if isinstance(test[0], AtMost) and test[0].name == name
            ]
            if tests:
                met = one.meet(tests, values)
                if met is None:
                    return None
                found |= met
        if found.get("count30d") == 0 and "amount30d" in found:
            found["amount30d"] = 0
        return found if _fits(found, wanted) else None


def _fixed(choices: Iterable[Values]) -> Choices:
    made = tuple(choices)
    return lambda: made


def _fits(values: Values, wanted: Iterable[Wanted]) -> bool:
    return all(answers(atom, values) is yes for atom, yes in wanted)


def variables_of(
    action: Action,
    facts: Mapping[str, Fact],
    formula: Formula,
    values: Values,
    *,
    at: Choices | None = None,
    who: Choices | None = None,
) -> list[Variable]:
    """What the formula tests and can be otherwise.

    Args:
        at: the moments that come, as the rules read them. who: likewise, how the customer may be
            known.
    """
    words: dict[str, dict[str, None]] = {}
    tested: dict[str, Atom] = {}
    for atom in atoms(formula):
        assert isinstance(atom, AtMost | OneOf | FactHolds), "who said yes is known"
        tested[atom.name] = atom
        if isinstance(atom, OneOf):
            words.setdefault(atom.name, {}).update(dict.fromkeys(sorted(atom.words)))
    found: list[Variable] = []
    if set(TIME) & set(tested) and at is not None:
        found.append(ChoiceVariable(names=TIME, cost=_TIME, choices=at))
    if set(WHO) & set(tested) and who is not None:
        found.append(ChoiceVariable(names=WHO, cost=_WHO, choices=who))
    if set(PLANNER) & set(tested):
        found.append(_planner(words.get("planner", {})))
    if set(HISTORY) & set(tested):
        found.append(HistoryVariable(step=_step_of(values)))
    done = {"undoes", *(name for variable in found for name in variable.names)}
    moves = action.effect in MONEY_EFFECTS
    for name, atom in tested.items():
        if name in done:
            continue
        if isinstance(atom, AtMost):
            found.append(_number(name, facts, values, moves=moves))
        elif isinstance(atom, OneOf):
            found.append(_text(name, facts, words[name], values, moves=moves))
        else:
            both: list[Values] = [{name: True}, {name: False}]
            found.append(ChoiceVariable(names=(name,), cost=_FLAG, choices=_fixed(both)))
    return found


def _number(name: str, facts: Mapping[str, Fact], values: Values, *, moves: bool) -> NumberVariable:
    step = _step_of(values)
    if name == "amount":
        # What moves no money has none, and what moves some moves more than nothing.
        low, high = (step if moves else 0), (MOST if values.get("currency") else 0)
        return NumberVariable(names=(name,), cost=_AMOUNT, step=step, low=low, high=high)
    fact = facts.get(name)
    size = step if fact is not None and fact.type == "decimal" else 1
    return NumberVariable(names=(name,), cost=_NUMBER, step=size)


def _step_of(values: Values) -> int:
    """The smallest unit of the values' currency, in ten-thousandths."""
    currency = str(values.get("currency", ""))
    return SCALE // 10 ** exponent_of(currency) if currency else SCALE


def _planner(named: Iterable[str]) -> ChoiceVariable:
    planners = dict.fromkeys(("caller", *named, OTHER))
    return ChoiceVariable(
        names=PLANNER,
        cost=_WHO,
        choices=_fixed(
            {"planner": one, "plannedByModel": one.startswith(MODEL)} for one in planners
        ),
    )


def _text(
    name: str, facts: Mapping[str, Fact], named: Iterable[str], values: Values, *, moves: bool
) -> ChoiceVariable:
    fact = facts.get(name)
    if name == "currency":
        # NOTE: what moves no money has no currency, and what moves some has one.
        usual = [one for one in ("USD", "EUR", "GBP") if one in named]
        others = [one for one in named if one and one not in usual]
        none = [one for one in _CURRENCIES if one not in named]
        choices = [*usual, *others, *none] if moves or values.get("amount") else [""]
        cost = _CURRENCY
    elif fact is not None and fact.words:
        choices, cost = list(fact.words), _TEXT
    else:
        choices, cost = [*named, OTHER], _TEXT
    if name in (PRINCIPAL, RESOURCE, OBJECT_KIND):
        cost = _NAMED
    return ChoiceVariable(names=(name,), cost=cost, choices=_fixed({name: one} for one in choices))


# ---- as a question has it -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """The question at another moment, or with its customer otherwise known.

    Attributes:
        values: what rules read of that.
    """

    question: PolicyQuestion
    values: Values


class Variants:
    """The question at other moments, and with its customer otherwise known; made once."""

    def __init__(self, question: PolicyQuestion, calendar: Calendar) -> None:
        self._question, self._calendar = question, calendar

    @cached_property
    def moments(self) -> Sequence[Variant]:
        """See `moments`."""
        return moments(self._question, self._calendar)

    @cached_property
    def ways(self) -> Sequence[Variant]:
        """See `ways_known`."""
        return ways_known(self._question)

    def at(self) -> Sequence[Values]:
        """What rules read of the moments."""
        return [one.values for one in self.moments]

    def who(self) -> Sequence[Values]:
        """What rules read of how the customer is known."""
        return [one.values for one in self.ways]


def moments(question: PolicyQuestion, calendar: Calendar) -> list[Variant]:
    """The question at the hours that come, each that rules can tell from the others once."""
    start = question.at.replace(minute=0, second=0, microsecond=0)
    hours = [start + timedelta(hours=hours) for hours in range(1, _HOURS + 1)]
    today = calendar.local(question.at).date()
    for day in sorted(day for day in calendar.holidays if day > today)[:_HOLIDAYS]:
        begins = start + timedelta(days=(day - today).days)
        hours += [begins + timedelta(hours=hours) for hours in range(-24, 25)]
    found: dict[str, Variant] = {}
    for at in hours:
        moment = calendar.moment(at)
        read: dict[str, Value] = {
            "hour": at.astimezone(UTC).hour,
            "localHour": moment.hour,
            "weekday": moment.weekday,
        }
        if moment.holiday is not None:
            read["holiday"] = moment.holiday
        found.setdefault(repr(read), Variant(question=replace(question, at=at), values=read))
    return list(found.values())


def ways_known(question: PolicyQuestion) -> list[Variant]:
    """The question with its customer better known: by their own account, a proof, or signed in."""
    resolved, subject, until = question.resolved, question.subject, to_micros(question.at) + 1
    ways = [resolved.reached]
    if (way := resolved.reached) is not None:
        proofs = [proof for proof in Proof if proof.moves_money_alone]
        ways += [None, *(replace(way, proof=proof) for proof in proofs)]
    shown = [None if resolved.verified is None else resolved.verified, None]
    shown += [Verified(by=by, until=until) for by in VerifiedBy if by is not VerifiedBy.PERSON]
    levels = [subject.assurance, Assurance.SIGNED_IN, Assurance.VERIFIED, Assurance.UNVERIFIED]
    found: dict[str, Variant] = {}
    for reached, assurance, verified in itertools.product(ways, levels, shown):
        # Who is signed in needs no code, and who showed nothing is not known.
        if (verified is None) is (assurance is Assurance.UNVERIFIED):
            continue
        other = replace(
            question,
            subject=replace(subject, assurance=assurance),
            resolved=replace(resolved, reached=reached, verified=verified),
        )
        read: dict[str, Value] = {
            ASSURANCE: other.assurance.value,
            "verifiedBy": other.verified_by,
            "link": rests_on(reached),
        }
        found.setdefault(repr(read), Variant(question=other, values=read))
    return list(found.values())


def applied(
    question: PolicyQuestion,
    changes: Iterable[FactChange],
    facts: Mapping[str, Fact],
    variants: Variants,
) -> PolicyQuestion:
    """The question after changes."""
    for change in sorted(changes, key=lambda one: one.variable.names != ("currency",)):
        if change.variable.names in (TIME, WHO):
            known_as = variants.moments if change.variable.names == TIME else variants.ways
            same = next(one for one in known_as if one.values is change.values).question
            if change.variable.names == TIME:
                question = replace(question, at=same.at)
            else:
                known = replace(
                    question.resolved,
                    reached=same.resolved.reached,
                    verified=same.resolved.verified,
                )
                question = replace(question, subject=same.subject, resolved=known)
            continue
        for name, value in change.values.items():
            question = with_value(question, facts, name, value)
    return question


def with_value(
    question: PolicyQuestion, facts: Mapping[str, Fact], name: str, value: Value
) -> PolicyQuestion:
    """The question with one field as rules read it."""
    resolved, history, amount = question.resolved, question.history, question.resolved.amount
    currency = "" if amount is None else amount.currency
    match name:
        case "currency":
            return _in_currency(question, str(value))
        case "amount":
            return replace(question, resolved=replace(resolved, amount=_money(value, currency)))
        case "count30d":
            return replace(question, history=replace(history, count_30d=int(value)))
        case "amount30d":
            minor = _money(value, currency).amount_minor if currency else 0
            return replace(question, history=replace(history, amount_30d_minor=minor))
        case "planner":
            return replace(question, planner=str(value))
        case "plannedByModel":
            return question
        case "principal":
            subject = replace(question.subject, id=str(value))
            return replace(question, subject=subject, resolved=replace(resolved, owner=str(value)))
        case "resource":
            return replace(question, resolved=replace(resolved, object_id=str(value)))
        case "resource.kind":
            return replace(question, resolved=replace(resolved, object_kind=str(value)))
        case "addressChangedDays":
            assert resolved.reached is not None, "there is an address where they are reached"
            reached = replace(resolved.reached, address_changed_days=int(value))
            return replace(question, resolved=replace(resolved, reached=reached))
        case _:
            fact = facts.get(name)
            is_money = fact is not None and fact.type == "decimal"
            told = _money(value, currency) if is_money else value
            return replace(
                question, resolved=replace(resolved, facts={**resolved.facts, name: told})
            )


def _in_currency(question: PolicyQuestion, currency: str) -> PolicyQuestion:
    """The same numbers of another currency."""
    resolved, history = question.resolved, question.history
    amount = resolved.amount
    assert amount is not None, "only what moves money has a currency"
    if not currency:
        return replace(question, resolved=replace(resolved, amount=None))
    spent = Money(history.amount_30d_minor, amount.currency)
    facts: dict[str, FactValue] = {
        name: _turned(value, currency) if isinstance(value, Money) else value
        for name, value in resolved.facts.items()
    }
    return replace(
        question,
        resolved=replace(resolved, amount=_turned(amount, currency), facts=facts),
        history=replace(history, amount_30d_minor=_turned(spent, currency).amount_minor),
    )


def is_whole(values: Values, formula: Formula, facts: Mapping[str, Fact]) -> bool:
    """Whether each amount that a formula tests is one of the values' currency."""
    step = _step_of(values)
    money = {
        "amount",
        "amount30d",
        *(name for name, fact in facts.items() if fact.type == "decimal"),
    }
    tested = {atom.name for atom in atoms(formula) if isinstance(atom, AtMost)} & money
    return all(int(values.get(name, 0)) % step == 0 for name in tested)


def _turned(money: Money, currency: str) -> Money:
    # NOTE: what a rule tests is whole there, see `is_whole`; the others may lose their last digit.
    return Money(int(money.decimal.scaleb(exponent_of(currency))), currency)


def _money(value: Value, currency: str) -> Money:
    number = Decimal(int(value)) / SCALE
    return Money(int(number.scaleb(exponent_of(currency))), currency)
