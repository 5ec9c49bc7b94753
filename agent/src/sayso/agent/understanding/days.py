"""Days that a message names: dates, months, weekdays, and so long from today.

Closed: what can be two days (`3/4` in English) or is of another form is none, and is asked for.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
_LATELY = timedelta(days=60)
"""A day without its year that was so lately is no day to come."""
_NEAR, _BESIDE = 5, 2
"""So many words behind `instead of` are the day of now; so near stands what shifts a day."""


def find_days(
    reading: Reading, spans: Sequence[Span], *, exact: bool = False, now: Sequence[str] = ()
) -> list[str]:
    """The days within some spans, in ISO form; none where nobody knows what day it is.

    Args:
        exact: a month by itself is no day; see `DateSlot`.
        now: days, in ISO form, on which it is now: named beside another one they are not meant,
            and `a week later` counts from the only one.
    """
    today = reading.today
    days = reading.lexicon.pack.days
    if today is None or days is None:
        return []
    found: list[date] = []
    shifts: list[_Shift] = []
    for span in spans:
        for one in _days(_pieces(reading, span), days, reading, today, exact=exact):
            if isinstance(one, date):
                found.append(one)
            else:
                shifts.append(one)
    named = list(dict.fromkeys(one.isoformat() for one in found))
    if len(named) > 1:
        left = set(_replaced(reading, spans, days, today))
        named = [one for one in named if one not in left] or named
    if len(named) > 1 or exact:
        meant = [one for one in named if one not in now]
        bases = [one for one in named if one in now] or list(now)
        if not meant and len(bases) == 1 and len(shifts) == 1:
            return [shifts[0].of(date.fromisoformat(bases[0])).isoformat()]
        return meant if exact or meant else named
    return named


@dataclass(frozen=True, slots=True)
class _Shift:
    """So long after the day that it is on, or before it."""

    count: int
    unit: str

    def of(self, day: date) -> date:
        return _later(day, self.count, self.unit)


def _replaced(reading: Reading, spans: Sequence[Span], days: Days, today: date) -> Iterator[str]:
    """The days right behind `instead of` and the like."""
    for tag in reading.found("replaced"):
        if any(span.start <= tag.start < span.end for span in spans):
            behind = Span(tag.end, min(tag.end + _NEAR, len(reading.tokens)))
            first = next(_days(_pieces(reading, behind), days, reading, today, exact=True), None)
            if isinstance(first, date):
                yield first.isoformat()


def _pieces(reading: Reading, span: Span) -> list[str]:
    tokens = reading.tokens[span.start : span.end]
    text, at = "", tokens[0].start if tokens else 0
    for token in tokens:
        written = reading.text[token.start : token.end]
        text += reading.text[at : token.start] + (token.text if token.corrected else written)
        at = token.end
    return [fold(piece) for piece in _PIECE.findall(text)]


def _days(
    pieces: Sequence[str], days: Days, reading: Reading, today: date, *, exact: bool
) -> Iterator[date | _Shift]:
    at = 0
    while at < len(pieces):
        shift = _shift_at(pieces, at, days, reading) if exact else None
        if shift is not None:
            yield shift
            at += 2
            continue
        if exact and _is_month_alone(pieces, at, days):
            at += 1
            continue
        found, used = _day_at(pieces, at, days, reading, today)
        if found is not None:
            yield found
        at += max(used, 1)


def _is_month_alone(pieces: Sequence[str], at: int, days: Days) -> bool:
    return _place(days.months, pieces[at]) is not None and not _number_behind(pieces, at + 1)[1]


def _shift_at(pieces: Sequence[str], at: int, days: Days, reading: Reading) -> _Shift | None:
    """`Two days earlier`, `back by a week`."""
    unit = next(
        (
            u
            for u, words in days.units.items()
            if pieces[at + 1 : at + 2] and pieces[at + 1] in words
        ),
        None,
    )
    number = re.fullmatch(r"[0-9]{1,2}", pieces[at])
    count = int(number[0]) if number else _in_words(pieces[at], days, reading)
    if unit is None or count is None or not 0 < count <= _MOST_OF_A_UNIT:
        return None
    if _is_ago(pieces, at, days):
        return None
    near = {*pieces[max(0, at - _BESIDE) : at], *_words_behind(pieces, at + 2, days)}
    if near & days.earlier:
        return _Shift(-count, unit)
    return (
        _Shift(count, unit)
        if near & days.later or not days.by.isdisjoint(pieces[at - 1 : at])
        else None
    )


def _words_behind(pieces: Sequence[str], at: int, days: Days) -> list[str]:
    """What stands close behind, without what is before or after something: `antes de Navidad`."""
    behind = pieces[at : at + _BESIDE + 1]
    return [
        piece
        for place, piece in enumerate(behind[:_BESIDE])
        if behind[place + 1 : place + 2] == [] or behind[place + 1] not in days.of
    ]


def _is_beside(pieces: Sequence[str], at: int, days: Days) -> bool:
    """Whether it counts from something else: `two weeks before the wedding`, `antes de Navidad`."""
    if at + 1 >= len(pieces) or pieces[at] not in days.beside:
        return False
    shifts = pieces[at] in days.earlier | days.later
    return pieces[at + 1] in days.of if shifts else True


def _is_ago(pieces: Sequence[str], at: int, days: Days) -> bool:
    """Whether it was so long before today: `two weeks ago`, `hace dos semanas`."""
    beside = {*pieces[max(0, at - _BESIDE) : at], *pieces[at + 2 : at + 3]}
    return not days.ago.isdisjoint(beside)


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
        if pieces[at + 1 : at + 2] and pieces[at + 1] in _subjects(reading):
            return None, 1  # the word of a month opens a question: `may we ...`
        day, used = _number_behind(pieces, at + 1)
        year, more = _year_behind(pieces, at + 1 + used)
        return _next(year, month + 1, day or 1, today), 1 + used + more
    count = int(number[0]) if number else _in_words(piece, days, reading)
    if count is None:
        return None, 1
    rest = [fold(one) for one in pieces[at + 1 : at + 4]]
    unit = next((u for u, words in days.units.items() if rest and rest[0] in words), None)
    if unit is not None and 0 < count <= _MOST_OF_A_UNIT:
        if _is_ago(pieces, at, days) or _is_beside(pieces, at + 2, days):
            return None, 2
        return _later(today, count, unit), 2
    skipped = 1 if rest and rest[0] in days.of else 0
    month = _place(days.months, rest[skipped]) if len(rest) > skipped else None
    if number is not None and month is not None:
        year, more = _year_behind(pieces, at + 2 + skipped)
        return _next(year, month + 1, count, today), 2 + skipped + more
    ordinal = number is not None and piece != number[0] and not piece.endswith(".")
    return (_next(None, None, count, today) if ordinal else None), 1


def _subjects(reading: Reading) -> set[str]:
    return {reading.words(Span(tag.start, tag.end)) for tag in reading.found("subject")}


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
        if found is not None and timedelta(0) <= today - found <= _LATELY:
            return None  # more likely told of than meant
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
