"""Intercom, by its API 2.16: bots write in teammates' names, 500 parts, searches by the day.

SOURCE: intercom/Intercom-OpenAPI, descriptions/2.16; developers.intercom.com, webhook models.
Nobody has compared this with a live account.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, cast

from connectors.desks.books import HelpDesk, Part, Talk, epoch

from sayso.json import JsonObject, JsonValue

_MOST_PARTS = 500
_DAY = 86_400


class Intercom(HelpDesk):
    """One workspace."""

    name = "intercom"
    settings: ClassVar[Mapping[str, str]] = {"admin": "900", "region": "api"}
    came_by = "email"

    def __init__(self) -> None:
        super().__init__()
        self.told_fin: dict[str, JsonValue] = {}

    def answer(
        self, method: str, path: tuple[str, ...], query: Mapping[str, str], body: JsonObject
    ) -> JsonValue | int:
        """See `HelpDesk.answer`."""
        match (method, *path):
            case ("GET", "me"):
                return {"id": str(self.me), "app": {"id_code": "abc", "name": "ACME"}}
            case ("GET", "contacts", "find_by_external_id", known):
                return {"id": f"c{known}", "external_id": known}
            case ("POST", "conversations", "search"):
                return self._search(body)
            case ("POST", "procedures", number, "collect_agent_input"):
                return self._told_fin(number, body)
            case (_, "conversations", number, *rest):
                talk = self.talks.get(int(number))
                return 404 if talk is None else self._talk(method, talk, rest, body)
            case _:
                return 404

    def _told_fin(self, number: str, body: JsonObject) -> JsonValue | int:
        """Preview. SOURCE: Intercom-OpenAPI, descriptions/0: 409 once it is answered."""
        step = f"{number}/{body['step_id']}"
        if step in self.told_fin:
            return 409
        self.told_fin[step] = body["attribute_values"]
        return {}

    def asks(self, talk: int, step: str, *asked: JsonObject) -> tuple[dict[str, str], bytes]:
        """Fin's question to people: its headers and its body."""
        url = f"https://api.intercom.io/procedures/{talk}/collect_agent_input"
        item = {"callback_url": url, "step_id": step, "attributes_to_collect": asked}
        told = {"topic": "procedure.hitl_notification.created", "data": {"item": item}}
        body = json.dumps(told).encode()
        return self.sign(body), body

    def _search(self, body: JsonObject) -> JsonValue:
        """By the day, as contacts are; and in no order that is promised."""
        query = cast("Mapping[str, JsonValue]", body["query"])
        if query["field"] == "contact_ids":
            own = self.of(str(query["value"]).removeprefix("c"))
            return {"conversations": [self._shown(one) for one in own], "pages": {"next": None}}
        asked = int(str(query["value"]))
        begin = (asked // _DAY + 1) * _DAY
        found = self.changed_since(datetime.fromtimestamp(begin, self.clock.now().tzinfo))[::-1]
        pages = cast("Mapping[str, JsonValue]", body["pagination"])
        after = int(str(pages.get("starting_after") or 0))
        size = min(int(str(pages["per_page"])), self.page)
        goes_on = after + size < len(found)
        following: JsonValue = {"starting_after": str(after + size)} if goes_on else None
        listed = [self._shown(one) for one in found[after : after + size]]
        return {"conversations": listed, "pages": {"next": following}}

    def _talk(self, method: str, talk: Talk, rest: list[str], body: JsonObject) -> JsonValue | int:
        match (method, rest):
            case ("GET", []):
                parts = [self._part(one) for one in talk.parts[1:]][-_MOST_PARTS:]
                return {**self._shown(talk), "conversation_parts": {"conversation_parts": parts}}
            case ("POST", ["reply"]):
                public = body["message_type"] == "comment"
                self.write("sayso", str(body["body"]), talk.id, public=public)
                return {"id": str(talk.id)}
            case ("POST", ["parts"]):
                if body["message_type"] == "assignment":
                    talk.group = int(str(body["assignee_id"]))
                else:
                    talk.is_open = body["message_type"] == "open"
                return self._shown(talk)
            case _:
                return 404

    def _author(self, talk: Talk | None, part: Part) -> JsonObject:
        match part.who:
            case "customer":
                return {"type": "user", "id": "c"}
            case "bot":
                # In the name of the very teammate in whose name we write.
                return {"type": "admin", "id": str(self.me), "from_ai_agent": True}
            case "sayso":
                return {"type": "admin", "id": str(self.me), "from_ai_agent": False}
            case "colleague":
                return {"type": "admin", "id": "7", "from_ai_agent": False}

    def _part(self, part: Part) -> JsonObject:
        return {
            "id": str(part.id),
            "part_type": "comment" if part.public else "note",
            "body": part.text,
            "created_at": epoch(part.at),
            "author": self._author(None, part),
            "app_package_code": "sayso" if part.who == "sayso" else None,
            "attachments": [],
        }

    def _shown(self, talk: Talk) -> JsonObject:
        first = talk.parts[0]
        known = self.subject(talk.id)
        return {
            "id": str(talk.id),
            "title": "My mug",
            "state": "open" if talk.is_open else "closed",
            "created_at": epoch(talk.begun),
            "updated_at": epoch(talk.changed),
            "admin_assignee_id": talk.assignee,
            "team_assignee_id": talk.group,
            "contacts": {"contacts": [{"id": f"c{known}", "external_id": known}]},
            "source": {
                "type": self.came_by,
                "id": str(first.id),
                "body": first.text,
                "author": self._author(talk, first),
                "attachments": [],
            },
            "tags": {"tags": []},
        }

    def bell(self, talk: int) -> tuple[dict[str, str], bytes]:
        """See `HelpDesk.bell`: HMAC-SHA1 of the body."""
        told = {"topic": "conversation.user.replied", "data": {"item": {"id": str(talk)}}}
        body = json.dumps(told).encode()
        return self.sign(body), body

    def sign(self, body: bytes) -> dict[str, str]:
        """The header of a webhook with that body."""
        signed = hmac.new(b"ring", body, hashlib.sha1).hexdigest()
        return {"x-hub-signature": f"sha1={signed}"}

    def thread(self, talk: int) -> str:
        """See `HelpDesk.thread`."""
        return str(talk)

    def subject(self, talk: int) -> str:
        """See `HelpDesk.subject`: the contact's external id."""
        return f"u{self.talks[talk].customer}"

    @property
    def hand_over(self) -> JsonObject:
        """See `HelpDesk.hand_over`."""
        return {"teammate": "77"}
