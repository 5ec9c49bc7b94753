"""The texts of an entry that words are looked for in, and how they are cut into words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self, cast

from sayso.audit.fields import Fields

_WORD = re.compile(r"[^\W_]+")
_SILENT = frozenset({"tenant", "subject", "pii", "digest"})
"""Never looked into: what is personal, what has its own qualifier, and what all entries share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """Words that stand one after the other.

    Attributes:
        words: as `words_of` cuts them; at least one.
        open_end: whether the last one is only the beginning of a word.
    """

    words: tuple[str, ...]
    open_end: bool = False

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """From what somebody typed; `*` at the end makes it open. None when it holds no word."""
        words = words_of(text)
        if not words:
            return None
        return cls(words=tuple(words), open_end=text.endswith("*"))

    def stands_in(self, words: Sequence[str]) -> bool:
        """Whether the phrase is somewhere in a text that was cut into these words."""
        length, first, last = len(self.words), self.words[:-1], self.words[-1]
        for end in range(length, len(words) + 1):
            word = words[end - 1]
            same = word.startswith(last) if self.open_end else word == last
            if same and tuple(words[end - length : end - 1]) == first:
                return True
        return False


def words_of(text: str) -> list[str]:
    """The words of a text: runs of letters and digits, without regard to case."""
    return _WORD.findall(text.casefold())


def texts_of(fields: Fields) -> Iterator[str]:
    """Every text in an entry that is not personal: ids, rules, and whatever stands in `data`."""
    for name, value in fields.items():
        if name not in _SILENT:
            yield from _texts_in(value)


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in cast("dict[str, object]", value).values():
            yield from _texts_in(inner)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from _texts_in(inner)
