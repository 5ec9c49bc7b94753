"""Zendesk Support as its published description has it: tickets, comments, audits, the export.

A double, in background threads of this process: it keeps its own books, drops, doubles and delays
its webhooks as it is told, and lists in its export what has changed. What only it has seen is
not checked against a live account.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.http_double import Asked, HttpDouble

ME = 900
"""The user whose token Sayso has."""
AGENT = 901
_PAGE = 100


@dataclass(slots=True)
class Comment:
    """What stands in a ticket."""

    id: int
    author: int
    body: str
    public: bool
    at: datetime
    channel: str
    reference: str = ""


@dataclass(slots=True)
class ZendeskTicket:
    """A ticket."""

    id: int
    requester: int
    status: str = "new"
    assignee: int | None = None
    group: int | None = None
    stamp: int = 0
    at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    comments: list[Comment] = field(default_factory=list[Comment])

    def told(self) -> list[str]:
        """What the customer was told by Sayso, in order."""
        return [one.body for one in self.comments if one.author == ME and one.public]


@dataclass(slots=True, kw_only=True)
class Bell:
    """How the webhooks go out. `url`: empty for none; the others are how often, 0 to 1."""

    url: str = ""
    secret: str = ""
    dropped: float = 0.0
    doubled: float = 0.0


class Zendesk(HttpDouble):
    """The provider.

    Args:
        now: the time by its clock.

    Attributes:
        tickets: its books. asked: how many requests came in. judge: called with each public answer
            of Sayso's at the moment at which it is stored.
    """

    def __init__(self, now: Callable[[], datetime], *, seed: int = 1) -> None:
        super().__init__()
        self.now = now
        self.tickets: dict[int, ZendeskTicket] = {}
        self.order: list[int] = []
        self.bell = Bell()
        self.judge: Callable[[ZendeskTicket, str, str], None] | None = None
        self.faults: list[str] = []
        self.asked = 0
        self._random = Random(seed)
        self._lock = threading.RLock()
        self._next = 1

    # ---- what people do there ------------------------------------------------------------------

    def write(
        self, ticket_id: int, body: str, *, author: int, public: bool = True, channel: str = "web"
    ) -> Comment:
        """Somebody writes; a new ticket is made of a customer's first words."""
        with self._lock:
            ticket = self.tickets.get(ticket_id)
            if ticket is None:
                ticket = self.tickets[ticket_id] = ZendeskTicket(ticket_id, author)
            comment = self._comment(ticket, author, body, public, channel)
            if ticket.status == "solved" and author == ticket.requester:
                ticket.status = "open"
        self._ring(ticket, comment)
        return comment

    def change(self, ticket_id: int, **fields: Any) -> None:
        """An agent takes, assigns or closes a ticket."""
        with self._lock:
            ticket = self.tickets[ticket_id]
            for name, value in fields.items():
                setattr(ticket, name, value)
            self._touch(ticket)

    def _comment(
        self,
        ticket: ZendeskTicket,
        author: int,
        body: str,
        public: bool,
        channel: str,
        reference: str = "",
    ) -> Comment:
        comment = Comment(self._next, author, body, public, self.now(), channel, reference)
        self._next += 1
        ticket.comments.append(comment)
        self._touch(ticket)
        return comment

    def _touch(self, ticket: ZendeskTicket) -> None:
        ticket.stamp += 1
        ticket.at = self.now()
        self.order.append(ticket.id)

    def _ring(self, ticket: ZendeskTicket, comment: Comment) -> None:
        if not self.bell.url:
            return
        with self._lock:
            dropped, doubled = self._random.random(), self._random.random()
        if dropped < self.bell.dropped:
            return
        body = json.dumps(
            {
                "id": f"evt_{comment.id}",
                "type": "zen:event-type:ticket.comment_added",
                "detail": {"id": ticket.id, "requester_id": ticket.requester},
                "event": {
                    "comment": {
                        "body": comment.body,
                        "is_public": comment.public,
                        "author": {"is_staff": comment.author in (ME, AGENT)},
                    }
                },
            }
        ).encode()
        for _ in range(2 if doubled < self.bell.doubled else 1):
            threading.Thread(target=self._post, args=(body,), daemon=True).start()

    def _post(self, body: bytes) -> None:
        at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        signed = hmac.new(self.bell.secret.encode(), at.encode() + body, hashlib.sha256).digest()
        request = urllib.request.Request(
            self.bell.url,
            data=body,
            headers={
                "Content-Type": "application/json",
                "X-Zendesk-Webhook-Signature": base64.b64encode(signed).decode(),
                "X-Zendesk-Webhook-Signature-Timestamp": at,
            },
        )
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except (urllib.error.URLError, OSError):
            return  # most help desks never ring again

    # ---- its API -------------------------------------------------------------------------------

    def reply(self, asked: Asked) -> tuple[int, Any]:
        """What it answers to a request."""
        method, parts = asked.method, urlsplit(asked.target)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        steps = [one.removesuffix(".json") for one in parts.path.strip("/").split("/")]
        if steps == ["oauth", "tokens"]:
            return 200, {"access_token": "t", "token_type": "bearer", "expires_in": 3600}
        with self._lock:
            self.asked += 1
            match (method, steps[2:]):
                case ("GET", ["account", "settings"]):
                    return 200, {"settings": {"brands": {"default_brand_id": 47}}}
                case ("GET", ["users", "me"]):
                    return 200, {"user": _user(ME)}
                case ("GET", ["users", user]):
                    return 200, {"user": _user(int(user)), "identities": []}
                case ("GET", ["users", _, "tickets", "requested"]):
                    return 200, {"tickets": [], "meta": {"has_more": False}, "links": {}}
                case ("GET", ["incremental", "tickets", "cursor"]):
                    return 200, self._export(query)
                case (_, ["tickets", ticket_id, *rest]):
                    ticket = self.tickets.get(int(ticket_id))
                    if ticket is None:
                        return 404, {"error": "RecordNotFound", "description": "Not found"}
                    if method == "PUT":
                        return self._update(ticket, json.loads(asked.raw)["ticket"])
                    return 200, self._about(ticket, rest)
                case _:
                    return 404, {"error": "InvalidEndpoint"}

    def _about(self, ticket: ZendeskTicket, rest: Sequence[str]) -> Any:
        end = {"meta": {"has_more": False}, "links": {"next": None}}
        if list(rest) == ["comments"]:
            users = sorted({one.author for one in ticket.comments})
            return {
                "comments": [_comment_json(one) for one in ticket.comments],
                "users": [_user(one) for one in users],
                **end,
            }
        if list(rest) == ["audits"]:
            return {"audits": [_audit_json(one) for one in ticket.comments], **end}
        return {"ticket": _ticket_json(ticket)}

    def _export(self, query: Mapping[str, str]) -> Any:
        if "cursor" in query:
            begin = int(query["cursor"])
        else:
            since = int(query["start_time"])
            begin = next(
                (
                    at
                    for at, one in enumerate(self.order)
                    if self.tickets[one].at.timestamp() >= since
                ),
                len(self.order),
            )
        page = self.order[begin : begin + _PAGE]
        end = begin + len(page)
        return {
            "tickets": [_ticket_json(self.tickets[one]) for one in dict.fromkeys(page)],
            "after_cursor": str(end),
            "after_url": f"{self.url}/api/v2/incremental/tickets/cursor.json?cursor={end}",
            "end_of_stream": end >= len(self.order),
        }

    def _update(self, ticket: ZendeskTicket, asked: Mapping[str, Any]) -> tuple[int, Any]:
        if ticket.status == "closed":
            return 422, {"error": "RecordInvalid", "description": "Status: closed"}
        if asked.get("safe_update") and asked.get("updated_stamp") != _stamp(ticket):
            return 409, {"error": "UpdateConflict", "description": "Safe Update prevented it"}
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "busy":
            return 429, {"error": "TooManyRequests"}
        comment = asked.get("comment")
        metadata: Mapping[str, Any] = asked.get("metadata") or {}
        reference = str(metadata.get("sayso", ""))
        made = Comment(self._next, ME, "", False, self.now(), "api", reference)
        if comment is not None:
            public = bool(comment.get("public", True))
            if public and self.judge is not None:
                self.judge(ticket, comment["body"], reference)
            made = self._comment(ticket, ME, comment["body"], public, "api", reference)
        ticket.group = asked.get("group_id", ticket.group)
        ticket.status = asked.get("status", "open" if ticket.status == "new" else ticket.status)
        self._touch(ticket)
        return 200, {"ticket": _ticket_json(ticket), "audit": _audit_json(made)}


