"""Foreign text made safe for Slack: escaped, visible to the last character, cut with a count."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sayso.json import JsonObject, JsonValue
from sayso.sdk.chat.fit import make_fit
from sayso.text import show_hidden

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def escape(text: str) -> str:
    """The text with `&`, `<` and `>` as Slack's entities, so that nothing in it is a mention.

    Source: Slack docs, Formatting text: Escaping.
    """
    return text.translate(_ESCAPES)


fit = make_fit(escape)


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
    """The text as Slack may show it: what looks like a mention or a link stays text.

    Lines stay lines: whatever of a text is foreign is on one by then.
    """
    return "\n".join(escape(show_hidden(line)) for line in text.split("\n"))
