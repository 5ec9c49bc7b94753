"""Foreign text made fit for a card: one line, nothing invisible, not too long."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})


# Letters and marks that are drawn as nothing: fillers, the braille blank, the grapheme joiner.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def hidden(text: str) -> bool:
    """Whether a text of several lines holds a character that is not seen, or moves others."""
    return any(
        char in _BLANK or (char not in "\n\t" and unicodedata.category(char) in _INVISIBLE)
        for char in text
    )


def plain(text: str | None, *, limit: int = 120) -> str:
    """The text on one line, without characters that hide or reorder others.

    Args:
        text: whatever the provider had; None is an empty text.
        limit: characters that are kept at most; what is cut ends in `…`.
    """
    spaced = " ".join((text or "").split())
    seen = "".join(char for char in spaced if unicodedata.category(char) not in _INVISIBLE)
    return seen if len(seen) <= limit else seen[: limit - 1].rstrip() + "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a foreign text.

    Attributes:
        kind: `text` as it is; `hidden` for a character that is not seen or moves others, named as
            `U+202E`; `mixed` for a word of letters that look alike and are of several scripts.
    """

    kind: Literal["text", "hidden", "mixed"]
    text: str


_RANGES = ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
"""Variation selectors: marks by category, and yet nothing is drawn for them."""
_WORDS = re.compile(r"\w+|\W+")
_ALIKE = ("LATIN", "CYRILLIC", "GREEK")


def pieces(text: str) -> Iterator[Piece]:
    """The text in pieces, so that a surface can show what would not be seen.

    Line breaks and tabs are text. Put together, the pieces say all that the text holds.
    """
    if text.isascii() and (text.isprintable() or not any(map(_is_hidden, text))):
        if text:
            yield Piece(kind="text", text=text)
        return
    plain_text = ""
    for word in _WORDS.findall(text):
        if _is_mixed(word):
            if plain_text:
                yield Piece(kind="text", text=plain_text)
                plain_text = ""
            yield Piece(kind="mixed", text="".join(c for c in word if not _is_hidden(c)))
            continue
        for char in word:
            if not _is_hidden(char):
                plain_text += char
                continue
            if plain_text:
                yield Piece(kind="text", text=plain_text)
                plain_text = ""
            yield Piece(kind="hidden", text=f"U+{ord(char):04X}")
    if plain_text:
        yield Piece(kind="text", text=plain_text)


def _is_hidden(char: str) -> bool:
    if char in "\n\t":
        return False
    point = ord(char)
    return (
        unicodedata.category(char) in _INVISIBLE
        or char in _BLANK
        or any(first <= point <= last for first, last in _RANGES)
    )


def _is_mixed(word: str) -> bool:
    """Whether a word has letters of several of the scripts that look alike."""
    if word.isascii():
        return False
    scripts = {
        script
        for char in word
        for script in _ALIKE
        if char.isalpha() and unicodedata.name(char, "").startswith(script)
    }
    return len(scripts) > 1
