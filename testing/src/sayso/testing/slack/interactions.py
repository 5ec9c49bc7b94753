"""The payloads of clicks and submissions, in Slack's shape."""

from __future__ import annotations

import hashlib
import hmac
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx
import orjson

from sayso.ids import monotonic_s
from sayso.json import JsonObject, JsonValue
from sayso.testing.slack.records import OpenView, PostedMessage

APP_ID = "A1"


def click_payload(
    message: PostedMessage,
    action_id: str,
    value: str,
    *,
    user: str,
    team: str,
    enterprise: str | None,
    trigger_id: str,
) -> JsonObject:
    """A `block_actions` payload.

    Source: Slack docs, Reference: block_actions payload.
    """
    return {
        "type": "block_actions",
        "api_app_id": APP_ID,
        "trigger_id": trigger_id,
        **_who(user, team, enterprise),
        "channel": {"id": message.channel, "name": "approvals"},
        "container": {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel,
            "is_ephemeral": False,
        },
        "message": {"ts": message.ts, "text": message.text, "user": message.user},
        "actions": [
            {
                "type": "button",
                "action_id": action_id,
                "block_id": "decide",
                "value": value,
                "action_ts": message.ts,
            }
        ],
    }


def written_payload(
    message: PostedMessage, *, team: str, subtype: str | None, is_shared: bool
) -> JsonObject:
    """An `event_callback` of a message in a thread.

    Args:
        team: of whoever has written it.

    Source: Slack docs, Events API: event_callback; message.groups.
    """
    kind: JsonObject = {} if subtype is None else {"subtype": subtype}
    return {
        "type": "event_callback",
        "token": "unused",
        "api_app_id": APP_ID,
        "team_id": "T1",
        "event_id": f"Ev{message.ts}",
        "event_time": 1790000000,
        "is_ext_shared_channel": is_shared,
        "authorizations": [{"enterprise_id": None, "team_id": "T1", "user_id": "UBOT"}],
        "event": {
            "type": "message",
            "channel": message.channel,
            "channel_type": "group",
            "user": message.user,
            "team": team,
            "text": message.text,
            "ts": message.ts,
            "event_ts": message.ts,
            "thread_ts": message.thread_ts,
            "parent_user_id": "UBOT",
            **kind,
        },
    }


def opened_payload(user: str, *, team: str, tab: str) -> JsonObject:
    """An `event_callback` of somebody who opened the app's Home.

    Source: Slack docs, Events API: app_home_opened.
    """
    return {
        "type": "event_callback",
        "token": "unused",
        "api_app_id": APP_ID,
        "team_id": team,
        "event_id": "EvHome",
        "event_time": 1790000000,
        "authorizations": [{"enterprise_id": None, "team_id": team, "user_id": "UBOT"}],
        "event": {
            "type": "app_home_opened",
            "user": user,
            "channel": f"D{user}",
            "tab": tab,
            "event_ts": f"1790000000.{next(_OPENED):06d}",
        },
    }


_OPENED = itertools.count(1)
"""So that no two are the same bytes, which a memory of replays would answer alike."""


def submission_payload(view: OpenView, values: Mapping[str, str], *, user: str) -> JsonObject:
    """A `view_submission` payload with the fields filled in; boxes not named stay as they came.

    Raises:
        LookupError: a required field is missing, or an option does not exist.

    Source: Slack docs, Reference: view_submission payload.
    """
    state: dict[str, JsonValue] = {}
    for block in _items(view.view.get("blocks")):
        if isinstance(block, Mapping) and block.get("type") == "input":
            block_id = str(block.get("block_id"))
            state[block_id] = _filled(block, values.get(block_id))
    return {
        "type": "view_submission",
        "api_app_id": APP_ID,
        **_who(user, view.team, None),
        "view": {**view.view, "id": view.id, "state": {"values": state}},
    }


def _filled(block: JsonObject, value: str | None) -> JsonObject:
    element = block.get("element")
    assert isinstance(element, Mapping)
    action_id = str(element.get("action_id"))
    if value is None and "initial_options" in element:
        ticked_before = _items(element["initial_options"])
        value = " ".join(str(box["value"]) for box in ticked_before if isinstance(box, Mapping))
    if value is None and not block.get("optional", False):
        raise LookupError(f"the field `{block.get('block_id')}` is required")
    if element.get("type") == "checkboxes":
        wanted = (value or "").split()
        ticked = [
            option
            for option in _items(element.get("options"))
            if isinstance(option, Mapping) and option.get("value") in wanted
        ]
        if len(ticked) != len(wanted):
            raise LookupError(f"there is no such box: {value}")
        return {action_id: {"type": "checkboxes", "selected_options": ticked}}
    if element.get("type") == "static_select":
        options = [
            option
            for option in _items(element.get("options"))
            if isinstance(option, Mapping) and option.get("value") == value
        ]
        if not options:
            raise LookupError(f"there is no option `{value}`")
        return {action_id: {"type": "static_select", "selected_option": options[0]}}
    return {action_id: {"type": "plain_text_input", "value": value}}


def _who(user: str, team: str, enterprise: str | None) -> dict[str, JsonValue]:
    return {
        "user": {"id": user, "username": user.lower(), "team_id": team},
        "team": {"id": team, "domain": "acme"},
        "enterprise": None if enterprise is None else {"id": enterprise, "name": "Acme Grid"},
        "is_enterprise_install": False,
    }


def _items(value: JsonValue) -> Sequence[JsonValue]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value
    return ()


PATIENCE_S = 3.0
"""SOURCE: Slack docs, Acknowledging requests: an app has three seconds. Modals: so long does a
trigger id live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionDelivery:
    """One request to the app under test, with what it answered.

    Attributes:
        body, headers: exactly as they were sent.
        status: of the answer; 0 when none came in time.
        answer: the body of the answer.
        latency_s: from the first byte sent to the last byte received.
    """

    body: bytes
    headers: Mapping[str, str]
    status: int
    answer: str
    latency_s: float

    @property
    def acknowledged(self) -> bool:
        """Whether Slack would be content."""
        return self.status == 200

    @property
    def json(self) -> JsonObject:
        """The answer as an object; empty when it has none."""
        if not self.answer.startswith("{"):
            return {}
        value: JsonValue = orjson.loads(self.answer)
        return value if isinstance(value, Mapping) else {}


def encode(payload: JsonObject) -> bytes:
    """The body of an interaction: a form with one field, as Slack sends it."""
    return urlencode({"payload": orjson.dumps(payload).decode()}).encode()


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Slack's signature of a body.

    Source: Slack docs, Verifying requests from Slack.
    """
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


async def send(
    client: httpx.AsyncClient, url: str, body: bytes, headers: Mapping[str, str], patience_s: float
) -> InteractionDelivery:
    """POST it and wait so long for an answer."""
    began = monotonic_s()
    try:
        answer = await client.post(url, content=body, headers=dict(headers), timeout=patience_s)
        status, text = answer.status_code, answer.text
    except httpx.TimeoutException:
        status, text = 0, ""
    return InteractionDelivery(
        body=body, headers=headers, status=status, answer=text, latency_s=monotonic_s() - began
    )
