"""One push: encrypted for its browser (RFC 8291), signed by our key (RFC 8292), sent once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson
from pydantic import AnyHttpUrl

from sayso.sdk.push.browsers import Browser
from sayso.sdk.push.notices import Notice
from sayso.sdk.push.settings import PushKey
from sayso.sdk.webhooks.message import DeliveryResult, WebhookMessage, client_for, send
from sayso.settings import WebhooksSection

if TYPE_CHECKING:
    from webpush import WebPush  # type: ignore[import-untyped]

_GONE = frozenset({404, 410})
"""SOURCE: RFC 8030 §7.3: the subscription is no more."""
_MOST_BYTES = 3993
"""SOURCE: RFC 8291 §4: what fits into the 4096 bytes that each push service takes."""
_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """How a push service took it.

    Attributes:
        problem: why it was not taken; empty where it was.
        gone: the browser takes no more, ever. again: it may be taken later, after `after_s`.
        silent: no answer came at all.
    """

    problem: str = ""
    gone: bool = False
    again: bool = False
    after_s: float = 0.0
    silent: bool = False


class Encrypter:
    """Makes what goes to a push service.

    Args:
        contact: see `PushSection`.
    """

    def __init__(self, contact: str) -> None:
        self._contact = contact
        self._made: dict[str, WebPush] = {}

    def make(self, browser: Browser, key: PushKey, notice: Notice) -> tuple[bytes, dict[str, str]]:
        """The body and the headers of one push."""
        from webpush import WebPush  # only who pushes pays for it
        from webpush.types import WebPushKeys, WebPushSubscription  # type: ignore[import-untyped]

        made = self._made.get(key.named)
        if made is None:
            private, public = key.private.reveal().encode(), key.public.encode()
            made = self._made[key.named] = WebPush(private, public, subscriber=self._contact)
        said = {"title": notice.title, "body": notice.body, "tag": notice.tag, "path": notice.path}
        plain = orjson.dumps(said)
        assert len(plain) <= _MOST_BYTES, "a notice is a few words"
        # NOTE: its own `ttl` takes no 0, and stays for whoever is pushed to next.
        packed = made.get(
            plain,
            WebPushSubscription(
                endpoint=AnyHttpUrl(browser.endpoint),
                keys=WebPushKeys(p256dh=browser.p256dh, auth=browser.auth),
            ),
        )
        headers = {
            "authorization": packed.headers["authorization"],
            "content-encoding": packed.headers["content-encoding"],
            "content-type": "application/octet-stream",
            "ttl": str(notice.ttl_s),
            "topic": notice.topic,
            "urgency": "high" if notice.urgent else "normal",
        }
        return packed.encrypted, headers


async def hand_over(
    browser: Browser, body: bytes, headers: dict[str, str], section: WebhooksSection
) -> Pushed:
    """Send it once, by the guard of everything that leaves for a foreign address."""
    message = WebhookMessage(id=browser.id, body=body)
    async with client_for(browser.endpoint, section) as client:
        done = await send(client, browser.endpoint, message, headers, _TIMEOUT_S)
    return _pushed(done, urlsplit(browser.endpoint).hostname or "")


def _pushed(done: DeliveryResult, host: str) -> Pushed:
    if done.problem is None:
        return Pushed()
    problem = f"{host}: {done.problem}"
    if done.status in _GONE:
        return Pushed(problem=problem, gone=True)
    # A refusal, such as of a key that is not the browser's, is no better for being sent again.
    again = done.status is None or done.status == 429 or done.status >= 500
    again = again and done.problem != "address not allowed"
    silent = again and done.status is None
    return Pushed(problem=problem, again=again, after_s=done.retry_after_s, silent=silent)
