"""A desk and a receiver for each test."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from sdk.webhooks.desk import Desk, open_desk
from support.receiver import Receiver


@pytest.fixture
async def desk(store_url: str, tmp_path: Path) -> AsyncGenerator[Desk]:
    """A shop on each store."""
    async with open_desk(tmp_path / "shop") as found:
        yield found


@pytest.fixture
def receiver(desk: Desk) -> Generator[Receiver]:
    """A program that takes everything."""
    with Receiver(clock=desk.opened.clock) as found:
        yield found
