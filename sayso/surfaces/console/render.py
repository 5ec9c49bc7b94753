"""Pages from templates: everything is escaped, and what hides in foreign text is shown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from jinja2 import Environment, PackageLoader, StrictUndefined

from sayso.money import Money
from sayso.text import Piece, pieces

PACKAGE = "sayso.surfaces.console"
ZONE_COOKIE = "sayso_zone"
KEYS_COOKIE = "sayso_keys"


@cache
def environment() -> Environment:
    """The templates of the package; autoescape is on for all of them, and nothing turns it off."""
    made = Environment(
        loader=PackageLoader(PACKAGE, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    # NOTE: Jinja's own tables are typed by what it puts into them itself.
    filters: dict[str, Any] = {"pieces": shown, "number": number, "plural": plural}
    made.filters.update(filters)
    globals_: dict[str, Any] = {"static": static_path}
    made.globals.update(globals_)
    return made


def number(value: int) -> str:
    """`1,204,331`."""
    return f"{value:,}"


def shown(text: object) -> Iterator[Piece]:
    """Foreign text in pieces; hidden characters are named, as a template shows them."""
    return pieces(str(text))


def plural(count: int, one: str, many: str = "") -> str:
    """`1 step`, `3 steps`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file that pages load. `path` has the hash of its bytes, so that it can be kept for good."""

    path: str
    body: bytes
    media_type: str


_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@cache
def assets() -> Mapping[str, Asset]:
    """All files of `static/`, by name."""
    found: dict[str, Asset] = {}
    for file in (resources.files(PACKAGE) / "static").iterdir():
        kind = file.name.rpartition(".")[2]
        if kind in _TYPES:
            body = file.read_bytes()
            mark = hashlib.sha256(body).hexdigest()[:12]
            path = f"/static/{mark}/{file.name}"
            found[file.name] = Asset(path=path, body=body, media_type=_TYPES[kind])
    return found


def static_path(name: str) -> str:
    """Where a page loads a file from, below the console's own root."""
    return assets()[name].path


@cache
def zone_of(name: str) -> ZoneInfo:
    """A time zone by its name; UTC for any other text."""
    return ZoneInfo(name if name in available_timezones() else "UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Times in the words of one viewer, at one moment.

    Attributes:
        now: aware. zone: the viewer's.
    """

    now: datetime
    zone: ZoneInfo

    def left(self, rfc3339: str) -> str:
        """How long there is still time: `8 hours left`."""
        seconds = (_moment(rfc3339) - self.now).total_seconds()
        return "no time left" if seconds <= 0 else f"{length(seconds)} left"

    def ago(self, rfc3339: str) -> str:
        """How long ago: `3 hours`."""
        return length(max(0.0, (self.now - _moment(rfc3339)).total_seconds()))

    def late(self, rfc3339: str) -> str:
        """How long a time is over, short: `20 h`, `35 min`, `3 days`."""
        minutes = int((self.now - _moment(rfc3339)).total_seconds() // 60)
        if minutes < 60:
            return f"{max(1, minutes)} min"
        hours = minutes // 60
        return f"{hours} h" if hours < 48 else plural(hours // 24, "day")

    def clock(self, rfc3339: str) -> str:
        """The time of the day, with the day where it is not today: `18:05`, `yesterday 09:30`."""
        at = _moment(rfc3339).astimezone(self.zone)
        days = (at.date() - self.now.astimezone(self.zone).date()).days
        day = {0: "", 1: "tomorrow ", -1: "yesterday "}.get(days)
        if day is None:
            day = f"{at.day} {at:%b} " if at.year == self.now.year else f"{at.day} {at:%b %Y} "
        return f"{day}{at:%H:%M}"

    def at(self, rfc3339: str) -> str:
        """The same in a sentence: `today at 18:05`, `9 Nov at 09:30`."""
        day, _, clock = self.clock(rfc3339).rpartition(" ")
        return f"{day or 'today'} at {clock}"

    def exact(self, rfc3339: str) -> str:
        """To the second, in UTC: for hovering and for the record."""
        return f"{_moment(rfc3339).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

    def seconds(self, rfc3339: str) -> str:
        """The time of the day to the second, in UTC."""
        return f"{_moment(rfc3339).astimezone(UTC):%H:%M:%S}"

    def day(self, rfc3339: str) -> str:
        """Day and time to the second in UTC, as in a log."""
        return f"{_moment(rfc3339).astimezone(UTC):%d %b %H:%M:%S}"


def length(seconds: float) -> str:
    """So long, in the largest unit that says enough: `8 hours`, `25 minutes`, `3 days`."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 90:
        return plural(minutes, "minute")
    hours = round(minutes / 60)
    return plural(hours, "hour") if hours < 48 else plural(round(hours / 24), "day")


def _moment(rfc3339: str) -> datetime:
    return datetime.fromisoformat(rfc3339)


def sums(amounts: list[Money]) -> list[Money]:
    """Amounts added up by currency, the largest number of units first."""
    by_currency: dict[str, Money] = {}
    for amount in amounts:
        before = by_currency.get(amount.currency)
        by_currency[amount.currency] = amount if before is None else before + amount
    return sorted(by_currency.values(), key=lambda money: -money.decimal)
