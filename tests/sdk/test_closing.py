"""What is under way when a workspace is closed ends before what it works with."""

from __future__ import annotations

import asyncio
from pathlib import Path

from actions.steps import propose, stock
from support.shop import Shop
from support.shop_workspace import open_shop

from sayso.actions.model.snapshot import Call


class Told(Shop):
    """A shop that says in which order it is called, done and closed."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        self.called, self.may_end = asyncio.Event(), asyncio.Event()
        self.on_call = self._take_long

    async def _take_long(self, call: Call) -> None:
        del call
        self.called.set()
        await self.may_end.wait()
        self.told.append("done")

    async def close(self) -> None:
        """Say so."""
        self.told.append("closed")


async def test_what_a_caller_gave_up_on_ends_before_its_connector_is_closed(tmp_path: Path) -> None:
    """Where no dispatcher serves, too; else it would open connections that nobody closes."""
    shop = Told()
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened)
        asking = asyncio.create_task(propose(opened, 1999))
        await shop.called.wait()
        asking.cancel()
        await asyncio.wait([asking])
        asyncio.get_running_loop().call_later(0.05, shop.may_end.set)
    assert shop.told == ["done", "closed"]
