"""Foreign text made safe for a chat: visible to the last character, and cut with a count."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Protocol

from sayso.text import shown_char


class Fit(Protocol):
    """Foreign text for one element of a chat's; see `make_fit`."""

    def __call__(self, text: str, limit: int, *, more: str = "", lines: bool = False) -> str:
        """The text as that element may hold it, in at most `limit` characters."""
        ...


def as_it_is(text: str) -> str:
    """For elements in which nothing has a meaning."""
    return text


def make_fit(escape: Callable[[str], str] = as_it_is) -> Fit:
    """A chat's own: `escape` makes of a text one that means nothing there."""

    @functools.lru_cache(maxsize=8192)
    def piece_of(char: str, *, lines: bool) -> str:
        return escape(shown_char(char, lines=lines))

    def fit(text: str, limit: int, *, more: str = "", lines: bool = False) -> str:
        """Foreign text for one text element: chips, escaped, and never cut silently.

        Args:
            limit: characters of the escaped result at most; above 60.
            more: where the rest can be read, such as `in sayso approvals show apr_1`.
            lines: keep line breaks.

        Returns:
            The whole text, or its beginning with ` … (+38,900 characters <more>)`, counted in
            characters of `text`; never empty, since few chats take an empty text.
        """
        pieces: list[str] = []
        size = 0
        room = limit - len(_count(len(text), more))
        kept = -1
        for place, char in enumerate(text):
            piece = piece_of(char, lines=lines)
            if size + len(piece) > room and kept < 0:
                kept = place
            size += len(piece)
            if size > limit:
                return "".join(pieces[:kept]) + _count(len(text) - kept, more)
            pieces.append(piece)
        return "".join(pieces) if any(not piece.isspace() for piece in pieces) else "unknown"

    return fit


plain_fit = make_fit()


def _count(left: int, more: str) -> str:
    return f" … (+{left:,} characters{' ' + more if more else ''})"
