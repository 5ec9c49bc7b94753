"""Foreign text made fit for a card: one line, nothing invisible, not too long."""

from __future__ import annotations

import unicodedata

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
    """The text on one line, without characters that hide or reorder others (SE-22).

    Args:
        text: whatever the provider had; None is an empty text.
        limit: characters that are kept at most; what is cut ends in `…`.
    """
    spaced = " ".join((text or "").split())
    seen = "".join(char for char in spaced if unicodedata.category(char) not in _INVISIBLE)
    return seen if len(seen) <= limit else seen[: limit - 1].rstrip() + "…"
