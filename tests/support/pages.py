"""What an auditor's page is made of, read as a browser reads it."""

from __future__ import annotations

from html.parser import HTMLParser

ALLOWED = frozenset(
    "html head meta title style body header div h1 h2 h3 p span small dl dt dd section table thead"
    " tbody tr th td code pre blockquote strong br ul li footer".split()
)
"""The elements of an evidence page: no script, no link, no picture."""
ATTRIBUTES = frozenset({"lang", "charset", "http-equiv", "content", "name", "class", "hidden"})
"""Their attributes."""


class Tags(HTMLParser):
    """The elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        """Text that a reader sees."""
        self.text += data
