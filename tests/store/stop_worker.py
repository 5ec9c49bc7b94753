"""A process that proposes refunds until its input ends: `python … FOLDER STORE_URL`.

It writes each action's id, and `held` or `done`, once it is durable. Each call of its provider is
a line of FOLDER/calls, written before anything else is done, so that effects are counted there.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from support.shop import Books, Shop
from support.shop_workspace import POLICY, STORE_URLS, open_shop

from sayso.actions.model.snapshot import Call
from sayso.ids import SystemClock
from sayso.money import Money
from sayso.sdk.client import Sayso

OFTEN = POLICY.replace("count30d < 3", "count30d < 100000")


class NotedShop(Shop):
    """A shop whose calls are noted in a file that several processes share."""

    def __init__(self, folder: Path, books: Books | None = None) -> None:
        super().__init__(books=books)
        self._calls = folder / "calls"
        self.on_call = self._note

    async def _note(self, call: Call) -> None:
        with self._calls.open("a") as file:
            file.write(f"{call.action_id}\n")


def stocked(folder: Path) -> NotedShop:
    """The shop with one order, which is the same in every process."""
    shop = NotedShop(folder)
    shop.books.add("o1", "cus_1", Money(100_000_000, "USD"))
    return shop


async def refund(sayso: Sayso, key: str) -> str:
    """Propose one refund; `held` or `done`."""
    view = await sayso.propose(
        "shop.refund",
        {"order": "o1", "amount": {"amount_minor": 100, "currency": "USD"}},
        subject="cus_1",
        idempotency_key=key,
    )
    return f"{view.id} {'done' if view.held is None else 'held'}"


async def work(folder: Path, url: str) -> None:
    """Propose for each line of the input."""
    STORE_URLS.append(url)
    loop = asyncio.get_running_loop()
    async with open_shop(
        folder, shop=stocked(folder), clock=SystemClock(), policy=OFTEN
    ) as workspace:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            told = await refund(workspace.sayso, line.strip())
            sys.stdout.write(f"{told}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), sys.argv[2]))
