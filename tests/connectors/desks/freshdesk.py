"""Freshdesk, by its API v2: unsigned webhooks, lists by 300 pages at most, no keys.

SOURCE: developers.freshdesk.com/api; what of it was remembered alone stands in
docs/reference/desks.md. Nobody has compared this with a live account.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from connectors.desks.books import HelpDesk, Part, Talk, iso

from sayso.json import JsonObject, JsonValue

_STATUS = {True: 2, False: 5}


class Freshdesk(HelpDesk):
    """One account."""

    name = "freshdesk"
    settings: ClassVar[Mapping[str, str]] = {"domain": "acme"}

    def answer(
        self, method: str, path: tuple[str, ...], query: Mapping[str, str], body: JsonObject
    ) -> JsonValue | int:
        """See `HelpDesk.answer`."""
        match (method, *path[2:]):
            case ("GET", "agents", "me"):
                return {"id": self.me, "contact": {"name": "Sayso"}}
            case ("GET", "tickets"):
                return self._listed(query)
            case (_, "tickets", number, *rest):
                talk = self.talks.get(int(number))
                return 404 if talk is None else self._ticket(method, talk, rest, query, body)
            case _:
                return 404

    def _listed(self, query: Mapping[str, str]) -> JsonValue | int:
        if "requester_id" in query:
            return [_shown(one) for one in self.of(query["requester_id"])]
        page = int(query.get("page", "1"))
        if page > 300 or query.get("order_type") != "asc":
            return 400
        since = datetime.fromisoformat(query["updated_since"])
        found = [_shown(one) for one in self.changed_since(since)]
        size = int(query["per_page"])
        return found[(page - 1) * size : page * size]

    def _ticket(
        self,
        method: str,
        talk: Talk,
        rest: list[str],
        query: Mapping[str, str],
        body: JsonObject,
    ) -> JsonValue | int:
        match (method, rest):
            case ("GET", []):
                return _shown(talk)
            case ("GET", ["conversations"]):
                size, page = int(query["per_page"]), int(query.get("page", "1"))
                found = [self._part(one) for one in talk.parts[1:]]
                return found[(page - 1) * size : page * size]
            case ("POST", ["reply" | "notes" as kind]):
                self.write("sayso", str(body["body"]), talk.id, public=kind == "reply")
                return {"id": talk.parts[-1].id}
            case ("PUT", []):
                status, group = body.get("status"), body.get("group_id")
                talk.is_open = talk.is_open if status is None else status == 2
                talk.group = group if isinstance(group, int) else talk.group
                return _shown(talk)
            case _:
                return 404

    def _part(self, part: Part) -> JsonObject:
        by = {"customer": 0, "colleague": 7, "sayso": self.me, "bot": 8}[part.who]
        return {
            "id": part.id,
            "body_text": part.text,
            "incoming": part.who == "customer",
            "private": not part.public,
            "user_id": by,
            "source": 8 if part.who == "bot" else 0,
            "created_at": iso(part.at),
            "attachments": [],
        }

    def bell(self, talk: int) -> tuple[dict[str, str], bytes]:
        """See `HelpDesk.bell`: the rule's own header, and a body of our own."""
        return {"x-sayso-secret": "ring"}, json.dumps({"ticket_id": talk}).encode()

    def thread(self, talk: int) -> str:
        """See `HelpDesk.thread`."""
        return str(talk)

    def subject(self, talk: int) -> str:
        """See `HelpDesk.subject`."""
        return str(self.talks[talk].customer)

    @property
    def hand_over(self) -> JsonObject:
        """See `HelpDesk.hand_over`."""
        return {"group": 77}


def _shown(talk: Talk) -> JsonObject:
    return {
        "id": talk.id,
        "subject": "My mug",
        "requester_id": talk.customer,
        "description_text": talk.parts[0].text,
        "status": _STATUS[talk.is_open],
        "source": 1,
        "responder_id": talk.assignee,
        "group_id": talk.group,
        "cc_emails": [],
        "attachments": [],
        "created_at": iso(talk.begun),
        "updated_at": iso(talk.changed),
    }
