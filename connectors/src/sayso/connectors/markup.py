"""The words of a message that is HTML, without what its reader doesn't see."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser

_BREAKS = frozenset({"p", "br", "div", "li", "tr", "blockquote"})
_UNSEEN = frozenset({"script", "style", "head", "title", "template", "noscript"})
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_HIDES = re.compile(
    r"display:none|visibility:hidden|font-size:0(?![.\d]*[1-9])|opacity:0(?![.\d]*[1-9])"
)


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if tag in _BREAKS:
            self.parts.append("\n")
        if tag in _VOID:
            return
        if self._hidden or tag in _UNSEEN or _is_hidden(attrs):
            self._hidden.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            while self._hidden.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def _is_hidden(attrs: Sequence[tuple[str, str | None]]) -> bool:
    style = "".join(value or "" for name, value in attrs if name == "style")
    shown = re.sub(r"\s+", "", style.lower())
    return _HIDES.search(shown) is not None or any(name == "hidden" for name, _ in attrs)


def without_markup(text: str) -> str:
    """A message's words."""
    if "<" not in text:
        return text.strip()
    words = _Words()
    words.feed(text)
    words.close()
    return re.sub(r"\n{3,}", "\n\n", "".join(words.parts)).strip()
