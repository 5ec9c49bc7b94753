"""docs/how-to/hear-of-changes.md: its receiver takes what our sender sends."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from sdk.webhooks.webhook_shop import WebhookShop
from support.receiver import Receiver
from tree import ROOT

PAGE = (ROOT / "docs" / "how-to" / "hear-of-changes.md").read_text(encoding="utf-8")


def snippet(begins: str) -> str:
    """The Python of the page that begins so."""
    bodies: list[str] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (found,) = [body for body in bodies if body.startswith(begins)]
    return found


async def test_the_pages_receiver_takes_what_is_sent(shop: WebhookShop, receiver: Receiver) -> None:
    """Once each, verified; what somebody else wrote is refused."""
    await shop.add(receiver)
    action = await shop.propose()
    await shop.after()
    handled: list[str] = []

    async def handle(kind: str, data: dict[str, Any]) -> None:
        assert data["action_id"] == action.id
        handled.append(kind)

    names: dict[str, Any] = {"SECRET": receiver.secrets[0], "handle": handle}
    exec(snippet("from fastapi"), names)
    transport = httpx.ASGITransport(names["app"])
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        for got in (*receiver.taken, receiver.taken[0]):
            fresh = resigned(receiver.secrets[0], got.headers["webhook-id"], got.body)
            answer = await client.post("/sayso", content=got.body, headers=fresh)
            assert answer.status_code == 204
        got = receiver.taken[0]
        forged = resigned("whsec_Zm9yZ2VkZm9yZ2VkZm9yZ2VkZm9yZ2Vk", "evt_1", got.body)
        assert (await client.post("/sayso", content=got.body, headers=forged)).status_code == 400
    assert handled == receiver.types


def resigned(secret: str, message_id: str, body: bytes) -> dict[str, str]:
    """The headers of the same message, sent now: the page compares with the machine's clock."""
    from datetime import UTC, datetime

    from sayso.sdk.webhooks.message import WebhookMessage
    from sayso.secret import Secret

    message = WebhookMessage(id=message_id, body=body)
    return message.headers([Secret(secret)], datetime.now(UTC))


async def test_the_pages_loop_follows(shop: WebhookShop, receiver: Receiver) -> None:
    """As written."""
    action = await shop.propose()
    names: dict[str, Any] = {"sayso": shop.opened.sayso, "request": action}
    body = snippet("async for").replace("\n", "\n    ")
    exec(f"async def follow():\n    {body}", names)
    follow: Callable[[], Awaitable[None]] = names["follow"]
    await follow()
