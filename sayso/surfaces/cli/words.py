"""Foreign text on a terminal.

INVARIANT: text of customers, providers and models is shown without characters that a terminal would
obey or that hide others, and is never read as markup.
"""

from __future__ import annotations

import unicodedata

from sayso.text import without_hidden


def one_line(text: str, limit: int | None = 200) -> str:
    """Foreign text on one line, with nothing in it that a terminal obeys or that hides.

    Args:
        limit: characters at most, the last one an `…` where more follow; None for the whole text.
    """
    spaced = " ".join(text.split())
    seen = without_hidden(spaced)
    return seen if limit is None or len(seen) <= limit else seen[: limit - 1] + "…"


def many_lines(text: str) -> str:
    """Foreign text with its own line breaks, otherwise as `one_line`."""
    return "\n".join(one_line(line, limit=2000) for line in text.splitlines())


def counted(count: int, noun: str) -> str:
    """A number with its noun, such as `1 action`, `2 actions` or `3 entries`."""
    if count != 1:
        many = noun.endswith("y") and noun[-2] not in "aeiou"
        noun = f"{noun[:-1]}ies" if many else f"{noun}s"
    return f"{count:,} {noun}"


def width_of(text: str) -> int:
    """How many terminal cells a text takes; wide East Asian characters take two."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
