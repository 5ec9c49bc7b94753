"""The words of a mail that is HTML: block by block, without what is hidden and what is quoted.

In HTML a quote is marked in no language, so it is cut here as far as mail programs mark it; what
they only write as text is cut as in plain text (`quotes`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sayso.connectors.email.inbox.html_bounds import RENAMED, bounded
from sayso.connectors.email.inbox.html_style import (
    BLACK,
    WHITE,
    Colour,
    Sheet,
    hides,
    ink_of,
    is_seen_on,
    is_too_small,
    letters,
    paper_of,
)
from sayso.extras import missing_extra
from sayso.text import without_hidden

try:
    from selectolax.lexbor import LexborHTMLParser, LexborNode
except ImportError as error:
    raise missing_extra("mail", "reading e-mail needs the extra `mail`") from error

_BLOCKS = frozenset(
    "address article aside blockquote body center dd div dl dt fieldset figcaption figure footer"
    " form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section table tbody tfoot thead tr"
    " ul".split()
)
_NEVER = frozenset(
    "script style template head title noscript iframe object embed applet svg math canvas audio"
    " video select option textarea button meta link base datalist".split()
)
_QUOTED_IDS = frozenset({"divrplyfwdmsg", "x_divrplyfwdmsg", "appendonsend", "x_appendonsend"})
"""Outlook's: the quoted mail is what stands after them."""
_QUOTED_CLASSES = frozenset(
    {"gmail_attr", "yahoo_quoted", "protonmail_quote", "moz-cite-prefix", "moz-forward-container"}
)
_SIGNATURES = frozenset({"gmail_signature", "moz-signature", "protonmail_signature_block"})
_MOST_NODES = 200_000


@dataclass(slots=True)
class HtmlWords:
    """What was read of one part.

    Attributes:
        own: without quotes. whole: with them.
    """

    own: list[str] = field(default_factory=list[str])
    whole: list[str] = field(default_factory=list[str])

    def add(self, text: str, *, quoted: bool) -> None:
        """Add a piece; a line break is one of its own."""
        self.whole.append(text)
        if not quoted:
            self.own.append(text)


@dataclass(frozen=True, slots=True)
class _Place:
    """What holds for a node and all below it."""

    quoted: bool = False
    kept_space: bool = False
    is_invisible: bool = False
    ink: Colour = BLACK
    paper: Colour = WHITE
    letters: float = 16.0

    @property
    def is_seen(self) -> bool:
        """Whether somebody sees words that stand here; what stands in it may say otherwise."""
        return not (
            self.is_invisible or is_too_small(self.letters) or not is_seen_on(self.ink, self.paper)
        )


@dataclass(frozen=True, slots=True)
class HtmlRead:
    """The words of an HTML part, without what is hidden.

    Attributes:
        own: without what is marked as quoted. whole: all of them.
        is_whole: whether all of the part was read.
    """

    own: str
    whole: str
    is_whole: bool


def read_html(source: str) -> HtmlRead:
    """The words of an HTML part; one that is too long or too deep is read as far as it is not."""
    kept, is_whole = bounded(source)
    tree = LexborHTMLParser(kept)
    sheet = Sheet([node.text() for node in tree.css("style")[:50]])
    words = HtmlWords()
    is_whole = _Walk(words, sheet).run(tree.body) and is_whole
    return HtmlRead(_tidied(words.own), _tidied(words.whole), is_whole)


class _Walk:
    """Goes through the tree without recursion, since mails nest as deep as they like."""

    def __init__(self, words: HtmlWords, sheet: Sheet) -> None:
        self._words = words
        self._sheet = sheet
        self._after_quote = False

    def run(self, body: LexborNode | None) -> bool:
        """Take all words; whether there were not too many nodes for that."""
        if body is None:
            return True
        # Each entry: a node to open, or the end of a block, with what holds there.
        stack: list[tuple[LexborNode | None, _Place]] = [(body, _Place())]
        for _ in range(_MOST_NODES):
            if not stack:
                return True
            node, place = stack.pop()
            if node is None:
                self._words.add("\n", quoted=place.quoted)
                continue
            below = self._open(node, place)
            if below is None:
                continue
            if node.tag in _BLOCKS:
                stack.append((None, below))
            children = list(_children(node))
            stack.extend((child, below) for child in reversed(children))
        return not stack

    def _open(self, node: LexborNode, place: _Place) -> _Place | None:
        """Take a node's own words; what holds below it, None where nothing below counts."""
        tag = node.tag or ""
        quoted = place.quoted or self._after_quote
        if tag == "-text":
            self._take(node.text_content or "", quoted, place)
            return None
        if tag.startswith(("-", "!")) or tag in _NEVER:
            return None
        marks = {name.lower(): value or "" for name, value in node.attributes.items()}
        style = self._sheet.style(tag.removeprefix(RENAMED), marks)
        if hides(marks, style):
            return None
        seen = style.get("visibility", "")
        place = _Place(
            quoted=quoted or self._begins_quote(node, tag, marks),
            kept_space=place.kept_space or tag == "pre",
            is_invisible=seen in ("hidden", "collapse") or (place.is_invisible and not seen),
            ink=ink_of(style, marks, place.ink),
            paper=paper_of(style, marks, place.paper),
            letters=letters(style, place.letters),
        )
        if tag == "br" or tag in _BLOCKS:
            self._words.add("\n", quoted=place.quoted)
        elif tag in ("td", "th"):
            self._words.add(" ", quoted=place.quoted)
        return place

    def _take(self, text: str, quoted: bool, place: _Place) -> None:
        if not place.is_seen:
            return
        shown = text if place.kept_space else re.sub(r"[ \t\r\n\f]+", " ", text)
        self._words.add(shown, quoted=quoted)

    def _begins_quote(self, node: LexborNode, tag: str, marks: dict[str, str]) -> bool:
        named = marks.get("id", "").lower()
        if named in _QUOTED_IDS:
            self._after_quote = True
            return True
        classes = set(marks.get("class", "").lower().split())
        if tag == "blockquote":
            # A customer's own indent is a bare one; what mail programs quote is marked.
            return bool(
                classes & {"gmail_quote", "protonmail_quote", "yahoo_quoted"}
                or marks.get("type", "").lower() == "cite"
                or "cite" in marks
            )
        if classes & {"gmail_quote", "gmail_quote_container"}:
            # Answers between the lines stand in here, beside the quotes; a forwarded mail has none.
            return node.css_first("blockquote") is None
        return bool(classes & (_QUOTED_CLASSES | _SIGNATURES))


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.first_child
    while child is not None:
        yield child
        child = child.next


def _tidied(pieces: list[str]) -> str:
    lines = "".join(pieces).replace("\u00a0", " ").split("\n")
    text = "\n".join(" ".join(line.split()) if line.strip() else "" for line in lines)
    return without_hidden(re.sub(r"\n{3,}", "\n\n", text)).strip()