def _user(user_id: int) -> dict[str, Any]:
    role = "agent" if user_id in (ME, AGENT) else "end-user"
    return {
        "id": user_id,
        "role": role,
        "name": f"user {user_id}",
        "email": f"u{user_id}@shop.example",
    }


def _stamp(ticket: ZendeskTicket) -> str:
    # The real one is a time to the second; with the number, two within one differ as well.
    return f"{ticket.at.strftime('%Y-%m-%dT%H:%M:%S')}.{ticket.stamp:06d}Z"


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _ticket_json(ticket: ZendeskTicket) -> dict[str, Any]:
    return {
        "id": ticket.id,
        "subject": f"ticket {ticket.id}",
        "requester_id": ticket.requester,
        "assignee_id": ticket.assignee,
        "group_id": ticket.group,
        "status": ticket.status,
        "via": {"channel": "web"},
        "created_at": "2026-11-20T10:00:00Z",
        "updated_at": _stamp(ticket),
        "generated_timestamp": int(ticket.at.timestamp()),
        "email_cc_ids": [],
    }


def _comment_json(comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.id,
        "author_id": comment.author,
        "body": comment.body,
        "plain_body": comment.body,
        "html_body": f"<p>{comment.body}</p>",
        "public": comment.public,
        "created_at": _iso(comment.at),
        "via": {"channel": comment.channel},
        "attachments": [],
    }


def _audit_json(comment: Comment) -> dict[str, Any]:
    return {"id": 10_000_000 + comment.id, "metadata": {"custom": {"sayso": comment.reference}}}
