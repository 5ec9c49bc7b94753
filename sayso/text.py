"""Foreign text made fit to be seen: the one judge of what hides, and what to do with it.

Every surface, card, log page and prompt goes by `is_hidden`; they differ only in whether such a
character is dropped, named or refused.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
_BLANK = (
    (0x034F, 0x034F),  # the grapheme joiner
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),  # variation selectors
    (0x2800, 0x2800),  # the braille blank
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xE0100, 0xE01EF),
)
"""Letters, marks and symbols by category, and yet nothing is drawn for them."""
JOINERS = frozenset("\u200c\u200d")
"""They hold scripts and emoji together, and move nothing; surfaces that draw those keep them."""


@functools.lru_cache(maxsize=8192)
def is_hidden(char: str) -> bool:
    """Whether a character is not seen, or moves others; line breaks and tabs are, too."""
    point = ord(char)
    return unicodedata.category(char) in _INVISIBLE or any(
        first <= point <= last for first, last in _BLANK
    )


def hidden(text: str) -> bool:
    """Whether a text of several lines holds a character that is not seen, or moves others."""
    return any(char not in "\n\t" and is_hidden(char) for char in text)


def visible(text: str) -> str:
    """The text without what is hidden, its line breaks and tabs kept: as a model may read it."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char for char in text if char in "\n\t" or not is_hidden(char))


def plain(text: str | None, *, limit: int = 120) -> str:
    """The text on one line, without characters that hide or reorder others.

    Args:
        text: whatever the provider had; None is an empty text.
        limit: characters that are kept at most; what is cut ends in `…`.
    """
    spaced = " ".join((text or "").split())
    seen = "".join(char for char in spaced if not is_hidden(char))
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


_WORDS = re.compile(r"\w+|\W+")
_ALIKE = ("LATIN", "CYRILLIC", "GREEK")


def pieces(text: str) -> Iterator[Piece]:
    """The text in pieces, so that a surface can show what would not be seen.

    Line breaks and tabs are text. Put together, the pieces say all that the text holds.
    """
    if text.isascii() and (text.isprintable() or not hidden(text)):
        if text:
            yield Piece(kind="text", text=text)
        return
    plain_text = ""
    for word in _WORDS.findall(text):
        if _is_mixed(word):
            if plain_text:
                yield Piece(kind="text", text=plain_text)
                plain_text = ""
            yield Piece(kind="mixed", text=visible(word))
            continue
        for char in word:
            if char in "\n\t" or not is_hidden(char):
                plain_text += char
                continue
            if plain_text:
                yield Piece(kind="text", text=plain_text)
                plain_text = ""
            yield Piece(kind="hidden", text=f"U+{ord(char):04X}")
    if plain_text:
        yield Piece(kind="text", text=plain_text)


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
