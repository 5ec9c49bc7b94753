"""What runs in the children of `test_faults.py`, which die or stand still on the way."""

from __future__ import annotations

from pathlib import Path

from actions.fault_life import GUARANTEES, SMALL, VERIFIABLE, Bot, open_bot
from support.faults.points import Points
from support.faults.stores import TappedStore
from support.http_shop import HttpShop
from support.shop_workspace import make_shop_workspace

from sayso.sdk.wiring.database import open_store
from sayso.testing.clock import FileClock


async def live_by_statements(points: Points, folder: str, url: str) -> None:
    """A whole life that passes each statement of its store."""
    place = Path(folder)
    workspace = make_shop_workspace(place)
    store = TappedStore(open_store(workspace), points)
    clock = FileClock(place / "clock")
    async with open_bot(workspace, HttpShop(url, VERIFIABLE), clock, store=store) as bot:
        await bot.live()


async def ask_for_small(points: Points, folder: str, url: str, kind: str = "verifiable") -> str:
    """One allowed refund, past the engine's boundaries; the status that its caller is told."""
    place = Path(folder)
    clock = FileClock(place / "clock")
    workspace = make_shop_workspace(place)
    shop = HttpShop(url, GUARANTEES[kind])
    async with open_bot(workspace, shop, clock, passing=points) as bot:
        return await _ask(bot)


async def _ask(bot: Bot) -> str:
    view = await bot.ask_for("small", SMALL)
    return "" if view is None else view.status
