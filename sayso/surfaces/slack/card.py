"""The card as Slack blocks; what it says is `sayso.sdk.chat.card`'s. All foreign text is plain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import assert_never, cast

from sayso.json import JsonObject, JsonValue
from sayso.sdk.chat.card import (
    Answer,
    Buttons,
    Heading,
    Lines,
    Part,
    Quote,
    Runs,
    Timed,
    build_card,
)
from sayso.sdk.chat.moment import Moment, Pieces
from sayso.sdk.views.solution import SolutionView
from sayso.sdk.words.approval_outcome import CardOutcome
from sayso.surfaces.slack.wording import escape, fit

YES = "sayso.solution.yes"
NO = "sayso.solution.no"
LESS = "sayso.solution.less"
ASK = "sayso.solution.ask"
OPEN = "sayso.solution.open"
BACK = "sayso.solution.back"
EVENT_TYPE = "sayso_approval"
"""`metadata.event_type` of our cards, by which a card is found again."""

ACTIONS: Mapping[Answer, str] = MappingProxyType(
    {"yes": YES, "no": NO, "less": LESS, "ask": ASK, "open": OPEN, "back": BACK}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackMessage:
    """What is posted.

    Attributes:
        text: for notifications and screen readers: amount, payee and state, escaped.
        blocks: Block Kit.
        approval_id, revision: for the metadata.
    """

    text: str
    blocks: tuple[JsonObject, ...]
    approval_id: str
    revision: int

    @property
    def metadata(self) -> JsonObject:
        """Slack's message metadata: names the approval, so that the card is found again."""
        return {
            "event_type": EVENT_TYPE,
            "event_payload": {"approval_id": self.approval_id, "revision": self.revision},
        }


def build_message(
    view: SolutionView, outcome: CardOutcome | None = None, *, url: str = ""
) -> SlackMessage:
    """The card as it should stand now: with buttons while it waits, with the outcome afterwards.

    Args:
        outcome: what became of the only step; without it, as with several, what was answered.
        url: of the console, where there is one that others can open.
    """
    card = build_card(view, outcome, fit=fit, url=url)
    return SlackMessage(
        text=escape(card.text),
        blocks=tuple(draw(part) for part in card.parts),
        approval_id=view.id,
        revision=view.revision,
    )


def draw(part: Part) -> JsonObject:
    """A part as a block."""
    match part:
        case Heading():
            return {"type": "header", "text": _plain(part.text)}
        case Lines():
            return context(part.text) if part.small else section(part.text)
        case Timed():
            return timed(part.pieces)
        case Runs():
            return rich(part.runs)
        case Quote():
            return _quote(part)
        case Buttons():
            return _buttons(part)
        case _:
            assert_never(part)


def _quote(part: Quote) -> JsonObject:
    whose: JsonObject = {"type": "text", "text": part.whose, "style": {"italic": True}}
    return {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_quote", "elements": [{"type": "text", "text": part.text}]},
            {"type": "rich_text_section", "elements": [whose]},
        ],
    }


def _buttons(part: Buttons) -> JsonObject:
    buttons: list[JsonObject] = [
        {
            "type": "button",
            "action_id": ACTIONS[button.answer],
            "text": _plain(button.label),
            "value": part.value,
            **({"url": button.url} if button.url else {}),
        }
        for button in part.buttons
    ]
    return cast("JsonObject", {"type": "actions", "block_id": "decide", "elements": buttons})


def section(text: str) -> JsonObject:
    """A section of text that is escaped already."""
    return {"type": "section", "text": _plain(text)}


def context(text: str) -> JsonObject:
    """The same, small and grey."""
    return {"type": "context", "elements": [_plain(text)]}


def rich(runs: Sequence[tuple[bool, str]]) -> JsonObject:
    """Texts that are escaped already, each `(bold, text)`."""
    parts: list[JsonObject] = [
        {"type": "text", "text": text, **({"style": {"bold": True}} if bold else {})}
        for bold, text in runs
    ]
    section: JsonObject = {"type": "rich_text_section", "elements": cast("JsonValue", parts)}
    return {"type": "rich_text", "elements": [section]}


def timed(pieces: Pieces) -> JsonObject:
    """A sentence that is escaped already, each time in it as its reader's clock has it."""
    section: JsonObject = {"type": "rich_text_section", "elements": elements_of(pieces)}
    return {"type": "rich_text", "elements": [section]}


def elements_of(pieces: Pieces) -> list[JsonValue]:
    """The same as elements of a rich text."""
    return [_date(one) if isinstance(one, Moment) else _text(one) for one in pieces]


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _date(at: Moment) -> JsonObject:
    """Slack shows it in the reader's zone and language, or else what stands in `fallback`.

    NOTE: of a rich text and no `<!date^…>`, which only mrkdwn has: nothing of ours is mrkdwn.

    Source: Slack docs, Block Kit: Date element.
    """
    return {
        "type": "date",
        "timestamp": at.unix_s,
        "format": f"{{date_short_pretty}} {'{time_secs}' if at.seconds else '{time}'}",
        "fallback": at.text,
    }


def _plain(text: str) -> JsonObject:
    """A text object of text that is escaped already."""
    return cast("JsonObject", {"type": "plain_text", "text": text, "emoji": False})
