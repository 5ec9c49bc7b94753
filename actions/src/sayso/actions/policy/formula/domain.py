"""What each fact can be: the ranges in which a search looks, and what an ordinary question has.

Known facts about values go in here, or a search finds amounts that no provider can move: money in
whole cents of its currency, seven weekdays, no history of money without an earlier action.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from sayso.actions.model.definition import Action, Fact
from sayso.actions.policy.cedar_schema import ASSURANCES, CONTEXT_FIELDS, MONEY_EFFECTS
from sayso.actions.policy.formula.terms import (
    APPROVALS,
    AtMost,
    Atom,
    FactHolds,
    Formula,
    OneOf,
    Value,
    atoms,
    disj,
    neg,
)
from sayso.actions.policy.formula.translate import (
    ASSURANCE,
    OBJECT_KIND,
    PRINCIPAL,
    RESOURCE,
    SCALE,
    Kind,
)
from sayso.money import exponent_of

MOST, LEAST = 2**63 - 1, -(2**63)
OTHER = "(other)"
"""Stands for every text that no rule names."""
_OTHER_CURRENCIES = ("CHF", "JPY", "KWD", "CLF")
"""One of each number of decimals, for currencies that no rule names."""
_ORDINARY: dict[str, Value] = {
    "hour": 12,
    "localHour": 12,
    "weekday": "mon",
    "holiday": False,
    "undoes": False,
    "plannedByModel": False,
    "planner": "caller",
    "count30d": 0,
    "amount30d": 0,
    ASSURANCE: "signed_in",
    PRINCIPAL: OTHER,
    RESOURCE: OTHER,
}


@dataclass(frozen=True, slots=True)
class Numbers:
    """Whole numbers from one to another, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class TextDomain:
    """Some texts, the ordinary one first."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flags:
    """Yes, no, or both."""

    flags: tuple[bool, ...]


Range: TypeAlias = "Numbers | TextDomain | Flags"


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """What the questions about one action can be.

    Attributes:
        ranges: by fact.
        money: the names of those that are money in the action's currency.
        always: what holds for every question.
    """

    ranges: Mapping[str, Range]
    money: frozenset[str]
    always: Formula

    def narrowed(self, atom: Atom, *, yes: bool) -> Domain | None:
        """The part of it in which a test has this answer; None when there is none."""
        found = _narrow(self.ranges, atom, yes=yes)
        if found is None:
            return None
        return replace(self, ranges={**self.ranges, **found})


def kinds_of(facts: Mapping[str, Fact]) -> dict[str, Kind]:
    """The kind of each field of the context, for the translation."""
    ours: dict[str, Kind] = {
        "String": "text",
        "Long": "number",
        "Bool": "flag",
        "decimal": "money",
    }
    of_facts: dict[str, Kind] = {
        "string": "text",
        "long": "number",
        "bool": "flag",
        "decimal": "money",
    }
    found: dict[str, Kind] = {
        field.name: ours[field.type] for field in CONTEXT_FIELDS if field.type in ours
    }
    found |= {name: of_facts[fact.type] for name, fact in facts.items()}
    del found[APPROVALS]
    return found


def domain_of(
    action: Action, facts: Mapping[str, Fact], formulas: Iterable[Formula], kinds: Iterable[str]
) -> Domain:
    """The questions that can be asked about an action.

    Args:
        formulas: all that will be looked for, whose words count as different ones.
        kinds: what kinds of object the action is about, where that is known.
    """
    named: dict[str, dict[str, None]] = {}
    for formula in formulas:
        for atom in atoms(formula):
            if isinstance(atom, OneOf):
                named.setdefault(atom.name, {}).update(dict.fromkeys(sorted(atom.words)))
    moves = action.effect in MONEY_EFFECTS
    ranges: dict[str, Range] = {
        "amount": Numbers(1 if moves else 0, MOST),
        "currency": TextDomain(_currencies(named.get("currency", {}), moves)),
        "count30d": Numbers(0, MOST),
        "amount30d": Numbers(0, MOST),
        "hour": Numbers(0, 23),
        "localHour": Numbers(0, 23),
        "weekday": TextDomain(_field_words("weekday")),
        "holiday": Flags((False, True)),
        "undoes": Flags((False, True)),
        "plannedByModel": Flags((False, True)),
        "planner": _open("planner", named, "caller"),
        ASSURANCE: TextDomain(("signed_in", *(one for one in ASSURANCES if one != "signed_in"))),
        OBJECT_KIND: _open(OBJECT_KIND, named, *kinds),
        PRINCIPAL: _open(PRINCIPAL, named),
        RESOURCE: _open(RESOURCE, named),
    }
    money = {"amount", "amount30d"}
    for name, fact in facts.items():
        match fact.type:
            case "string":
                ranges[name] = TextDomain(fact.words) if fact.words else _open(name, named)
            case "long":
                ranges[name] = Numbers(LEAST, MOST)
            case "bool":
                ranges[name] = Flags((False, True))
            case "decimal":
                ranges[name] = Numbers(LEAST, MOST)
                money.add(name)
    # Money of the last 30 days was moved by an action of the last 30 days.
    always = disj((AtMost("amount30d", 0), neg(AtMost("count30d", 0))))
    return Domain(ranges=ranges, money=frozenset(money), always=always)


def _field_words(name: str) -> tuple[str, ...]:
    return next(field.words for field in CONTEXT_FIELDS if field.name == name)


def _currencies(named: Iterable[str], moves: bool) -> tuple[str, ...]:
    known = [one for one in named if one]
    usual = [one for one in ("USD", "EUR", "GBP") if one in known]
    rest = [one for one in known if one not in usual]
    others = [one for one in _OTHER_CURRENCIES if one not in known]
    return (*usual, *rest, *others, *(() if moves else ("",)))


def _open(name: str, named: Mapping[str, Iterable[str]], *usual: str) -> TextDomain:
    words = dict.fromkeys((*usual, OTHER, *named.get(name, ())))
    return TextDomain(tuple(words))


def _narrow(ranges: Mapping[str, Range], atom: Atom, *, yes: bool) -> dict[str, Range] | None:
    match atom:
        case AtMost(name=name, bound=bound):
            was = ranges[name]
            assert isinstance(was, Numbers), name
            low, high = (
                (was.low, min(was.high, bound)) if yes else (max(was.low, bound + 1), was.high)
            )
            return {name: Numbers(low, high)} if low <= high else None
        case OneOf(name=name, words=words):
            texts = ranges[name]
            assert isinstance(texts, TextDomain), name
            kept = tuple(word for word in texts.words if (word in words) is yes)
            return {name: TextDomain(kept)} if kept else None
        case FactHolds(name=name):
            flags = ranges[name]
            assert isinstance(flags, Flags), name
            return {name: Flags((yes,))} if yes in flags.flags else None
        case _:
            raise AssertionError("who said yes is known before anything is looked for")


def pick(domain: Domain) -> dict[str, Value] | None:
    """An ordinary question of a domain; None where no amount is one of its currency.

    The largest amount, no history, a Monday at noon, as far as the domain has them.
    """
    currencies = domain.ranges["currency"]
    assert isinstance(currencies, TextDomain)
    for currency in currencies.words:
        found = _with_currency(domain, currency)
        if found is not None:
            return found
    return None


def _with_currency(domain: Domain, currency: str) -> dict[str, Value] | None:
    step = SCALE // 10 ** exponent_of(currency) if currency else SCALE
    values: dict[str, Value] = {"currency": currency}
    for name, found in domain.ranges.items():
        match found:
            case TextDomain(words=words):
                values.setdefault(name, _ordinary(name, words))
            case Flags(flags=flags):
                values[name] = _ordinary(name, flags)
            case Numbers(low=low, high=high) if name in domain.money:
                if not currency and name in ("amount", "amount30d"):
                    high = min(high, 0)  # what moves no money has none to count either
                amount = _money(low, high, step, largest=name == "amount")
                if amount is None:
                    return None
                values[name] = amount
            case Numbers(low=low, high=high):
                values[name] = _number(name, low, high)
    return values


def _ordinary(name: str, choices: tuple[Value, ...]) -> Value:
    usual = _ORDINARY.get(name)
    return choices[0] if usual is None or usual not in choices else usual


def _money(low: int, high: int, step: int, *, largest: bool) -> int | None:
    """A whole number of the currency's smallest units between two amounts."""
    first, last = -(-low // step) * step, high // step * step
    if first > last:
        return None
    if largest and high < MOST:
        return last
    return first if low > LEAST else min(max(0, first), last)


def _number(name: str, low: int, high: int) -> int:
    usual = _ORDINARY.get(name, 0)
    assert isinstance(usual, int)
    if low <= usual <= high:
        return usual
    return low if low > usual else high
