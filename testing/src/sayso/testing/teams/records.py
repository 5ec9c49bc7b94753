"""What the fake keeps, and how it misbehaves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sayso.json import JsonObject, JsonValue


class TeamsFaultKind(StrEnum):
    """How a call goes wrong."""

    RATE_LIMITED = "rate_limited"
    BAD_GATEWAY = "bad_gateway"
    DONE_THEN_BAD_GATEWAY = "done_then_bad_gateway"
    FORBIDDEN = "forbidden"
    UNAUTHORIZED = "unauthorized"


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsFault:
    """The next call of a method to a path that has this part goes wrong."""

    kind: TeamsFaultKind
    method: str = "POST"
    part: str = "conversations"
    retry_after_s: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsCall:
    """A call that came; `token` is what it showed."""

    method: str
    path: str
    token: str
    body: JsonObject


@dataclass(slots=True, kw_only=True)
class TeamsMessage:
    """A message as it stands now, and what it showed before."""

    conversation: str
    id: str
    activity: JsonObject
    before: list[JsonObject] = field(default_factory=list[JsonObject])

    @property
    def card(self) -> JsonObject:
        """The Adaptive Card of it."""
        match self.activity:
            case {"attachments": [{"content": dict(card)}]}:
                return card
            case _:
                return {}

    @property
    def text(self) -> str:
        """Every text of the card, a line for each block."""
        return "\n".join(lines_of(self.card))

    @property
    def verbs(self) -> Mapping[str, JsonObject]:
        """What can be clicked: each `Action.Execute` by its verb, those in forms too."""
        return {str(one["verb"]): one for one in _executes(self.card.get("actions"))}

    @property
    def links(self) -> list[str]:
        """Where its other buttons lead."""
        listed = self.card.get("actions")
        found = listed if isinstance(listed, list) else []
        return [str(one["url"]) for one in found if isinstance(one, Mapping) and "url" in one]


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsDelivery:
    """How an activity was answered: the HTTP status, and the body of an invoke's answer."""

    status: int
    body: JsonObject

    @property
    def said(self) -> str:
        """What whoever clicked is shown: words, an error's message, or a card's texts."""
        match self.body.get("value"):
            case str(text):
                return text
            case {"message": str(text)}:
                return text
            case dict(card):
                return "\n".join(lines_of(card))
            case _:
                return ""

    @property
    def is_card(self) -> bool:
        """Whether the card was shown anew."""
        return self.body.get("type") == "application/vnd.microsoft.card.adaptive"


def lines_of(card: JsonValue) -> Iterator[str]:
    """The texts of a card, from the top; those of its forms are left out."""
    match card:
        case {"type": "RichTextBlock", "inlines": list(runs)}:
            yield "".join(str(run["text"]) for run in runs if isinstance(run, Mapping))
        case {"type": "TextBlock", "text": str(text)}:
            yield text
        case {"body": list(items)} | {"items": list(items)}:
            for item in items:
                yield from lines_of(item)
        case _:
            pass


def _executes(actions: JsonValue) -> Iterator[JsonObject]:
    for one in actions if isinstance(actions, list) else []:
        match one:
            case {"type": "Action.Execute"}:
                yield one
            case {"type": "Action.ShowCard", "card": {"actions": list(inner)}}:
                yield from _executes(inner)
            case _:
                pass
