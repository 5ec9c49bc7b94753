"""What an action costs the database, counted in SQLite's own steps, whatever the machine does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from support.shop import Shop
from support.shop_workspace import make_shop_workspace

from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.store.base import Transaction
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import FakeClock

T = TypeVar("T")
FEW, MANY = 10, 120


class PatientStore(SqliteStore):
    """A store that takes no unit for a brief one: it would count their steps itself."""

    async def write(
        self,
        work: Callable[[Transaction], T],
        *,
        tenant: str | None = None,
        about: str | None = None,
        brief: bool = False,
    ) -> T:
        """Hand it on as one that takes its time."""
        return await super().write(work, tenant=tenant, about=about)


class Steps:
    """Counts the steps of SQLite's virtual machine on the writing connection, in tens."""

    def __init__(self) -> None:
        self.tens = 0

    def watch(self, connection: sqlite3.Connection) -> None:
        """Begin to count."""
        connection.set_progress_handler(self._passed, 10)

    def _passed(self) -> int:
        self.tens += 1
        return 0


async def test_an_action_costs_the_same_among_few_and_among_many(tmp_path: Path) -> None:
    """No statement of it walks through the rows of the others."""
    steps, shop = Steps(), Shop()
    workspace = make_shop_workspace(tmp_path)
    store = PatientStore(workspace.store_path, prepare=steps.watch)
    async with Sayso(
        workspace, mode="decide", connectors=[shop], clock=FakeClock(), store=store
    ) as sayso:

        async def cost(number: int) -> int:
            shop.books.add(f"o{number}", f"cus_{number}", Money(10_000, "USD"))
            before = steps.tens
            view = await sayso.propose(
                "shop.refund",
                {"order": f"o{number}", "amount": Money(1_000, "USD").to_json()},
                subject=f"cus_{number}",
            )
            assert view.status == "succeeded"
            return steps.tens - before

        costs = [await cost(number) for number in range(MANY)]
    await store.close()
    assert min(costs) > 0
    assert max(costs[FEW:]) < 1.5 * max(costs[2:FEW]), costs
