"""Postal addresses in a text, found by what every one of them ends with: a code beside a town.

Language-neutral, and closed: what is not of one of these forms is no address, and is asked for.

| written | country |
|---|---|
| `9 Harbor Rd, Duluth MN 55806`, `…, Ballarat VIC 3350` | by the state |
| `18 Elm Close, York YO1 7HH` | GB |
| `Schlossweg 3, 79100 Freiburg`, `8 allée des Tilleuls, 35200 Rennes` | not said |
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

_US = frozenset(
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM "
    "NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC".split()
)
_AU = frozenset("NSW VIC QLD SA WA TAS NT ACT".split())
_WORD = r"[A-ZÀ-Þ][\w']{0,30}"
_TOWN = rf"{_WORD}(?:[ -](?:{_WORD}|am|an|de|der|la|le|sur|do|da|di|del|upon)){{0,3}}"
_CODE = re.compile(
    r"(?<![\w#.,€$£-])(?:(?P<uk>[A-Za-z]{1,2}[0-9][A-Za-z0-9]?\s?[0-9][A-Za-z]{2})"
    r"|(?P<code>[0-9]{4,5}(?:-[0-9]{3,4})?))(?![\w-])"
)
_TOWN_BEFORE = re.compile(rf"(?<!\w)(?P<town>{_TOWN}),?\s+$")
_TOWN_AND_STATE_BEFORE = re.compile(rf"(?<!\w)(?P<town>{_TOWN}),?\s+(?P<state>[A-Z]{{2,3}})\s+$")
_TOWN_BEHIND = re.compile(rf"(?:\s?[A-Z]{{2}}(?!\w))?\s+(?P<town>{_TOWN})")
_NUMBER = r"[0-9]{1,5}(?:[-/][0-9]{1,4})*[a-zA-Z]?"
_SMALL = "am|an|auf|das|de|den|der|dei|del|della|des|di|do|dos|da|du|la|las|le|les|of|the|van|von"
_NAME = rf"[A-ZÀ-Þ][\w'.-]{{0,40}}(?:\s+(?:[A-ZÀ-Þ][\w'.-]{{0,40}}|(?:{_SMALL})(?=\s))){{0,5}}"
_STREET = re.compile(
    rf"(?<![\w#€$£.,-])(?:{_NUMBER}(?:\s+[^\W\d_][\w'.-]{{0,40}}){{1,5}}"
    rf"|{_NAME}\s+{_NUMBER}(?:\s?[a-z])?|P\.?O\.?\s?Box\s+[0-9]+)$",
)
_NAMED_HOUSE = re.compile(rf"(?<!\w){_NAME}$")
_ENDS = re.compile(r"[!?;:]\s|[.]\s+(?=[^\W\d_]*\s*$)|\n\s*\n|[()\[\]]")
_LONGEST = 120
_MOST_CODES = 40
"""So many numbers that may be codes are looked at; a message with more is no request."""
_YEAR = 4
"""A code of so many digits without a comma before it is a year: `26 Nov 2026 Wilson wrote`."""
_MOST_SEGMENTS = 3
_UNIT = re.compile(
    r"\s*(?:apt|apartment|suite|ste|unit|flat|floor|room|bldg|building|piso|planta|scala|interno|"
    r"etage|stock|bâtiment|appartement|apto|andar)\b",
    re.IGNORECASE,
)
"""What stands between a street and its town, and is no street itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostalAddress:
    """An address as it is written.

    Attributes:
        start, end: characters of the text.
        parts: `street`, `zip`, `city`, and where the form says it `country`, `province`.
    """

    start: int
    end: int
    parts: Mapping[str, str]


def find_addresses(text: str) -> Iterator[PostalAddress]:
    """The addresses of a normalised text, in its order."""
    until = 0
    for code in islice(_CODE.finditer(text), _MOST_CODES):
        for locality in _localities(text, code, until):
            found = _with_street(text, locality, until)
            if found is not None:
                until = found.end
                yield found
                break


@dataclass(frozen=True, slots=True, kw_only=True)
class _Locality:
    """A code and its town; `leads` where the code stands before it, as on the continent."""

    start: int
    end: int
    code: str
    town: str
    leads: bool = False
    extra: Mapping[str, str] = field(default_factory=dict[str, str])


def _localities(text: str, code: re.Match[str], until: int) -> Iterator[_Locality]:
    low = max(until, code.start() - _LONGEST)
    before = text[low : code.start()]
    written = code[0].upper()
    if code["uk"]:
        if (town := _TOWN_BEFORE.search(before)) is not None:
            extra = {"country": "GB"}
            yield _Locality(
                start=low + town.start(), end=code.end(), code=written, town=town[1], extra=extra
            )
        return
    if (town := _TOWN_AND_STATE_BEFORE.search(before)) is not None:
        extra = _country(town["state"], written)
        yield _Locality(
            start=low + town.start(), end=code.end(), code=written, town=town["town"], extra=extra
        )
    if (town := _TOWN_BEHIND.match(text, code.end())) is not None:
        yield _Locality(
            start=code.start(), end=town.end(), code=written, town=town["town"], leads=True
        )


def _with_street(text: str, locality: _Locality, until: int) -> PostalAddress | None:
    lowest = max(until, locality.start - _LONGEST)
    before = text[lowest : locality.start]
    ends = [end.end() for end in _ENDS.finditer(before)]
    begin = lowest + (ends[-1] if ends else 0)
    between = text[begin : locality.start]
    head, city = between.rstrip(" ,\n"), locality.town
    if not locality.leads and not _has_street(head):
        # `9 Kirkgate Leeds LS1 6BY`: the street has run into the town.
        *more, city = city.split(" ")
        head = between + " ".join(more)
    apart = head != between.rstrip(" ")
    start = _start(head, _segments(head), named=not locality.leads)
    if start is None or (locality.leads and len(locality.code) == _YEAR and not apart):
        return None
    street = " ".join(head[start:].split())
    parts = {"street": street, "zip": locality.code, "city": city, **locality.extra}
    return PostalAddress(start=begin + start, end=locality.end, parts=parts)


def _has_street(head: str) -> bool:
    return _start(head, _segments(head), named=True) is not None


def _segments(head: str) -> list[tuple[int, int]]:
    """The parts between commas and lines, the last one first."""
    found: list[tuple[int, int]] = []
    end = len(head)
    for mark in reversed([*re.finditer(r"[,\n]", head)]):
        found.append((mark.end(), end))
        end = mark.start()
    return [*found, (0, end)][:_MOST_SEGMENTS]


def _start(head: str, segments: list[tuple[int, int]], *, named: bool) -> int | None:
    """Where the street begins: in the last part, or before an apartment and the like."""
    for pattern in (_STREET, _NAMED_HOUSE) if named else (_STREET,):
        for number, (start, end) in enumerate(segments):
            if number + 1 < len(segments) and _UNIT.match(head[start:end]):
                continue
            match = pattern.search(head[start:end].rstrip())
            if match is None:
                continue
            further = segments[number + 1] if number + 1 < len(segments) else None
            if pattern is _NAMED_HOUSE and further is not None:
                house = pattern.search(head[further[0] : further[1]].rstrip())
                return start + match.start() if house is None else further[0] + house.start()
            return start + match.start()
    return None


def _country(state: str, code: str) -> dict[str, str]:
    if state in _AU and len(code) == _YEAR:
        return {"country": "AU", "province": state}
    if state in _US and len(code) != _YEAR:
        return {"country": "US", "province": state}
    return {}
