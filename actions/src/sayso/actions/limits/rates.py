"""Rates of exchange, for limits that sum several currencies: written by the team, rounded up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import cast

from sayso.actions.policy.problem import PolicyProblem, WrongError, read_rows
from sayso.errors import RefusedError
from sayso.money import Money, exponent_of

OLDEST = timedelta(days=7)
"""Rates that are older than this convert nothing, and what cannot be converted is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What one unit of a currency is worth in others.

    Attributes:
        as_of: the day of the rates; None where there are none.
        worth: by the currency that is reported in, then by the one that is converted.
    """

    as_of: date | None = None
    worth: Mapping[str, Mapping[str, Decimal]] = field(
        default_factory=dict[str, "Mapping[str, Decimal]"]
    )

    def convert(self, amount: Money, currency: str, at: datetime) -> int | None:
        """An amount in minor units of another currency, rounded up; None where nobody knows."""
        if amount.currency == currency:
            return amount.amount_minor
        rate = self.worth.get(currency, {}).get(amount.currency)
        if rate is None or self.as_of is None or at.date() - self.as_of > OLDEST:
            return None
        minor = (amount.decimal * rate).scaleb(exponent_of(currency))
        return int(minor.to_integral_value(rounding=ROUND_CEILING))


def read_rates(file: str, text: str) -> tuple[Rates, list[PolicyProblem]]:
    """Read `rates.toml`: `as_of` and, for each currency, what others are worth in it."""
    try:
        values = read_rows(text)
    except WrongError as error:
        return Rates(), [error.problem(file, text)]
    as_of = values.pop("as_of", None)
    problems: list[PolicyProblem] = []
    if not isinstance(as_of, date):
        step = "begin with as_of = 2026-11-27, the day of the rates"
        problems.append(WrongError("`as_of` is no day", step).problem(file, text))
        as_of = None
    worth: dict[str, dict[str, Decimal]] = {}
    for currency, table in values.items():
        rows = cast("dict[str, object]", table) if isinstance(table, dict) else {}
        for other, rate in (rows or {"": None}).items():
            number = Decimal(rate) if isinstance(rate, int | Decimal) else None
            known = _is_currency(currency) and _is_currency(other)
            if not known or number is None or not number.is_finite() or number <= 0:
                step = "write [EUR] and below it USD = 0.92"
                wrong = WrongError(f"`{currency}.{other}` is no rate", step, word=other)
                problems.append(wrong.problem(file, text))
                continue
            worth.setdefault(currency, {})[other] = number
    return Rates(as_of=as_of, worth=worth), problems


def _is_currency(word: str) -> bool:
    try:
        return exponent_of(word) >= 0
    except RefusedError:
        return False
