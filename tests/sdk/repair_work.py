"""What a process of its own does that is killed in the middle of a repair."""

from __future__ import annotations

from pathlib import Path

from support.faults.points import Points
from support.faults.stores import TappedStore
from support.shop import Shop
from support.shop_workspace import STORE_URLS, make_shop_workspace

from sayso.sdk.client import Sayso
from sayso.sdk.wiring.database import open_store
from sayso.testing.clock import FakeClock


async def say_yes(passing: Points, folder: str, url: str, token: str) -> str:
    """Say yes to whatever would be written."""
    STORE_URLS.append(url)
    workspace = make_shop_workspace(Path(folder))
    store = TappedStore(open_store(workspace), passing)
    clock = FakeClock()  # as the test's, by which tokens were made
    async with Sayso(
        workspace, mode="decide", connectors=[Shop()], store=store, clock=clock
    ) as sayso:
        return (await sayso.repairs.repair(token=token)).status
