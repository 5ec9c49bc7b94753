"""Patterns over tokens, as language packs and playbooks write them.

| written | matches |
|---|---|
| `refund` | the word, whatever its case and diacritics |
| `refund*` | any word that begins so |
| `*topf` | any word that ends so |
| `give/send` | either word |
| `_` | up to five words, of one clause |
| `$` | an amount of money, or a small bare number |
| `%` | a percentage |
| `#` | a number or a reference |
| `@` | a postal address, an e-mail address or a telephone number |
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from sayso.agent.understanding.tokens import TextToken, fold

GAP = "_"
MOST_IN_A_GAP = 5
_SLOTS = {"$", "%", "#", "@"}


@dataclass(frozen=True, slots=True)
class Tag:
    """A pattern that was found.

    Attributes:
        name: what the pattern stands for, such as `wish` or `ask:refund`.
        start, end: the tokens it covers, the end not included.
        skipped: those of them that a gap of the pattern stands for; they can be any words.
    """

    name: str
    start: int
    end: int
    skipped: frozenset[int] = frozenset()


def expand(pattern: str) -> Iterator[tuple[str, ...]]:
    """The sequences of elements that a written pattern stands for.

    Raises:
        ValueError: for a pattern that no text could match, with what is wrong.
    """
    elements = [_alternatives(element) for element in pattern.split()]
    if not elements or GAP in (*elements[0], *elements[-1]):
        raise ValueError(f"`{pattern}` is empty, or begins or ends with a gap")
    yield from product(*elements)


@functools.lru_cache(maxsize=16_384)
def _alternatives(element: str) -> tuple[str, ...]:
    if element in _SLOTS or element == GAP:
        return (element,)
    words = tuple(dict.fromkeys(form for word in element.split("/") for form in _forms(word)))
    for word in words:
        if not re.fullmatch(r"\*?(?:[^\W_]+|&)\*?", word):
            raise ValueError(
                f"`{element}` is no word, `*` at an end of it, `_`, `$`, `%`, `#` or `@`"
            )
    return words


def _forms(word: str) -> Iterator[str]:
    """The word as it is folded; one with an umlaut also as it is spelt without: `kuendigen`."""
    plain = word.replace("'", "")
    yield fold(plain)
    low = plain.casefold()
    if any(mark in low for mark in "äöü"):
        yield fold(low.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue"))


class Matcher:
    """Finds many patterns at once; an index by the first element keeps it fast.

    Args:
        patterns: names and written patterns.
        stops: words that no gap reaches across, such as `and`.

    Raises:
        ValueError: for a pattern that is none.
    """

    def __init__(
        self, patterns: Iterable[tuple[str, str]], stops: frozenset[str] = frozenset()
    ) -> None:
        self._stops = stops
        self._first: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        self._starts: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        self._ends: list[tuple[str, str, tuple[str, ...]]] = []
        self.words: set[str] = set()
        self.stems: set[str] = set()
        for name, written in patterns:
            for elements in expand(written):
                self._add(name, elements)
        self._lengths = sorted({len(stem) for stem in self._starts})

    def _add(self, name: str, elements: tuple[str, ...]) -> None:
        for element in elements:
            if element in _SLOTS or element == GAP or element.startswith("*"):
                continue
            (self.stems if element.endswith("*") else self.words).add(element.rstrip("*"))
        head, rest = elements[0], elements[1:]
        if head.startswith("*"):
            self._ends.append((head, name, rest))
        elif head.endswith("*"):
            self._starts.setdefault(head[:-1], []).append((name, rest))
        else:
            self._first.setdefault(head, []).append((name, rest))

    def knows(self, word: str) -> bool:
        """Whether some pattern has this word, or a beginning of it."""
        return word in self.words or any(word[:n] in self.stems for n in range(2, len(word) + 1))

    def find(self, tokens: Sequence[TextToken]) -> list[Tag]:
        """Every pattern that is found, in the order of the text."""
        tags: list[Tag] = []
        for at, token in enumerate(tokens):
            for name, rest in self._heads(token):
                found = _match(tokens, at + 1, rest, self._stops)
                if found is not None:
                    tags.append(Tag(name, at, *found))
        return tags

    def _heads(self, token: TextToken) -> Iterator[tuple[str, tuple[str, ...]]]:
        if token.kind != "word":
            for slot in _SLOTS:
                if _fits(token, slot):
                    yield from self._first.get(slot, ())
            if not token.word:
                return
        word = token.word or token.text
        yield from self._first.get(word, ())
        for length in self._lengths:
            if length > len(word):
                break
            yield from self._starts.get(word[:length], ())
        for head, name, rest in self._ends:
            if _fits(token, head):
                yield name, rest


def _match(
    tokens: Sequence[TextToken], at: int, rest: tuple[str, ...], stops: frozenset[str]
) -> tuple[int, frozenset[int]] | None:
    """Where the elements end when they are found from there on, and what their gaps skip."""
    for index, element in enumerate(rest):
        if element == GAP:
            after = rest[index + 1 :]
            for skipped in range(MOST_IN_A_GAP + 1):
                if skipped and (
                    at + skipped > len(tokens)
                    or tokens[at + skipped - 1].kind in ("end", "comma")
                    or tokens[at + skipped - 1].text in stops
                ):
                    return None
                found = _match(tokens, at + skipped, after, stops)
                if found is not None:
                    return found[0], found[1].union(range(at, at + skipped))
            return None
        if at >= len(tokens) or not _fits(tokens[at], element):
            return None
        at += 1
    return at, frozenset()


def _fits(token: TextToken, element: str) -> bool:
    if element == "$":
        return token.kind == "money" or (
            token.kind == "number" and not token.hash and len(token.text) <= 3
        )
    if element == "%":
        return token.kind == "percent"
    if element == "#":
        return token.kind == "number"
    if element == "@":
        return token.form != ""
    word = token.text if token.kind == "word" else token.word
    if not word:
        return False
    if element.startswith("*"):
        inner = element.strip("*")
        return inner in word if element.endswith("*") else word.endswith(inner)
    return word.startswith(element[:-1]) if element.endswith("*") else word == element
