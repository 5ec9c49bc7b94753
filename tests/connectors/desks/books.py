"""A help desk's own books, whoever's: what was written in it, by whom, and what became of it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal, cast
from urllib.parse import parse_qsl, urlsplit

from sayso.connectors.http import HttpAnswer, HttpRequest
from sayso.json import JsonObject, JsonValue
from sayso.testing.clock import FakeClock

Who = Literal["customer", "colleague", "sayso", "bot"]


@dataclass(slots=True, kw_only=True)
class Part:
    """One message."""

    id: int
    at: datetime
    who: Who
    text: str
    public: bool = True
    marks: JsonObject = field(default_factory=dict[str, JsonValue])


@dataclass(slots=True, kw_only=True)
class Talk:
    """One conversation."""

    id: int
    customer: int
    begun: datetime
    changed: datetime
    parts: list[Part] = field(default_factory=list[Part])
    is_open: bool = True
    assignee: int | None = None
    group: int | None = None


class HelpDesk(ABC):
    """What all of them have; each answers in its provider's own forms.

    Attributes:
        lose: the answer to the next write is lost, after it was done.
        drop: the next write is lost itself, which looks the same.
        page: how much is on a page, where a test wants fewer than the provider.
    """

    name: str
    me: int = 900
    settings: ClassVar[Mapping[str, str]]

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.talks: dict[int, Talk] = {}
        self.lose = self.drop = False
        self.page = 100
        self.asked: list[str] = []
        self._next = 1000

    # ---- what people do there ------------------------------------------------------------------

    def write(self, who: Who, text: str, talk: int = 0, *, public: bool = True) -> int:
        """Somebody writes; a customer without a conversation begins one."""
        self.clock.advance(seconds=1)
        now = self.clock.now()
        if not talk:
            talk = self._number()
            self.talks[talk] = Talk(id=talk, customer=500 + talk, begun=now, changed=now)
        known = self.talks[talk]
        known.parts.append(Part(id=self._number(), at=now, who=who, text=text, public=public))
        known.changed = now
        return talk

    def changed_since(self, since: datetime) -> list[Talk]:
        """Oldest change first."""
        found = [one for one in self.talks.values() if one.changed >= since]
        return sorted(found, key=lambda one: (one.changed, one.id))

    def of(self, subject: str) -> list[Talk]:
        """A customer's own."""
        return [one for one in self.talks.values() if self.subject(one.id) == subject]

    def told(self, talk: int, *, public: bool = True) -> list[str]:
        """What Sayso wrote in it."""
        found = self.talks[talk].parts
        return [one.text for one in found if one.who == "sayso" and one.public is public]

    def _number(self) -> int:
        self._next += 1
        return self._next

    # ---- HTTP ----------------------------------------------------------------------------------

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """See `Sender.send`."""
        parts = urlsplit(request.url)
        self.asked.append(f"{request.method} {parts.path}")
        body: object = json.loads(request.body) if request.body else {}
        if request.writing and self.drop:
            self.drop = False
            return HttpAnswer(status=502, headers={}, body=b"")
        path = tuple(one for one in parts.path.split("/") if one)
        answer = self.answer(
            request.method, path, dict(parse_qsl(parts.query)), cast("JsonObject", body)
        )
        if request.writing and self.lose:
            self.lose = False
            return HttpAnswer(status=502, headers={}, body=b"")
        if isinstance(answer, int):
            return HttpAnswer(status=answer, headers={}, body=b"{}")
        return HttpAnswer(status=200, headers={}, body=json.dumps(answer).encode())

    async def close(self) -> None:  # noqa: B027  (there is nothing to close)
        """Nothing is open."""

    @abstractmethod
    def answer(
        self, method: str, path: tuple[str, ...], query: Mapping[str, str], body: JsonObject
    ) -> JsonValue | int:
        """What the provider answers; the status of a no."""

    @abstractmethod
    def bell(self, talk: int) -> tuple[dict[str, str], bytes]:
        """The webhook about a conversation: its headers and its body, with the secret `ring`."""

    @abstractmethod
    def thread(self, talk: int) -> str:
        """How a conversation is named there."""

    @abstractmethod
    def subject(self, talk: int) -> str:
        """How its customer is named there."""

    @property
    @abstractmethod
    def hand_over(self) -> JsonObject:
        """What the hand-over takes besides."""


def epoch(at: datetime) -> int:
    """Seconds since 1970."""
    return int(at.timestamp())


def iso(at: datetime) -> str:
    """With `Z`."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
