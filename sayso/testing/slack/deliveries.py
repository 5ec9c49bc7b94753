"""What the fake sends to the app under test: signed as Slack signs, timed, and kept for replays."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx
import orjson

from sayso.ids import monotonic_s
from sayso.json import JsonObject, JsonValue

PATIENCE_S = 3.0
"""SOURCE: Slack docs, Acknowledging requests: an app has three seconds. Modals: so long does a
trigger id live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
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
) -> Delivery:
    """POST it and wait so long for an answer."""
    began = monotonic_s()
    try:
        answer = await client.post(url, content=body, headers=dict(headers), timeout=patience_s)
        status, text = answer.status_code, answer.text
    except httpx.TimeoutException:
        status, text = 0, ""
    return Delivery(
        body=body, headers=headers, status=status, answer=text, latency_s=monotonic_s() - began
    )
