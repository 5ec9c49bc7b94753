"""What stands in the thread below a card: what is known, who is called; nothing is decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sayso.audit.authority.people import KnownPerson
from sayso.json import JsonObject, JsonValue
from sayso.sdk.chat.card import Lines
from sayso.sdk.chat.evidence import Turn, evidence
from sayso.sdk.chat.moment import plain
from sayso.sdk.chat.news import ChatNews
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.slack.card import context, elements_of, section
from sayso.surfaces.slack.wording import escape, fit
from sayso.text import show_hidden

_MOST_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Something that is no card.

    Attributes:
        text: for notifications and screen readers.
        below: the card in whose thread it stands; empty for the channel itself.
        called: who is named in it. direct: what those of them read who are not in the channel.
    """

    text: str
    blocks: tuple[JsonObject, ...]
    below: str = ""
    called: tuple[KnownPerson, ...] = ()
    direct: Post | None = None


def build_evidence(view: SolutionView, talk: Sequence[Turn]) -> tuple[str, tuple[JsonObject, ...]]:
    """What stands in the thread below the card: what is known, and what was written.

    Args:
        talk: the conversation, oldest first.

    Returns:
        The text for notifications and the blocks; no button, since nothing is decided there.
    """
    text, parts = evidence(view, talk, fit)
    blocks: list[JsonObject] = []
    for part in parts:
        if isinstance(part, Lines):
            blocks.append(context(part.text) if part.small else section(part.text))
            continue
        said: JsonObject = {"type": "text", "text": part.who, "style": {"bold": True}}
        words: JsonObject = {"type": "text", "text": part.text}
        elements: list[JsonValue] = [
            {"type": "rich_text_section", "elements": [said]},
            {"type": "rich_text_quote", "elements": [words]},
        ]
        blocks.append({"type": "rich_text", "elements": elements})
    return escape(text), tuple(blocks)


def post_of(told: ChatNews, ts: str) -> Post:
    """What is told, as Slack shows it.

    Args:
        ts: of the card below which it stands; empty for the channel.
    """
    if told.small:
        return Post(text=escape(told.short), blocks=(context(plain(told.words)),), below=ts)
    elements: list[JsonValue] = []
    users = [one.slack.partition("/")[2] for one in told.called if one.slack]
    for user in users[:_MOST_NAMED]:
        elements += [{"type": "user", "user_id": user}, {"type": "text", "text": ", "}]
    if told.head:
        elements.append({"type": "text", "text": told.head, "style": {"bold": True}})
    elements += elements_of(told.words)
    block: JsonObject = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": elements}],
    }
    return Post(
        text=escape(show_hidden(told.short)),
        blocks=(block,),
        below=ts,
        called=told.called,
        direct=_direct(told),
    )


def _direct(told: ChatNews) -> Post | None:
    """The same for one who cannot read the thread; None where there is nothing for them."""
    if not told.direct:
        return None
    elements = elements_of(told.direct)
    if told.url:
        elements += [*elements_of((" · ",)), {"type": "link", "url": told.url, "text": "Open ↗"}]
    section: JsonObject = {"type": "rich_text_section", "elements": elements}
    block: JsonObject = {"type": "rich_text", "elements": [section]}
    return Post(text=escape(show_hidden(told.short)), blocks=(block,))
