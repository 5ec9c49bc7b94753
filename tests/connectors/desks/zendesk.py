"""Zendesk Support: an export that leaves the last minute out, `safe_update`, signed webhooks.

SOURCE: developer.zendesk.com, Support API v2; what of it was remembered alone stands in
docs/reference/desks.md. Nobody has compared this with a live account.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import ClassVar, cast

from connectors.desks.books import HelpDesk, Part, Talk, epoch, iso

from sayso.json import JsonObject, JsonValue


class Zendesk(HelpDesk):
    """One account."""

    name = "zendesk"
    settings: ClassVar[Mapping[str, str]] = {"subdomain": "acme"}

    def answer(
        self, method: str, path: tuple[str, ...], query: Mapping[str, str], body: JsonObject
    ) -> JsonValue | int:
        """See `HelpDesk.answer`."""
        match (method, *path[2:]):
            case ("GET", "account", "settings.json"):
                return {"settings": {"brands": {"default_brand_id": 1}}}
            case ("GET", "users", "me.json"):
                return {"user": {"id": self.me, "role": "agent"}}
            case ("GET", "users", known, "tickets", "requested.json"):
                own = [self._shown(one) for one in self.of(known)]
                return {"tickets": own, "meta": {"has_more": False}}
            case ("GET", "incremental", "tickets", "cursor.json"):
                return self._export(query)
            case ("GET", "tickets", number, "comments.json"):
                return self._comments(self.talks[int(number)])
            case ("GET", "tickets", number, "audits.json"):
                written = [one.marks for one in self.talks[int(number)].parts if one.marks]
                return {"audits": written, "meta": {"has_more": False}}
            case ("GET", "tickets", number):
                talk = self.talks.get(int(number.removesuffix(".json")))
                return 404 if talk is None else {"ticket": self._shown(talk)}
            case ("PUT", "tickets", number):
                return self._update(self.talks[int(number.removesuffix(".json"))], body)
            case _:
                return 404

    def _export(self, query: Mapping[str, str]) -> JsonValue | int:
        begin = int(query.get("cursor") or 0)
        until = self.clock.now() - timedelta(minutes=1)
        since = datetime.fromtimestamp(int(query["start_time"]), UTC)
        if since > until:
            return 400
        found = [one for one in self.changed_since(since) if one.changed <= until]
        end = begin + self.page
        following = f"https://acme.zendesk.com/api/v2/incremental/tickets/cursor.json?cursor={end}"
        return {
            "tickets": [
                {**self._shown(one), "generated_timestamp": epoch(one.changed)}
                for one in found[begin:end]
            ],
            "after_url": f"{following}&start_time={query['start_time']}",
            "end_of_stream": end >= len(found),
        }

    def _comments(self, talk: Talk) -> JsonValue:
        people = [(talk.customer, "end-user"), (7, "agent"), (self.me, "admin")]
        return {
            "comments": [self._part(talk, one) for one in reversed(talk.parts)][:100],
            "users": [{"id": one, "role": role} for one, role in people],
        }

    def _part(self, talk: Talk, part: Part) -> JsonObject:
        by = {"customer": talk.customer, "colleague": 7, "sayso": self.me, "bot": -1}[part.who]
        ways = {"customer": "email", "colleague": "web", "sayso": "api", "bot": "rule"}
        return {
            "id": part.id,
            "author_id": by,
            "plain_body": part.text,
            "public": part.public,
            "via": {"channel": ways[part.who]},
            "created_at": iso(part.at),
            "attachments": [],
        }

    def _update(self, talk: Talk, body: JsonObject) -> JsonValue | int:
        ticket = cast("Mapping[str, JsonValue]", body["ticket"])
        if ticket["updated_stamp"] != iso(talk.changed):
            return 409
        said = ticket.get("comment")
        if isinstance(said, Mapping):
            self.write("sayso", str(said["body"]), talk.id, public=said["public"] is True)
        else:
            self.clock.advance(seconds=1)
            talk.changed = self.clock.now()
        if ticket.get("status") is not None:
            talk.is_open = ticket["status"] != "solved"
        group = ticket.get("group_id")
        talk.group = group if isinstance(group, int) else talk.group
        audit: JsonObject = {"id": self._number(), "metadata": {"custom": ticket["metadata"]}}
        talk.parts[-1].marks = audit
        return {"ticket": self._shown(talk), "audit": audit}

    def _shown(self, talk: Talk) -> JsonObject:
        return {
            "id": talk.id,
            "subject": "My mug",
            "requester_id": talk.customer,
            "status": "open" if talk.is_open else "closed",
            "assignee_id": talk.assignee,
            "group_id": talk.group,
            "email_cc_ids": [],
            "via": {"channel": "email"},
            "created_at": iso(talk.begun),
            "updated_at": iso(talk.changed),
        }

    def bell(self, talk: int) -> tuple[dict[str, str], bytes]:
        """See `HelpDesk.bell`: HMAC-SHA256 of time and body."""
        told = {"type": "zen:event-type:ticket.comment_added", "detail": {"id": str(talk)}}
        body, at = json.dumps(told).encode(), iso(self.clock.now())
        signed = hmac.new(b"ring", at.encode() + body, hashlib.sha256).digest()
        return {
            "x-zendesk-webhook-signature": base64.b64encode(signed).decode(),
            "x-zendesk-webhook-signature-timestamp": at,
        }, body

    def thread(self, talk: int) -> str:
        """See `HelpDesk.thread`."""
        return str(talk)

    def subject(self, talk: int) -> str:
        """See `HelpDesk.subject`."""
        return str(self.talks[talk].customer)

    @property
    def hand_over(self) -> JsonObject:
        """See `HelpDesk.hand_over`."""
        return {"group": 77, "text": "Please look."}
