"""Foreign text made safe for Slack: escaped, visible to the last character, cut with a count."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from sayso.errors import Code, SaysoError
from sayso.json import JsonObject, JsonValue
from sayso.text import is_hidden

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def show_hidden(text: str, *, lines: bool = False) -> str:
    """The text with every invisible or reordering character as a chip such as `[U+202E]`.

    Args:
        lines: keep line breaks; otherwise they become chips too, or a value could fake a line of
            the card.

    Source: Unicode categories Cc, Cf, Co, Cs, Cn, Zl and Zp, and what is blank.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(char, lines=lines) for char in text)


@functools.lru_cache(maxsize=8192)
def _shown(char: str, *, lines: bool) -> str:
    if char == " " or (lines and char == "\n"):
        return char
    return f"[U+{ord(char):04X}]" if is_hidden(char) or char.isspace() else char


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


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionReply:
    """The answer to one interaction.

    Attributes:
        status: 200 acknowledges; 503 makes Slack show the person that it did not work.
        body: of the acknowledgement, such as errors per field; None for an empty one.
        tell: what the person is told in the channel, only they see it; empty when `body` tells it.
        once: tell it one time for all that have the same; empty where it is told each time.
        refresh: the card that was clicked is out of date and is to be sent again.
    """

    status: int = 200
    body: JsonObject | None = None
    tell: str = ""
    once: str = ""
    refresh: str | None = None


_LINK = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")


def plain_of(text: str) -> str:
    """A message as Slack sends it, as its reader sees it: names and links without their markup.

    A link whose words are others than its address shows both.

    Source: Slack docs, Formatting text: Retrieving messages.
    """
    shown = _LINK.sub(_linked, text)
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _linked(found: re.Match[str]) -> str:
    target, words = found[1], found[2] or ""
    if target[:1] in {"@", "#", "!"}:
        sign = "#" if target[0] == "#" else "@"
        name = words or target[1:].partition("^")[0]
        return f"{sign}{name.removeprefix(sign)}"
    address = target.removeprefix("mailto:")
    return address if words in {"", target, address} else f"{words} ({address})"


NOTHING_DECIDED = "Nothing was decided: something we need did not answer. Please click again."
NOT_CONFIRMED = (
    "It is not confirmed that your click was stored. The card shows what is so: if it still has its"
    " buttons in a minute, click again; a second click changes nothing twice."
)

_REFUSALS: dict[Code, str] = {
    Code.NOT_AN_APPROVER: "You may not decide this",
    Code.OWN_REQUEST: "You may not decide this",
    Code.ALREADY_DECIDED: "Too late",
    Code.APPROVAL_EXPIRED: "Too late",
    Code.WITHDRAWN: "Too late",
    Code.STALE_REVISION: "It has changed",
    Code.DIGEST_MISMATCH: "It has changed",
    Code.NOT_FOUND: "There is no such card",
    Code.INVALID_INPUT: "That did not work",
}


def refusal_text(error: SaysoError) -> str:
    """A refusal in words for the person: what is the matter, and what to do."""
    lead = _REFUSALS.get(error.code, "That did not work")
    step = f" Next: {error.next_step}." if error.next_step not in {"", "nothing"} else ""
    return f"{lead}: {error.message}.{step} Nothing was changed by your click."


def link_blocks(text: str, link: str) -> list[JsonValue]:
    """The text, and how its reader becomes somebody who may; a link, and no button."""
    parts: list[JsonValue] = [
        {"type": "text", "text": f"{show_hidden(text)} If it is your account, "},
        {"type": "link", "url": link, "text": "link it to yourself in the console"},
        {"type": "text", "text": " within ten minutes; only you see this."},
    ]
    section: JsonValue = {"type": "rich_text_section", "elements": parts}
    return [{"type": "rich_text", "elements": [section]}]


def ephemeral_text(text: str) -> str:
    """The text as Slack may show it: what looks like a mention or a link stays text."""
    return escape(show_hidden(text))
