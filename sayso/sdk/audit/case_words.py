"""Reads what somebody looks for a case by: `139 Mia November`, in any order."""

from __future__ import annotations

import calendar
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from sayso.errors import Code, RefusedError
from sayso.ids import to_micros

MOST_WORDS = 12
_NUMBER = re.compile(r"#?([0-9]{1,12})")
_AMOUNT = re.compile(r"[$€£¥]?([0-9]{1,12}(?:\.[0-9]{1,4})?)(?:[A-Z]{3}|[$€£¥])?")
_DAYS = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")
_MONTHS = {
    name.casefold(): number
    for names in (calendar.month_name, calendar.month_abbr)
    for number, name in enumerate(names)
    if name
}
_EVER = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseWords:
    """What a case must have.

    Attributes:
        words: each in a name, an order, an id, or in who decided; as `folded` gives them.
        numbers: each an order, or an amount as below.
        amounts: each of one of its steps, or of all together; in any currency.
        since, until: microseconds since 1970 of when it was decided; from included, to excluded.
        chips: how it was read, in words; the days are always among them.
    """

    words: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    amounts: tuple[Decimal, ...] = ()
    since: int = 0
    until: int = _EVER
    chips: tuple[str, ...] = field(default=())


def read_case_words(said: str, now: datetime) -> CaseWords:
    """Read it.

    Args:
        said: names, orders, amounts and people; `November`, `2026-11` or `2026-11-12` for when.
        now: by which a month without a year is the latest one.

    Raises:
        RefusedError: `invalid_input`, for nothing, too much, or a day that there is not.
    """
    parts = said.split()
    if not parts or len(parts) > MOST_WORDS:
        raise _bad(f"give 1 to {MOST_WORDS} words: a name, an order, an amount, a month")
    words: list[str] = []
    numbers: list[str] = []
    amounts: list[Decimal] = []
    span: tuple[int, int] | None = None
    for part in parts:
        month = _MONTHS.get(part.casefold().strip(",."))
        if (day := _DAYS.fullmatch(part)) is not None:
            span = _span(int(day[1]), int(day[2]), int(day[3]) if day[3] else None)
        elif month is not None:
            span = _span(now.year - (month > now.month), month, None)
        elif (number := _NUMBER.fullmatch(part)) is not None:
            numbers.append(number[1])
        elif (amount := _AMOUNT.fullmatch(part)) is not None:
            amounts.append(Decimal(amount[1]))
        else:
            words.append(part)
    chips = [f"named, ordered, or decided by “{word}”" for word in words]
    chips += [f"order {number}, or that amount in any currency" for number in numbers]
    chips += [f"in all or one step {amount:,.2f}, any currency" for amount in amounts]
    since, until = span or (0, _EVER)
    return CaseWords(
        words=tuple(map(folded, words)),
        numbers=tuple(numbers),
        amounts=tuple(amounts),
        since=since,
        until=until,
        chips=(*chips, _days(since, until) if span else "of all days"),
    )


def folded(text: str) -> str:
    """Text as it is compared: without case and accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in plain if not unicodedata.combining(char))


def _span(year: int, month: int, day: int | None) -> tuple[int, int]:
    try:
        first = datetime(year, month, day or 1, tzinfo=UTC)
    except ValueError as error:
        raise _bad("write a day as 2026-11-12, or a month as 2026-11") from error
    days = 1 if day is not None else calendar.monthrange(year, month)[1]
    begin = to_micros(first)
    return begin, begin + days * 86_400_000_000


def _days(since: int, until: int) -> str:
    first = datetime.fromtimestamp(since / 1_000_000, UTC)
    last = datetime.fromtimestamp((until - 1) / 1_000_000, UTC)
    return f"decided {first:%Y-%m-%d} to {last:%Y-%m-%d}, UTC, both included"


def _bad(hint: str) -> RefusedError:
    return RefusedError(Code.INVALID_INPUT, "nothing can be looked for by that", next_step=hint)
