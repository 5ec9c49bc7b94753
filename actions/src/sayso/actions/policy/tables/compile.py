"""One Cedar rule for each row, in one form: what a row says is found again in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

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
)

_SIGNS: dict[Bound, str] = {"over": ">", "at_least": ">=", "under": "<", "up_to": "<="}
_METHODS: dict[Bound, str] = {
    "over": "greaterThan",
    "at_least": "greaterThanOrEqual",
    "under": "lessThan",
    "up_to": "lessThanOrEqual",
}


def compile_rows(action: str, rows: Iterable[RuleRow]) -> str:
    """The Cedar text of rows about one action."""
    return "\n".join(_rule(action, row) for row in rows)


def _rule(action: str, row: RuleRow) -> str:
    effect = "permit" if row.sort is RowKind.ALLOW else "forbid"
    head = (
        f"@id({_text(row.id)}) @explain({_text(row.say)})\n"
        f"{effect} (principal, action == Action::{_text(action)}, resource)"
    )
    parts = [*_amounts(row), *(one for each in row.conditions for one in _condition(each))]
    agreed = " && ".join(_agreed(row)) if row.by else ""
    unless = ""
    if row.sort is RowKind.ALLOW and agreed:
        parts.append(agreed)
    elif row.sort is RowKind.ASK:
        unless = f"\nunless {{ {agreed} }}"
    when = f"\nwhen {{ {' && '.join(parts)} }}" if parts else ""
    return f"{head}{when}{unless};\n"


def _amounts(row: RuleRow) -> Iterator[str]:
    if not row.amounts:
        return
    known = [_at_most(currency, amount) for currency, amount in row.amounts.items()]
    if row.sort is not RowKind.ALLOW:
        # Anything that is not known to be at most that, so another currency counts as more.
        yield f"!({' || '.join(known)})"
    elif len(known) == 1:
        yield known[0]
    else:
        yield f"({' || '.join(known)})"


def _at_most(currency: str, amount: Decimal) -> str:
    limit = f"context.amount.lessThanOrEqual({_decimal(amount)})"
    return f"context.currency == {_text(currency)} && {limit}"


def _condition(condition: Condition) -> Iterator[str]:
    match condition:
        case TextIs(name=name, words=words, negated=negated):
            yield _words(_place(name), words, negated)
        case NumberIs(name=name, bounds=bounds):
            yield from (f"{_place(name)} {_SIGNS[sort]} {bound}" for sort, bound in bounds)
        case MoneyIs(name=name, currency=currency, bounds=bounds):
            yield f"context.currency == {_text(currency)}"
            for sort, amount in bounds:
                yield f"{_place(name)}.{_METHODS[sort]}({_decimal(amount)})"
        case FlagIs(name=name, value=value):
            yield _place(name) if value else f"!{_place(name)}"
        case HourIs(start=start, end=end):
            yield f"(context.localHour >= {start} || context.localHour < {end})"


def _words(place: str, words: tuple[str, ...], negated: bool) -> str:
    if len(words) == 1:
        return f"{place} {'!=' if negated else '=='} {_text(words[0])}"
    listed = ", ".join(map(_text, words))
    return f"{'!' if negated else ''}[{listed}].contains({place})"


def _agreed(row: RuleRow) -> Iterator[str]:
    if row.people > 1:
        yield f"context.approvals >= {row.people}"
    listed = ", ".join(map(_text, row.by))
    yield f"context.approvedBy.containsAny([{listed}])"


def _place(name: str) -> str:
    return name if "." in name else f"context.{name}"


def _decimal(amount: Decimal) -> str:
    digits = f"{amount:.4f}".rstrip("0")
    whole, _, part = digits.partition(".")
    return f'decimal("{whole}.{part.ljust(2, "0")}")'


def _text(value: str) -> str:
    # Cedar escapes as JSON does, but for a code point, which it writes in braces.
    escaped = json.dumps(value, ensure_ascii=False)
    return "".join(
        f"\\u{{{ord(sign):x}}}" if ord(sign) < 32 or sign == "\x7f" else sign for sign in escaped
    )


def amounts_in_order(amounts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The same, USD first and the others by name: one form for what means one thing."""
    names = sorted(amounts, key=lambda name: (name != "USD", name))
    return {name: amounts[name] for name in names}
