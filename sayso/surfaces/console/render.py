"""Pages from templates: everything is escaped, and what hides in foreign text is shown."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.ext import Extension
from jinja2.runtime import Context
from markupsafe import escape

from sayso.money import Money
from sayso.sdk.localization.languages import Language, language
from sayso.sdk.localization.listed.every import SCRIPT_WORDS
from sayso.text import Piece, pieces

PACKAGE = "sayso.surfaces.console"
ZONE_COOKIE = "sayso_zone"
KEYS_COOKIE = "sayso_keys"
LANGUAGE_COOKIE = "sayso_language"
_MARK = re.compile(r"\ue000([atl])([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(?:Z|\+00:00))\ue001")
"""A moment within a sentence; `in_sentences` makes an element of it once the page is whole."""
_MARKED = re.compile(rf"<(title|option|textarea)\b.*?</\1>|<[^>]*>|{_MARK.pattern}", re.DOTALL)


class Unindented(Extension):
    """Indentation is for whoever reads a template: the page has none of it."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """See `Extension.preprocess`."""
        return re.sub(r"^[ \t]+", "", source, flags=re.MULTILINE)


@cache
def environment(reader: Language) -> Environment:
    """The templates of the package as one language has them.

    Autoescape is on for all of them, and nothing turns it off.
    """

    def finalize(value: object) -> object:
        return reader.money(value) if isinstance(value, Money) else value

    made = Environment(
        loader=PackageLoader(PACKAGE, "templates"),
        extensions=["jinja2.ext.i18n", Unindented],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=finalize,
    )
    made.policies["ext.i18n.trimmed"] = True

    def counted(count: int, one: str, many: str) -> str:
        """`counted(3, "{number} step", "{number} steps")`."""
        return reader.ngettext(one, many, count).format(number=reader.number(count))

    def amounts(listed: Iterable[Money]) -> str:
        return " + ".join(map(reader.say, listed))

    # NOTE: Jinja's own tables are typed by what it puts into them itself.
    filters: dict[str, Any] = {
        "number": reader.number,
        "pieces": shown,
        "plural": plural,
        "say": reader.say,
        "say_all": reader.say_all,
        "say_of_log": reader.say_of_log,
        "say_parts": reader.say_parts,
        "amounts": amounts,
    }
    made.filters.update(filters)
    globals_: dict[str, Any] = {
        "counted": counted,
        "script_words": lambda: {one: reader.gettext(one) for one in SCRIPT_WORDS},
        "static": static_path,
    }
    made.globals.update(globals_)
    install: Any = made
    install.install_gettext_callables(reader.gettext, reader.ngettext, newstyle=True)
    globals_["gettext"] = globals_["_"] = _said_once(made.globals["gettext"])
    made.globals.update(globals_)
    return made


def _said_once(translate: Any) -> Any:
    """Jinja's `gettext`, which makes each text that has no values in it once.

    A page has a hundred of them, and each else costs as much as a row of a table.
    """
    said: dict[str, Any] = {}

    @pass_context
    def gettext(context: Context, text: str, **values: object) -> Any:
        if values:
            return translate(context, text, **values)
        if text not in said:
            said[text] = translate(context, text)
        return said[text]

    return gettext


def shown(text: object) -> Iterator[Piece]:
    """Foreign text in pieces; hidden characters are named, as a template shows them."""
    said, at = str(text), 0
    for mark in filter(_is_moment, _MARK.finditer(said)):
        yield from pieces(said[at : mark.start()])
        yield Piece(kind="text", text=mark[0])
        at = mark.end()
    yield from pieces(said[at:])


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
    "png": "image/png",
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
        now: aware. zone: the viewer's. language: theirs.
    """

    now: datetime
    zone: ZoneInfo
    language: Language = field(default_factory=lambda: language("en"))

    def left(self, rfc3339: str) -> str:
        """How long there is still time: `8 hours left`."""
        seconds = (_moment(rfc3339) - self.now).total_seconds()
        if seconds <= 0:
            return self.language.phrase("no time left")
        return self.language.phrase("{length} left", length=self.language.length(seconds))

    def ago(self, rfc3339: str) -> str:
        """How long ago: `3 hours`."""
        return self.language.length(max(0.0, (self.now - _moment(rfc3339)).total_seconds()))

    def late(self, rfc3339: str) -> str:
        """How long a time is over, short: `20 hrs`, `35 mins`, `3 days`."""
        minutes = int((self.now - _moment(rfc3339)).total_seconds() // 60)
        if minutes < 60:
            return self.language.unit(max(1, minutes), "minute", short=True)
        hours = minutes // 60
        count, unit = (hours, "hour") if hours < 48 else (hours // 24, "day")
        return self.language.unit(count, unit, short=True)

    def clock(self, rfc3339: str) -> str:
        """The time of the day, with the day where it is not today: `18:05`, `yesterday 09:30`."""
        at, clock, days = self._parts(rfc3339)
        words = {0: "{clock}", 1: "tomorrow {clock}", -1: "yesterday {clock}"}
        return self.language.phrase(
            words.get(days, "{day} {clock}"), day=self._day(at, days), clock=clock
        )

    def at(self, rfc3339: str) -> str:
        """The same in a sentence: `today at 18:05`, `9 Nov at 09:30`."""
        at, clock, days = self._parts(rfc3339)
        words = {0: "today at {clock}", 1: "tomorrow at {clock}", -1: "yesterday at {clock}"}
        return self.language.phrase(
            words.get(days, "{day} at {clock}"), day=self._day(at, days), clock=clock
        )

    def told(self, rfc3339: str) -> str:
        """The same as `at`, marked, so that a page has an element of it."""
        return f"\ue000a{rfc3339}\ue001"

    def timed(self, rfc3339: str) -> str:
        """The same as `clock`, marked, so that a page has an element of it."""
        return f"\ue000t{rfc3339}\ue001"

    def dated(self, rfc3339: str) -> str:
        """The whole date with the time, marked, so that a page has an element of it."""
        return f"\ue000l{rfc3339}\ue001"

    def in_sentences(self, page: str) -> str:
        """A page with an element for each time that is marked; where none can stand, its words."""

        def words(mark: re.Match[str]) -> str:
            if not _is_moment(mark):
                return ""
            told = {"a": self.at, "t": self.clock, "l": self.whole}[mark[1]]
            return str(escape(told(mark[2])))

        def element(found: re.Match[str]) -> str:
            mark = _MARK.fullmatch(found[0])
            if mark is None:
                return _MARK.sub(words, found[0])
            said, at = words(mark), mark[2]
            return said and f'<time datetime="{at}" title="{self.exact(at)}">{said}</time>'

        return _MARKED.sub(element, page) if "\ue000" in page else page

    def whole(self, rfc3339: str) -> str:
        """Day, month and year, and the time: `24 November 2026 at 18:05`."""
        moment = _moment(rfc3339).astimezone(self.zone)
        clock = f"{moment:%H:%M}"
        if self.language.code == "en":
            return f"{moment.day} {moment:%B %Y} at {clock}"
        day = self.language.day(moment, year=True)
        return self.language.phrase("{day} at {clock}", day=day, clock=clock)

    def _parts(self, rfc3339: str) -> tuple[datetime, str, int]:
        """The moment in the viewer's zone, its time of the day, and how many days away it is."""
        at = _moment(rfc3339).astimezone(self.zone)
        return at, f"{at:%H:%M}", (at.date() - self.now.astimezone(self.zone).date()).days

    def _day(self, at: datetime, days: int) -> str:
        return self.language.day(at, year=at.year != self.now.year) if abs(days) > 1 else ""

    def exact(self, rfc3339: str) -> str:
        """To the second, in UTC: for hovering and for the record."""
        return f"{_moment(rfc3339).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

    def seconds(self, rfc3339: str) -> str:
        """The time of the day to the second, in UTC."""
        return f"{_moment(rfc3339).astimezone(UTC):%H:%M:%S}"


def length(seconds: float) -> str:
    """So long, in English; see `Language.length`."""
    return language("en").length(seconds)


def _is_moment(mark: re.Match[str]) -> bool:
    """Whether a mark is one of ours: somebody may have written one that is no time."""
    try:
        return 1970 < datetime.fromisoformat(mark[2]).year < 9999
    except ValueError:
        return False


def _moment(rfc3339: str) -> datetime:
    return datetime.fromisoformat(rfc3339)


def sums(amounts: list[Money]) -> list[Money]:
    """Amounts added up by currency, the largest number of units first."""
    by_currency: dict[str, Money] = {}
    for amount in amounts:
        before = by_currency.get(amount.currency)
        by_currency[amount.currency] = amount if before is None else before + amount
    return sorted(by_currency.values(), key=lambda money: -money.decimal)
