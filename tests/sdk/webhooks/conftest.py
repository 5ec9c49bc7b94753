"""A shop and a receiver for each test."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from sdk.webhooks.webhook_shop import WebhookShop, open_webhook_shop
from support.receiver import Receiver


@pytest.fixture
async def shop(store_url: str, tmp_path: Path) -> AsyncGenerator[WebhookShop]:
    """A shop on each store."""
    async with open_webhook_shop(tmp_path / "shop") as found:
        yield found


@pytest.fixture
def receiver(shop: WebhookShop) -> Generator[Receiver]:
    """A program that takes everything."""
    with Receiver(clock=shop.opened.clock) as found:
        yield found
