"""Days that a message names: dates, months, weekdays, and so long from today.

Closed: what can be two days (`3/4` in English) or is of another form is none, and is asked for.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from sayso.agent.understanding.pack import Days
from sayso.agent.understanding.reading import Reading, Span
from sayso.agent.understanding.tokens import fold

_PIECE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}[./][0-9]{1,2}(?:[./](?:[0-9]{4}|[0-9]{2}))?(?![0-9])"
    r"|[0-9]+(?:st|nd|rd|th|er|\u00ba)?\.?|[^\W\d_]+"
)
_MOST_OF_A_UNIT = 60
_CENTURY = 2000


def find_days(reading: Reading, spans: Sequence[Span]) -> Iterator[str]:
    """The days within some spans, in ISO form; none where nobody knows what day it is."""
    today = reading.today
    days = reading.lexicon.pack.days
    if today is None or days is None or not spans:
        return
    for span in spans:
        tokens = reading.tokens[span.start : span.end]
        if tokens:
            text = reading.text[tokens[0].start : tokens[-1].end]
            yield from (one.isoformat() for one in _days(text, days, reading, today))


def _days(text: str, days: Days, reading: Reading, today: date) -> Iterator[date]:
    pieces = [fold(piece) for piece in _PIECE.findall(text)]
    at = 0
    while at < len(pieces):
        found, used = _day_at(pieces, at, days, reading, today)
        if found is not None:
            yield found
        at += max(used, 1)


def _day_at(
    pieces: Sequence[str], at: int, days: Days, reading: Reading, today: date
) -> tuple[date | None, int]:
    piece = pieces[at]
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", piece):
        return _date(int(piece[:4]), int(piece[5:7]), int(piece[8:])), 1
    if re.fullmatch(r"[0-9]{1,2}[./][0-9]{1,2}.*", piece):
        return _in_figures(piece, reading.lexicon.language, today), 1
    if piece in days.tomorrow:
        return today + timedelta(days=1), 1
    if (weekday := _place(days.weekdays, piece)) is not None:
        return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1), 1
    number = re.match(r"[0-9]+", piece)
    if number is None and (month := _place(days.months, piece)) is not None:
        day, used = _number_behind(pieces, at + 1)
        year, more = _year_behind(pieces, at + 1 + used)
        return _next(year, month + 1, day or 1, today), 1 + used + more
    count = int(number[0]) if number else _in_words(piece, days, reading)
    if count is None:
        return None, 1
    rest = [fold(one) for one in pieces[at + 1 : at + 4]]
    unit = next((u for u, words in days.units.items() if rest and rest[0] in words), None)
    if unit is not None and 0 < count <= _MOST_OF_A_UNIT:
        return _later(today, count, unit), 2
    skipped = 1 if rest and rest[0] in days.of else 0
    month = _place(days.months, rest[skipped]) if len(rest) > skipped else None
    if number is not None and month is not None:
        year, more = _year_behind(pieces, at + 2 + skipped)
        return _next(year, month + 1, count, today), 2 + skipped + more
    ordinal = number is not None and piece != number[0] and not piece.endswith(".")
    return (_next(None, None, count, today) if ordinal else None), 1


def _place(rows: Sequence[frozenset[str]], word: str) -> int | None:
    return next((place for place, words in enumerate(rows) if word in words), None)


def _number_behind(pieces: Sequence[str], at: int) -> tuple[int | None, int]:
    found = re.match(r"[0-9]{1,2}(?![0-9])", pieces[at]) if at < len(pieces) else None
    return (int(found[0]), 1) if found else (None, 0)


def _year_behind(pieces: Sequence[str], at: int) -> tuple[int | None, int]:
    found = re.fullmatch(r"20[0-9]{2}\.?", pieces[at]) if at < len(pieces) else None
    return (int(found[0][:4]), 1) if found else (None, 0)


def _in_words(piece: str, days: Days, reading: Reading) -> int | None:
    return 1 if piece in days.one else reading.lexicon.numbers.get(piece)


def _in_figures(piece: str, language: str, today: date) -> date | None:
    first, second, *years = [int(one) for one in re.split(r"[./]", piece) if one]
    if language == "en" and "/" in piece:
        if first <= 12 and second <= 12 and first != second:
            return None  # the third of April, or the fourth of March
        if second > 12:
            first, second = second, first
    year = years[0] + (_CENTURY if years[0] < 100 else 0) if years else None
    return _next(year, second, first, today)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _next(year: int | None, month: int | None, day: int, today: date) -> date | None:
    """The day in that year, or the next one from today on."""
    if year is not None and month is not None:
        return _date(year, month, day)
    if month is not None:
        found = _date(today.year, month, day)
        return found if found is None or found > today else _date(today.year + 1, month, day)
    found = _date(today.year, today.month, day)
    return found if found is not None and found > today else _later_day(today, day)


def _later_day(today: date, day: int) -> date | None:
    following = _later(today.replace(day=1), 1, "month")
    return _date(following.year, following.month, day)


def _later(today: date, count: int, unit: str) -> date:
    if unit in ("day", "week"):
        return today + timedelta(days=count * (7 if unit == "week" else 1))
    months = today.month - 1 + count * (12 if unit == "year" else 1)
    year, month = today.year + months // 12, months % 12 + 1
    return date(year, month, min(today.day, calendar.monthrange(year, month)[1]))
