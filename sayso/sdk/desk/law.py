"""`sayso.own-words`: exactly what Sayso renders from the ledger now, in that customer's thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sayso.actions.model.action_row import ActionRow
from sayso.actions.policy.own_words import OwnWords
from sayso.agent.phrases import DEFAULT_LANGUAGE
from sayso.agent.request_row import RequestRow, get_request
from sayso.agent.standing import LanguageOf
from sayso.audit.entry import Actor, ActorKind
from sayso.audit.personal import Personal
from sayso.connectors.desks import Desks
from sayso.connectors.registry import Connectors
from sayso.errors import ConfigError, RefusedError
from sayso.ids import Tenant
from sayso.json import JsonValue
from sayso.sdk.desk.rows import Place, SayingKind, find_thread
from sayso.sdk.desk.sayings import Renderer, SayingKey
from sayso.store.base import Reader

if TYPE_CHECKING:
    from sayso.settings import Settings

DESK = Actor(kind=ActorKind.SYSTEM, id="desk")
"""Who asks for what Sayso says by itself."""
_DESK = f"{DESK.kind}:{DESK.id}"


def _english(_: object) -> str:
    return DEFAULT_LANGUAGE


@dataclass(slots=True, kw_only=True)
class OwnWordsByLedger:
    """The law of a workspace with desks.

    Attributes:
        language: tells the language of a conversation; set once there is who can.
    """

    registry: Connectors
    personal: Personal
    settings: Settings
    tenant: Tenant
    language: LanguageOf = _english

    def __call__(self, reader: Reader, row: ActionRow) -> OwnWords | None:
        """What the law says of an action; None for one of anybody else.

        INVARIANT: nothing in the row is believed but what it would say, to whom and where. The text
        is compared with what the ledger gives in this very transaction.
        """
        if row.requester != _DESK:
            return None
        key = SayingKey.read(row.idempotency_key)
        section = None if key is None else self.settings.desk.get(key.desk)
        if key is None or section is None or row.tenant != self.tenant:
            return OwnWords(allowed=False, why="no desk of this workspace says it")
        place = Place(tenant=row.tenant, name=key.desk, section=section)
        try:
            request = get_request(reader, row.tenant, key.request)
            wanted = self.action_of(place, key.kind)
        except (RefusedError, ConfigError):
            return OwnWords(allowed=False, why="there is no such request or desk any more")
        if row.name != wanted:
            return OwnWords(allowed=False, why="it is not what Sayso speaks by there")
        return self._judge(reader, row, place, request, key)

    def _judge(
        self, reader: Reader, row: ActionRow, place: Place, request: RequestRow, key: SayingKey
    ) -> OwnWords:
        named = row.args.get(Desks(self.registry).parts(place.connector).thread_arg)
        thread = find_thread(reader, place, named) if isinstance(named, str) else None
        if thread is None or request.conversation != place.conversation(thread.id):
            return OwnWords(allowed=False, why="the request was made in another thread")
        if request.subject.id != row.subject.id:
            return OwnWords(allowed=False, why="the request is another customer's")
        said = self.renderer.render(reader, place, thread, request, key)
        if said is None:
            why = "a colleague has the thread" if thread.silent else "it is over"
            return OwnWords(allowed=False, why=f"{why}, so it is not said")
        if dict(row.args) != self.args_of(place, key.kind, thread.id, said):
            return OwnWords(allowed=False, why="something newer takes its place")
        return OwnWords(allowed=True, why="Sayso's own words, as the ledger has them now")

    @property
    def renderer(self) -> Renderer:
        """Who writes the texts."""
        return Renderer(
            personal=self.personal,
            language=self.language,
            link=self.settings.console.url,
            notes_apart=self._notes_apart,
        )

    def _notes_apart(self, place: Place) -> bool:
        """Whether the note of a hand-over is an action of its own there."""
        return not Desks(self.registry).parts(place.connector).hand_over_text

    def action_of(self, place: Place, kind: SayingKind) -> str:
        """The action by which something is said; empty where the desk has none.

        Raises:
            ConfigError: `invalid_setting`, where the connector is no desk.
        """
        parts = Desks(self.registry).parts(place.connector)
        names = {
            "reply": parts.reply,
            "note": parts.note,
            "hand_over": parts.hand_over,
            "close": parts.close,
        }
        return names[kind]

    def args_of(
        self, place: Place, kind: SayingKind, thread: str, text: str
    ) -> Mapping[str, JsonValue]:
        """The arguments with which it is said."""
        parts = Desks(self.registry).parts(place.connector)
        args: dict[str, JsonValue] = {parts.thread_arg: thread}
        if kind == "hand_over":
            args |= place.section.hand_over
        takes_text = parts.hand_over_text if kind == "hand_over" else kind != "close"
        return {**args, "text": text} if takes_text else args
