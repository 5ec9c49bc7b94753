"""Foreign text made safe for Slack: escaped, visible to the last character, cut with a count."""

from __future__ import annotations

import functools
import unicodedata

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
# Letters, marks and symbols by category, and yet nothing is drawn for them.
_HIDDEN_RANGES = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xE0100, 0xE01EF),
)
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def show_hidden(text: str, *, lines: bool = False) -> str:
    """The text with every invisible or reordering character as a chip such as `[U+202E]`.

    Args:
        lines: keep line breaks; otherwise they become chips too, or a value could fake a line of
            the card.

    Source: requirement SL-18; Unicode categories Cc, Cf, Co, Cs, Cn, Zl and Zp, and what is blank.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(char, lines=lines) for char in text)


@functools.lru_cache(maxsize=8192)
def _shown(char: str, *, lines: bool) -> str:
    if char == " " or (lines and char == "\n"):
        return char
    point = ord(char)
    hidden = (
        unicodedata.category(char) in _HIDDEN_CATEGORIES
        or char.isspace()
        or any(first <= point <= last for first, last in _HIDDEN_RANGES)
    )
    return f"[U+{point:04X}]" if hidden else char


def escape(text: str) -> str:
    """The text with `&`, `<` and `>` as Slack's entities, so that nothing in it is a mention.

    Source: Slack docs, Formatting text: Escaping.
    """
    return text.translate(_ESCAPES)


@functools.lru_cache(maxsize=8192)
def _piece(char: str, *, lines: bool) -> str:
    return escape(_shown(char, lines=lines))


def fit(text: str, limit: int, *, more: str = "", lines: bool = False) -> str:
    """Foreign text for one text element: chips, escaped, and never cut silently.

    Args:
        limit: characters of the escaped result at most; above 60.
        more: where the rest can be read, such as `in sayso approvals show apr_1`.
        lines: keep line breaks.

    Returns:
        The whole text, or its beginning with ` … (+38,900 characters <more>)`, counted in
        characters of `text`; never empty, since Slack takes no empty text.
    """
    pieces: list[str] = []
    size = 0
    room = limit - len(_count(len(text), more))
    kept = -1
    for place, char in enumerate(text):
        piece = _piece(char, lines=lines)
        if size + len(piece) > room and kept < 0:
            kept = place
        size += len(piece)
        if size > limit:
            return "".join(pieces[:kept]) + _count(len(text) - kept, more)
        pieces.append(piece)
    return "".join(pieces) if any(not piece.isspace() for piece in pieces) else "unknown"


def _count(left: int, more: str) -> str:
    return f" … (+{left:,} characters{' ' + more if more else ''})"
