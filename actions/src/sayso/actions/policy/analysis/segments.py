"""What a rule is about, in words: whom, how much, when; and how far two versions of it differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from sayso.actions.model.definition import Fact
from sayso.actions.policy.formula.translate import SCALE
from sayso.actions.policy.reasons.words import label, short_of
from sayso.actions.policy.slices import Slice
from sayso.actions.policy.tables.rows import (
    Bound,
    Condition,
    FlagIs,
    HourIs,
    MoneyIs,
    NumberIs,
    RowKind,
    RuleRow,
    TextIs,
    name_in_table,
)

_BOUNDS: Mapping[Bound, str] = {
    "over": "over",
    "at_least": "from",
    "under": "under",
    "up_to": "up to",
}


def segment_of(rule: str, was: RuleRow | None, now: RuleRow | None, mine: Slice) -> str:
    """What a changed rule is about, such as `above $50 up to $75, tenure days over 365`.

    Args:
        was, now: the row that it was and is; None where it is none, or no row says it.
        mine: of a version that has the rule, whose sentence stands for what no row says.
    """
    row = now or was
    if row is None:
        return f"what “{mine.rules.explains.get(rule, rule)}” is about"
    facts = mine.facts
    amounts = list(_amounts(row))
    if was is not None and now is not None and _same_but_amounts(was, now):
        amounts = list(_between(was, now)) or amounts
    parts = [
        *filter(None, [" or ".join(amounts)]),
        *(_condition(one, facts) for one in row.conditions),
    ]
    return ", ".join(parts) or "every case"


def _same_but_amounts(was: RuleRow, now: RuleRow) -> bool:
    return (was.sort, was.conditions, was.by, was.people) == (
        now.sort,
        now.conditions,
        now.by,
        now.people,
    )


def _between(was: RuleRow, now: RuleRow) -> Iterator[str]:
    """The amounts that only one of the two is about."""
    before, after = was.amounts or {}, now.amounts or {}
    for currency in after:
        if currency in before and before[currency] != after[currency]:
            low, high = sorted((before[currency], after[currency]))
            yield f"above {_money(low, currency)} up to {_money(high, currency)}"


def _amounts(row: RuleRow) -> Iterator[str]:
    word = "up to" if row.sort is RowKind.ALLOW else "over"
    for currency, amount in (row.amounts or {}).items():
        yield f"{word} {_money(amount, currency)}"


def _money(amount: Decimal, currency: str) -> str:
    return short_of(int(amount * SCALE), currency)


def _condition(condition: Condition, facts: Mapping[str, Fact]) -> str:
    match condition:
        case TextIs(name=name, words=words, negated=negated):
            said = " or ".join(word.replace("_", " ") or "nothing" for word in words)
            return f"{_label(name, facts)} {'not ' if negated else ''}{said}"
        case NumberIs(name=name, bounds=bounds):
            said = " and ".join(f"{_BOUNDS[sort]} {bound:,}" for sort, bound in bounds)
            return f"{_label(name, facts)} {said}"
        case MoneyIs(name=name, currency=currency, bounds=bounds):
            said = " and ".join(
                f"{_BOUNDS[sort]} {_money(bound, currency)}" for sort, bound in bounds
            )
            return said if name == "amount" else f"{_label(name, facts)} {said}"
        case FlagIs(name=name, value=value):
            return f"{_label(name, facts)}: {'yes' if value else 'no'}"
        case HourIs(start=start, end=end):
            return f"from {start}:00 to {end}:00"


def _label(name: str, facts: Mapping[str, Fact]) -> str:
    fact = facts.get(name)
    said = label(name_in_table(name), fact)
    return said if fact is not None and fact.say else said[:1].lower() + said[1:]
