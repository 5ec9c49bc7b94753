"""Jira Service Management: JQL in whole minutes of the user's own time zone, `public` comments.

SOURCE: the published descriptions of the platform (v3) and of Service Management; what of it was
remembered alone stands in docs/reference/desks.md. Nobody has compared this with a live account.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import ClassVar, cast

from connectors.desks.books import HelpDesk, Part, Talk

from sayso.json import JsonObject, JsonValue

_BEHIND_UTC_H = 5
"""The user's time zone is New York's in winter."""


class Jira(HelpDesk):
    """One site."""

    name = "jira"
    settings: ClassVar[Mapping[str, str]] = {"site": "acme", "user": "support@shop.example"}

    def answer(
        self, method: str, path: tuple[str, ...], query: Mapping[str, str], body: JsonObject
    ) -> JsonValue | int:
        """See `HelpDesk.answer`."""
        match (method, *path[1:]):
            case ("GET", "api", "3", "serverInfo"):
                return {"serverTitle": "ACME"}
            case ("GET", "api", "3", "myself"):
                return {"accountId": str(self.me)}
            case ("POST", "api", "3", "search"):
                found = re.search(r'reporter = "([^"]*)"', str(body["jql"]))
                return {"issues": [self._shown(one) for one in self.of(found[1] if found else "")]}
            case ("POST", "api", "3", "search", "jql"):
                return self._search(body)
            case (_, "api", "3", "issue", key, *rest):
                talk = self.talks.get(_number(key))
                return 404 if talk is None else self._issue(method, talk, rest, body)
            case ("GET", "servicedeskapi", "request", key, *rest):
                talk = self.talks.get(_number(key))
                return 404 if talk is None else self._request(talk, rest, query)
            case _:
                return 404

    def _search(self, body: JsonObject) -> JsonValue | int:
        found = re.fullmatch(r'updated >= "(.{16})" ORDER BY updated ASC', str(body["jql"]))
        if found is None:
            return 400
        local = datetime.strptime(found[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
        listed = self.changed_since(local + timedelta(hours=_BEHIND_UTC_H))
        begin = int(str(body.get("nextPageToken") or 0))
        end = begin + min(int(str(body["maxResults"])), self.page)
        told: JsonObject = {
            "issues": [
                {"key": self.thread(one.id), "fields": {"updated": _stamp(one.changed)}}
                for one in listed[begin:end]
            ],
            "isLast": end >= len(listed),
        }
        return told if end >= len(listed) else {**told, "nextPageToken": str(end)}

    def _issue(self, method: str, talk: Talk, rest: list[str], body: JsonObject) -> JsonValue | int:
        match (method, rest):
            case ("GET", []):
                return self._shown(talk)
            case ("GET", ["transitions"]):
                return {"transitions": [{"id": "761", "to": {"statusCategory": {"key": "done"}}}]}
            case ("GET", ["comment"]):
                written = [one for one in talk.parts if one.marks]
                return {"comments": [one.marks for one in reversed(written)]}
            case ("POST", ["comment"]):
                return self._comment(talk, body)
            case ("POST", ["transitions"]):
                talk.is_open = False
                return {}
            case ("PUT", ["assignee"]):
                talk.group = int(str(body["accountId"]))
                return {}
            case _:
                return 404

    def _comment(self, talk: Talk, body: JsonObject) -> JsonValue:
        properties = cast("list[Mapping[str, JsonValue]]", body["properties"])
        internal = next(one["value"] for one in properties if one["key"] == "sd.public.comment")
        hidden = cast("Mapping[str, JsonValue]", internal)["internal"] is True
        document = json.loads(json.dumps(body["body"]))
        text = document["content"][0]["content"][0]["text"]
        self.write("sayso", text, talk.id, public=not hidden)
        part = talk.parts[-1]
        part.marks = {"id": str(part.id), "properties": body["properties"]}
        return part.marks

    def _request(self, talk: Talk, rest: list[str], query: Mapping[str, str]) -> JsonValue | int:
        if rest == ["comment"]:
            begin, size = int(query.get("start", "0")), int(query["limit"])
            found = [self._part(talk, one) for one in talk.parts[1:]]
            return {"values": found[begin : begin + size]}
        first = talk.parts[0]
        return {
            "issueId": str(talk.id),
            "issueKey": self.thread(talk.id),
            "reporter": {"accountId": self.subject(talk.id), "accountType": "customer"},
            "createdDate": {"iso8601": _stamp(first.at)},
            "requestFieldValues": [
                {"fieldId": "summary", "value": "My mug"},
                {"fieldId": "description", "value": first.text},
                {"fieldId": "priority", "value": {"name": "High"}},
            ],
        }

    def _part(self, talk: Talk, part: Part) -> JsonObject:
        accounts = {
            "customer": (self.subject(talk.id), "customer"),
            "colleague": ("7", "atlassian"),
            "sayso": (str(self.me), "atlassian"),
            "bot": ("8", "app"),
        }
        account, kind = accounts[part.who]
        return {
            "id": str(part.id),
            "body": part.text,
            "public": part.public,
            "author": {"accountId": account, "accountType": kind},
            "created": {"iso8601": _stamp(part.at)},
            "attachments": {"values": []},
        }

    def _shown(self, talk: Talk) -> JsonObject:
        category = "indeterminate" if talk.is_open else "done"
        owner: JsonValue = None if talk.group is None else {"accountId": str(talk.group)}
        return {
            "id": str(talk.id),
            "key": self.thread(talk.id),
            "fields": {
                "summary": "My mug",
                "status": {"id": "1", "name": category, "statusCategory": {"key": category}},
                "reporter": {"accountId": self.subject(talk.id)},
                "assignee": owner,
                "created": _stamp(talk.begun),
                "updated": _stamp(talk.changed),
            },
        }

    def bell(self, talk: int) -> tuple[dict[str, str], bytes]:
        """See `HelpDesk.bell`: HMAC-SHA256 of the body."""
        told = {"webhookEvent": "comment_created", "issue": {"key": self.thread(talk)}}
        body = json.dumps(told).encode()
        signed = hmac.new(b"ring", body, hashlib.sha256).hexdigest()
        return {"x-hub-signature": f"sha256={signed}"}, body

    def thread(self, talk: int) -> str:
        """See `HelpDesk.thread`."""
        return f"SUP-{talk}"

    def subject(self, talk: int) -> str:
        """See `HelpDesk.subject`."""
        return f"qm:{self.talks[talk].customer}"

    @property
    def hand_over(self) -> JsonObject:
        """See `HelpDesk.hand_over`."""
        return {"assignee": "77"}


def _number(key: str) -> int:
    return int(key.rpartition("-")[2])


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
