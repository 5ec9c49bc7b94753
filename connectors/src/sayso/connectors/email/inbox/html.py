"""The words of a mail that is HTML: block by block, without what is hidden and what is quoted.

In HTML a quote is marked in no language, so it is cut here as far as mail programs mark it; what
they only write as text is cut as in plain text (`quotes`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

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
_ZERO = re.compile(r"^0*\.?0+(?:px|pt|em|rem|%|ex|ch|vw|vh|cm|mm|in|pc)?$")
_TINY = re.compile(r"^(?:0*\.\d+|1)(?:px|pt)$")
_FAR = re.compile(r"^-\d{3,}")
_MOST_NODES = 200_000
MOST_HTML = 2_000_000
"""Characters of HTML that are read; no person has written more."""


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
    ink: str = ""
    paper: str = "#ffffff"


def read_html(source: str) -> tuple[str, str]:
    """The words of an HTML part.

    Returns:
        those without what is marked as quoted, and all of them, both without what is hidden.
    """
    tree = LexborHTMLParser(source[:MOST_HTML])
    words = HtmlWords()
    _Walk(words).run(tree.body)
    return _tidied(words.own), _tidied(words.whole)


class _Walk:
    """Goes through the tree without recursion, since mails nest as deep as they like."""

    def __init__(self, words: HtmlWords) -> None:
        self._words = words
        self._after_quote = False

    def run(self, body: LexborNode | None) -> None:
        if body is None:
            return
        # Each entry: a node to open, or the end of a block, with what holds there.
        stack: list[tuple[LexborNode | None, _Place]] = [(body, _Place())]
        for _ in range(_MOST_NODES):
            if not stack:
                return
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
        style = _style(marks.get("style", ""))
        ink = style.get("color", marks.get("color", place.ink)).lower()
        paper = style.get("background-color", style.get("background", marks.get("bgcolor", "")))
        place = _Place(
            quoted=quoted or self._begins_quote(node, tag, marks),
            kept_space=place.kept_space or tag == "pre",
            ink=_colour(ink),
            paper=_colour(paper.lower()) if paper else place.paper,
        )
        if _is_hidden(marks, style) or (place.ink and place.ink == place.paper):
            return None
        if tag == "br" or tag in _BLOCKS:
            self._words.add("\n", quoted=place.quoted)
        elif tag in ("td", "th"):
            self._words.add(" ", quoted=place.quoted)
        return place

    def _take(self, text: str, quoted: bool, place: _Place) -> None:
        if place.ink and place.ink == place.paper:
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


def _style(text: str) -> dict[str, str]:
    pairs = (one.partition(":") for one in text[:4_000].lower().split(";"))
    return {
        name.strip(): value.replace("!important", "").strip()
        for name, colon, value in pairs
        if colon
    }


def _is_hidden(marks: dict[str, str], style: dict[str, str]) -> bool:
    """Whether nothing below is seen, as far as its own attributes say."""
    if "hidden" in marks:
        return True
    if style.get("display") == "none" or style.get("visibility") in ("hidden", "collapse"):
        return True
    size = style.get("font-size", "")
    if _ZERO.match(size) or _TINY.match(size) or style.get("mso-hide") == "all":
        return True
    if _ZERO.match(style.get("opacity", "")):
        return True
    cut = style.get("overflow") == "hidden"
    flat = any(_ZERO.match(style.get(side, "")) for side in ("max-height", "height", "width"))
    away = any(_FAR.match(style.get(side, "")) for side in ("left", "top", "text-indent"))
    return (cut and flat) or away


_NAMES = {"white": "#ffffff", "black": "#000000"}
_RGB = re.compile(r"rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)(?:[\s,/]+([\d.]+))?\s*\)")


def _colour(text: str) -> str:
    """A colour as `#rrggbb`; empty for what is none that we know."""
    word = text.split()[0] if text.split() else ""
    word = _NAMES.get(word, word)
    if found := _RGB.match(text):
        return "#" + "".join(f"{min(int(part), 255):02x}" for part in found.groups()[:3])
    if re.fullmatch(r"#[0-9a-f]{3}", word):
        return "#" + "".join(2 * char for char in word[1:])
    return word if re.fullmatch(r"#[0-9a-f]{6}", word) else ""


def _tidied(pieces: list[str]) -> str:
    lines = "".join(pieces).replace("\u00a0", " ").split("\n")
    text = "\n".join(" ".join(line.split()) if line.strip() else "" for line in lines)
    return without_hidden(re.sub(r"\n{3,}", "\n\n", text)).strip()
