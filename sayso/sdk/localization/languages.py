"""The languages, and how each writes what isn't words: money, numbers, lengths of time and days.

INVARIANT: nothing that is signed, compared or parsed is made of it: a later CLDR may
write the same amount otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Literal

from sayso.errors import RefusedError
from sayso.money import Money
from sayso.sdk.localization.catalogs import translations_of
from sayso.sdk.localization.listed.every import OF_THE_LOG
from sayso.sdk.localization.sentences import MONEY, Sentences

if TYPE_CHECKING:
    from babel import Locale

ENGLISH = "en"
LANGUAGES = {
    "en": "en_GB",
    "de": "de",
    "es": "es_ES",
    "fr": "fr",
    "it": "it",
    "nl": "nl",
    "pt": "pt_PT",
}
"""The languages, each by the CLDR's name of the one that shops in Europe use."""
_ACCEPTED = re.compile(
    r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]{1,40})?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*"
)
_MOST_ACCEPTED = 20


@dataclass(frozen=True)
class Language:
    """One reader's language. `code`: one of `LANGUAGES`."""

    code: str = ENGLISH

    @cached_property
    def locale(self) -> Locale:
        """What the CLDR knows of it."""
        from babel import Locale

        return Locale.parse(LANGUAGES[self.code])

    @property
    def name(self) -> str:
        """What its speakers call it."""
        return str(self.locale.languages[self.code]).capitalize()

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`."""
        return self.locale.text_direction

    def make_ready(self) -> None:
        """Read what it takes, so that the first reader does not wait for it."""
        self.say(self.length(0))
        self.number(0)

    def gettext(self, message: str) -> str:
        """A text of ours; itself where it isn't translated."""
        return translations_of(self.code).gettext(message) if message else ""

    def ngettext(self, one: str, many: str, number: int) -> str:
        """The form of a text of ours that a number needs."""
        return translations_of(self.code).ngettext(one, many, number)

    def phrase(self, message: str, **values: object) -> str:
        """A text of ours with its values: `phrase("{length} left", length=…)`."""
        return self.gettext(message).format(**values)

    def say(self, text: object) -> str:
        """A sentence that the floors below have made, in this language; itself where it is none.

        NOTE: never of what a customer or a colleague wrote: that stands as they wrote it.
        """
        said = self.money(text) if isinstance(text, Money) else str(text)
        return said if self.code == ENGLISH else _said(self, said)

    def say_of_log(self, text: str) -> str:
        """A piece of an entry's sentence, or a cell of an answer.

        NOTE: these are so short that a text of anybody could be one: looked for nowhere else.
        """
        if self.code == ENGLISH:
            return text
        said = _of_log(self.code).said(text, _Writer(self))
        return self.say(text) if said == text else said

    def say_parts(self, text: str) -> str:
        """A list of short sentences, such as `3 years, 2 orders, verified`."""
        return ", ".join(self.say(part) for part in text.split(", "))

    def say_all(self, text: str) -> str:
        """A sentence that lists others: `at most $50, and customer for at least 30 days.`"""
        parts = re.split(r", and |, ", text.removesuffix("."))
        if self.code == ENGLISH or len(parts) < 2:
            return self.say(text)
        said = self.join([self.say(f"{one[:1].lower()}{one[1:]}") for one in parts])
        return f"{said[:1].upper()}{said[1:]}."

    def money(self, money: Money) -> str:
        """An amount: `1.234,50 €`. As everywhere else in English, and where a dot and a comma
        could be read as either: see `Money`.
        """
        from babel.numbers import format_currency

        text = str(money)
        if self.code == ENGLISH or not re.search(r"[.,$€£¥]", text):
            return text
        amount = Decimal(money.decimal)
        return format_currency(amount, money.currency, locale=self.locale)

    def number(self, value: int) -> str:
        """`1,204,331`."""
        from babel.numbers import format_decimal

        return format_decimal(value, locale=self.locale)

    def length(self, seconds: float) -> str:
        """So long, in the largest unit that says enough: `8 hours`, `25 minutes`, `3 days`."""
        minutes = int(seconds // 60)
        if minutes < 1:
            return self.phrase("less than a minute")
        if minutes < 90:
            return self.unit(minutes, "minute")
        hours = round(minutes / 60)
        return self.unit(hours, "hour") if hours < 48 else self.unit(round(hours / 24), "day")

    def unit(self, count: int, unit: str, *, short: bool = False) -> str:
        """`8 hours`, short `8 hrs`."""
        from babel.units import format_unit

        name = f"duration-{unit}"
        return format_unit(count, name, "short" if short else "long", locale=self.locale)

    def day(self, at: datetime, *, year: bool) -> str:
        """`9 Nov`, and where it is of another year `9 Nov 2025`."""
        from babel.dates import format_skeleton

        said = format_skeleton("yMMMd" if year else "MMMd", at, locale=self.locale)
        return said if self.code == ENGLISH else said.replace(" ", "\u00a0")

    def join(self, parts: Sequence[str], style: Literal["standard", "or"] = "standard") -> str:
        """`a, b and c`; with the style `or`, `a, b or c`."""
        from babel.lists import format_list

        return format_list(list(parts), style=style, locale=self.locale) if parts else ""


@cache
def language(code: str) -> Language:
    """A language by its code; English for any other text."""
    return Language(code if code in LANGUAGES else ENGLISH)


def preferred(header: str) -> str | None:
    """The code of the language that a browser would rather have, of those that there are.

    Args:
        header: `Accept-Language`; any text.

    Source: RFC 9110 §12.5.4.
    """
    found: list[tuple[float, int, str]] = []
    for place, part in enumerate(header.split(",")[:_MOST_ACCEPTED]):
        read = _ACCEPTED.fullmatch(part)
        weight = 0.0 if read is None else float(read[2] or 1)
        if read is not None and read[1].lower() in LANGUAGES and weight > 0:
            found.append((-weight, place, read[1].lower()))
    return min(found)[2] if found else None


@cache
def _sentences(code: str) -> Sentences:
    return Sentences(language(code).gettext)


@cache
def _of_log(code: str) -> Sentences:
    return Sentences(language(code).gettext, OF_THE_LOG)


@lru_cache(maxsize=8192)
def _said(reader: Language, text: str) -> str:
    return _sentences(reader.code).said(text, _Writer(reader))


@dataclass(frozen=True)
class _Writer:
    """Writes the values of a sentence."""

    language: Language

    def line(self, text: str) -> str:
        return self.language.say(text)

    def list(self, text: str) -> str:
        return self.language.join([self.line(part) for part in re.split(r", | and ", text)])

    def any(self, text: str) -> str:
        parts = re.split(r",? or |, ", text)
        return self.language.join([self.line(one.replace("_", " ")) for one in parts], "or")

    def number(self, text: str) -> str:
        digits = text.removesuffix("+").replace(",", "")
        return f"{self.language.number(int(digits))}{'+' if text.endswith('+') else ''}"

    def money(self, text: str) -> str:
        return MONEY.sub(lambda found: self._amount(found[0]), text)

    def _amount(self, text: str) -> str:
        money = read_money(text)
        if money is None:
            return text
        said = self.language.money(money)
        # An amount without decimals that say nothing, such as a limit, stays without them.
        return said if "." in text else re.sub(r"[.,]0+(?=\D*$)", "", said)


_BY_SYMBOL = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}


def read_money(text: str) -> Money | None:
    """The amount that `str` of money has written, also without decimals that say nothing."""
    sign, rest = ("-", text[1:]) if text.startswith("-") else ("", text)
    currency = _BY_SYMBOL.get(rest[:1]) or rest[-3:]
    digits = re.sub(r"[^0-9.]", "", rest)
    try:
        return Money.parse(f"{sign}{digits}", currency)
    except RefusedError:
        return None
