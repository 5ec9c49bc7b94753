"""From a text that the floors below have made to the sentence that it is, in another language.

A card's reasons are stored as they were shown, and hashed so; what makes them is English. A reader
of another language is shown the translation of the sentence that a text is, with its values in
place.

INVARIANT: a value is either written anew as what it is (an amount, a number), or said again by
these very sentences (a `line`), or left as it is: names, ids and words of others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from sayso.sdk.localization.listed.every import SENTENCES

_AMOUNT = (
    r"-?(?:[$€£¥][0-9][0-9,]*(?:\.[0-9]+)?"
    r"|[0-9][0-9,]*(?:\.[0-9]+)? [A-Z]{3}\b(?! [0-9]+ (?:fils|dirhams|baisa|millimes)))"
)
MONEY = re.compile(_AMOUNT)
"""An amount as `str` of money writes it; those of three decimals stay as they are."""
_SPELLED = r"-?[0-9\u00a0]+ [A-Z]{3}(?: [0-9]+ (?:fils|dirhams|baisa|millimes))?"
_ONE = rf"(?:{_AMOUNT}|{_SPELLED})"
_NOTHING = "(?:no money|no credit|nothing ends|nothing changes|no e-mail)"
_KINDS = {
    "money": rf"{_ONE}(?:(?: \+ | and |, ){_ONE})*",
    "number": r"[0-9][0-9,]*\+?",
    "line": r".+?",
    "answer": r"Yes|No|No answer, which counts as no|Withdrawn by the customer|Withdrawn",
    "nothing": rf"{_NOTHING}(?:(?:, | and ){_NOTHING})*",
    "word": r"`[^`]+`",
}
_DOTS = re.compile(" · ")
_ENDS = re.compile(r"(?<=[.!?”]) (?=[A-Z$€£¥]|[0-9][0-9\u00a0,.]* [A-Z]{3}\b)")
"""Where a text goes on with another sentence. A date's own blanks don't break, so it is none."""
_SEVERAL = re.compile(r"“|[.?] ")
"""A sentence that quotes, or that is several, is looked for in the whole text first."""
_PLACE = re.compile(r"\{([a-z_]+)(\d*)\}")
_ALL_MONEY = re.compile(_KINDS["money"])
_ALTERNATIVES = re.compile(r"`[^`]+`(?:(?:, or | or |, )`[^`]+`)*(?:,? or )`[^`]+`")
"""Words of which any will do, as rules name them: "`USD`, `EUR` or `GBP`"."""


class Writer(Protocol):
    """Writes the values of a sentence in a language."""

    def line(self, text: str) -> str:
        """A sentence within a sentence."""
        ...

    def list(self, text: str) -> str:
        """Several: `a, b and c`."""
        ...

    def any(self, text: str) -> str:
        """Several of which one will do: `a, b or c`."""
        ...

    def number(self, text: str) -> str:
        """A number with commas between thousands."""
        ...

    def money(self, text: str) -> str:
        """One amount or several."""
        ...


@dataclass(frozen=True)
class _Sentence:
    english: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        parts: list[str] = []
        at = 0
        for found in _PLACE.finditer(self.english):
            parts.append(re.escape(self.english[at : found.start()]))
            parts.append(f"(?P<{found[1]}{found[2]}>{_KINDS.get(found[1], '.+?')})")
            at = found.end()
        # A full stop ends the sentence, and is not of its last value.
        end = re.escape(self.english[at:]) or r"(?<!\.)"
        return re.compile("".join((*parts, end)), re.DOTALL)

    @cached_property
    def longest(self) -> str:
        """The longest part that is always the same, by which it is looked for first."""
        return max(_PLACE.sub("\0", self.english).split("\0"), key=len)


class Sentences:
    """All of them, into one language. `translate`: gives the translation, or the text itself."""

    def __init__(self, translate: Callable[[str], str], listed: Sequence[str] = SENTENCES) -> None:
        self._translate = translate
        self._whole = {one for one in listed if "{" not in one}
        # Whatever has more words of its own says more surely which sentence it is.
        made = [_Sentence(one) for one in listed if "{" in one]
        made.sort(key=lambda one: (-len(_PLACE.sub("", one.english)), "{line" in one.english))
        # Their longest parts are looked for in every text that a page says: no call for each.
        self._made = [(one.longest, one) for one in made]
        self._of_several = [found for found in self._made if _SEVERAL.search(found[1].english)]

    def said(self, text: str, writer: Writer) -> str:
        """A text in the language; itself where it is none of these."""
        if text in self._whole:
            return self._translate(text)
        if _ALL_MONEY.fullmatch(text):
            return writer.money(text)
        if _ALTERNATIVES.fullmatch(text):
            return writer.any(text)
        made = self._made_of(text, self._of_several, writer)
        if made is not None:
            return made
        for between, apart in ((" · ", _DOTS), (" ", _ENDS)):
            parts = apart.split(text)
            if len(parts) > 1:
                return between.join(writer.line(part) for part in parts)
        made = self._made_of(text, self._made, writer)
        if made is not None:
            return made
        first = text[:1].lower()
        if first == text[:1]:
            return text
        # What stands within a sentence begins another one with a capital.
        small = f"{first}{text[1:]}"
        made = writer.line(small)
        return text if made == small else f"{made[:1].upper()}{made[1:]}"

    def _made_of(
        self, text: str, among: Sequence[tuple[str, _Sentence]], writer: Writer
    ) -> str | None:
        for longest, one in among:
            if longest in text and (found := one.pattern.fullmatch(text)) is not None:
                values = {
                    name: self._value(name, value, writer)
                    for name, value in found.groupdict().items()
                }
                return self._translate(one.english).format(**values)
        return None

    def _value(self, name: str, value: str, writer: Writer) -> str:
        match name.rstrip("0123456789"):
            case "money":
                return writer.money(value)
            case "number":
                return writer.number(value)
            case "line" | "answer" | "word":
                return writer.line(value)
            case "list" | "nothing":
                return writer.list(value)
            case "any":
                return writer.any(value)
            case _:
                return value
