"""One message: what a receiver gets, signed, and how it was taken.

Source: Standard Webhooks 1.0 (standardwebhooks.com): the three headers, `id.timestamp.body`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson

from sayso.ids import Tenant
from sayso.json import JsonObject
from sayso.sdk.views.rows import EventView
from sayso.secret import Secret
from sayso.settings import WebhooksSection

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 15.0
"""SOURCE: Standard Webhooks: a receiver has 15 to 30 seconds."""
_MOST_READ = 64 * 1024
_GONE = 410
_LONGEST_RETRY_AFTER_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookMessage:
    """A message before it is signed.

    Attributes:
        id: the same each time it is sent, so that a receiver knows it again.
        body: JSON.
    """

    id: str
    body: bytes

    def headers(self, secrets: Sequence[Secret], now: datetime) -> dict[str, str]:
        """The headers of a call made now, with one signature for each secret."""
        from standardwebhooks import Webhook  # only who sends pays for it

        said = self.body.decode()
        signatures = [Webhook(one.reveal()).sign(self.id, now, said) for one in secrets]
        return {
            "webhook-id": self.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
            "content-type": "application/json",
            "user-agent": "Sayso-Webhooks",
        }


def message_of(event: EventView, origin: str) -> WebhookMessage:
    """The message that tells of a change.

    Args:
        origin: of the tenant's log.
    """
    body: JsonObject = {
        "type": event.kind,
        "timestamp": event.at,
        "data": event.model_dump(mode="json"),
    }
    # SOURCE: Standard Webhooks: an id holds no dot, since dots part what is signed.
    named = hashlib.sha256(f"{origin}\n{event.seq}".encode()).hexdigest()[:32]
    return WebhookMessage(id=f"evt_{named}", body=orjson.dumps(body))


def test_message(webhook_id: str, tenant: Tenant, message_id: str, at: str) -> WebhookMessage:
    """The message that tries whether an endpoint takes what is sent to it."""
    body: JsonObject = {
        "type": "webhook.test",
        "timestamp": at,
        "data": {"webhook_id": webhook_id, "tenant": tenant},
    }
    return WebhookMessage(id=message_id, body=orjson.dumps(body))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryResult:
    """How a receiver took a message.

    Attributes:
        status: its answer's; None when there was none.
        problem: why it does not count as taken, such as `status 500` or `no connection`; None when
            it does.
        retry_after_s: how long it asks to be left alone.
    """

    status: int | None
    problem: str | None
    retry_after_s: float = 0.0

    @property
    def is_gone(self) -> bool:
        """Whether the receiver says that it wants no more. Source: Standard Webhooks, 410."""
        return self.status == _GONE


def client_for(url: str, section: WebhooksSection) -> httpx.AsyncClient:
    """A client that connects to the host of this address alone, and only to judged addresses."""
    import httpx  # 140 ms, which only a process that sends pays for

    from sayso.network import LOOPBACK, Destination, guarded_transport  # 10 ms, likewise

    parts = urlsplit(url)
    host = parts.hostname or ""
    destination = Destination(
        hosts=frozenset({host}),
        ports=frozenset({parts.port or (80 if parts.scheme == "http" else 443)}),
        private=tuple(map(str, section.private)),
        loopback=section.local and host in LOOPBACK,
    )
    return httpx.AsyncClient(
        transport=guarded_transport(destination), trust_env=False, timeout=TIMEOUT_S
    )


async def send(
    client: httpx.AsyncClient,
    url: str,
    message: WebhookMessage,
    headers: dict[str, str],
    timeout_s: float = TIMEOUT_S,
) -> DeliveryResult:
    """Send a message once. Only a 2xx is taken; a redirect is not followed."""
    import httpx
    from ssrfguard import SSRFGuardError

    try:
        async with (
            asyncio.timeout(timeout_s),
            client.stream("POST", url, content=message.body, headers=headers) as answer,
        ):
            await _read_some(answer)
    except SSRFGuardError:
        return DeliveryResult(status=None, problem="address not allowed")
    except (TimeoutError, httpx.TimeoutException):
        return DeliveryResult(status=None, problem="no answer in time")
    except httpx.ConnectError:
        return DeliveryResult(status=None, problem="no connection")
    except (httpx.HTTPError, httpx.InvalidURL):
        return DeliveryResult(status=None, problem="broken answer")
    if answer.is_success:
        return DeliveryResult(status=answer.status_code, problem=None)
    return DeliveryResult(
        status=answer.status_code,
        problem=f"status {answer.status_code}",
        retry_after_s=_retry_after(answer.headers.get("retry-after", "")),
    )


async def _read_some(answer: httpx.Response) -> None:
    """Read a short answer to its end, so that the connection can be used again; nothing is kept."""
    read = 0
    async for part in answer.aiter_raw():
        read += len(part)
        if read > _MOST_READ:
            return


def _retry_after(said: str) -> float:
    # A date is left to our own pauses.
    return min(float(said), _LONGEST_RETRY_AFTER_S) if said.isdecimal() and len(said) < 9 else 0.0
