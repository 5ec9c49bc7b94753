"""Foreign text made fit for a card: one line, nothing invisible, not too long."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
_SIGNS = frozenset({"So", "Sk", "Sm", "Po"})

# Letters and marks that are drawn as nothing: fillers, the braille blank, the grapheme joiner.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


# Variation selectors: marks by category, and yet nothing is drawn for them.
_RANGES = ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
JOINERS = "\u200c\u200d"
"""What scripts and pictures need to hold together; it moves nothing."""


@functools.lru_cache(maxsize=8192)
def is_hidden(char: str) -> bool:
    """Whether a character is not seen, or moves others: controls, TAGs, fillers, selectors.

    The one judge for cards, terminals, evidence, Slack, mails and prompts; line feeds and tabs are
    seen. Source: Unicode categories Cc, Cf, Co, Cs, Cn, Zl and Zp, and what is blank.
    """
    if char in "\n\t":
        return False
    point = ord(char)
    return (
        unicodedata.category(char) in _INVISIBLE
        or char in _BLANK
        or any(first <= point <= last for first, last in _RANGES)
    )


def hidden(text: str) -> bool:
    """Whether a text of several lines holds a character that is not seen, or moves others.

    The selector that makes a picture of the sign before it is none, since it is seen.
    """
    return any(map(is_hidden, pictures(text)))


def without_hidden(text: str) -> str:
    """The text without what is not seen; line breaks, tabs, joiners and pictures stay."""
    if text.isascii() and text.isprintable():
        return text
    kept = (char for char in text if char in JOINERS or not is_hidden(char))
    return "".join(kept)


def pictures(text: str) -> str:
    """The text without the selectors that only choose how the sign before them is drawn."""
    if "\ufe0f" not in text and "\ufe0e" not in text:
        return text
    return "".join(
        char
        for before, char in zip(f" {text}", text, strict=False)
        if char not in "\ufe0e\ufe0f" or unicodedata.category(before) not in _SIGNS
    )


def plain(text: str | None, *, limit: int = 120) -> str:
    """The text on one line, without characters that hide or reorder others.

    Args:
        text: whatever the provider had; None is an empty text.
        limit: characters that are kept at most; what is cut ends in `…`.
    """
    spaced = " ".join((text or "").split())
    seen = "".join(char for char in spaced if not is_hidden(char))
    return seen if len(seen) <= limit else seen[: limit - 1].rstrip() + "…"


def show_hidden(text: str, *, lines: bool = False) -> str:
    """The text with every invisible or reordering character as a chip such as `[U+202E]`.

    Args:
        lines: keep line breaks; otherwise they become chips too, or a value could fake a line of
            the card.

    Source: Unicode categories Cc, Cf, Co, Cs, Cn, Zl and Zp, and what is blank.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(shown_char(char, lines=lines) for char in text)


@functools.lru_cache(maxsize=8192)
def shown_char(char: str, *, lines: bool) -> str:
    """The character, or the chip that stands for one that is not seen."""
    if char == " " or (lines and char == "\n"):
        return char
    return f"[U+{ord(char):04X}]" if is_hidden(char) or char.isspace() else char


_AS_IT_IS = str.maketrans("<>[]`|", "\u2039\u203a()'/")
_MOST_MARKED = 600
_EMPHASIS = re.compile(r"(?<!\w)([*_~]+)(?=\S)(.+?)(?<=\S)\1(?!\w)")
_HEAD = re.compile(r"^(?:#{1,6}|[-+*])\s+")


def unmarked(text: str) -> str:
    """A foreign text that reads the same where HTML, Markdown or Slack's marks are shown as such.

    No tag, link, mention, heading or emphasis can be made of it; words and numbers stay. At most
    600 characters are kept.
    """
    plainer = _HEAD.sub("", text[:_MOST_MARKED]).translate(_AS_IT_IS)
    return _EMPHASIS.sub(r"\2", _EMPHASIS.sub(r"\2", plainer))


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
    if text.isascii() and (text.isprintable() or not any(map(is_hidden, text))):
        if text:
            yield Piece(kind="text", text=text)
        return
    plain_text = ""
    for word in _WORDS.findall(text):
        if _is_mixed(word):
            if plain_text:
                yield Piece(kind="text", text=plain_text)
                plain_text = ""
            yield Piece(kind="mixed", text="".join(c for c in word if not is_hidden(c)))
            continue
        for char in word:
            if not is_hidden(char):
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


_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is read as a formula by programs for tables."""


def table_cell(value: object) -> str:
    """A value as a cell of a table that is no formula, whoever wrote it; empty for None."""
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
