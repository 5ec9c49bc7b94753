"""One policy-allowed action in Sayso, with everything on: policy, audit, tree, signature."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from support.shop import Shop

from bench.place import make_workspace
from bench.stopwatch import Taken
from sayso.actions.model.definition import Action, Args, Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt, Record, Resolved
from sayso.money import Money
from sayso.sdk.client import Sayso

POLICY = """
@id("small") @explain("A refund of up to 50, with few refunds lately")
permit (principal, action == Action::"shop.refund", resource)
when {
  ["USD", "EUR", "GBP"].contains(context.currency) &&
  context.amount.lessThanOrEqual(decimal("50.00")) &&
  context.count30d < 3 &&
  context.amount30d.lessThan(decimal("100.00"))
};

@id("manager") @explain("A refund of up to 500 once a support manager has approved")
permit (principal, action == Action::"shop.refund", resource)
when {
  ["USD", "EUR", "GBP"].contains(context.currency) &&
  context.amount.lessThanOrEqual(decimal("500.00")) &&
  context.approvedBy.contains("support_manager")
};

@id("two") @explain("Any refund once two people have approved, one of them from finance")
permit (principal, action == Action::"shop.refund", resource)
when { context.approvals >= 2 && context.approvedBy.contains("finance") };
"""


class TimedShop:
    """The in-memory shop, with the time spent in it kept apart."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.spent_s = 0.0
        self.actions = shop.actions
        self.version = shop.version
        self.name = shop.name

    @contextmanager
    def _timed(self) -> Generator[None]:
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.spent_s += time.perf_counter() - begin

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        with self._timed():
            return await self._shop.resolve(action, args, subject)

    async def call(self, call: Call) -> Receipt:
        with self._timed():
            return await self._shop.call(call)

    async def look_up(self, call: Call) -> Receipt | Absence:
        return await self._shop.look_up(call)

    async def list_records(self, subject: Subject) -> list[Record]:
        return list(await self._shop.list_records(subject))

    async def close(self) -> None:
        await self._shop.close()


async def measure(folder: Path, actions: int, at_once: int) -> Taken:
    """Propose the actions, each for its own customer; what the shop takes is not counted."""
    shop = Shop()
    for number in range(-at_once, actions):
        shop.books.add(f"o{number}", f"cus_{number}", Money(10_000, "USD"))
    timed = TimedShop(shop)
    (folder / "policy").mkdir(parents=True)
    (folder / "policy" / "shop.cedar").write_text(POLICY, encoding="utf-8")
    workspace = make_workspace(folder, policy={"files": ["policy/*.cedar"]})
    taken = Taken()
    async with Sayso(workspace, connectors=[timed]) as sayso:

        async def worker(numbers: Iterator[int]) -> None:
            for number in numbers:
                spent, begin = timed.spent_s, time.perf_counter()
                await _refund(sayso, number)
                took_s = time.perf_counter() - begin
                # Only with one at a time are the shop's seconds surely those of this action.
                shops_s = timed.spent_s - spent if at_once == 1 else 0.0
                taken.each_s.append(took_s - shops_s)

        async def run(first: int, end: int) -> None:
            numbers = iter(range(first, end))
            await asyncio.gather(*(worker(numbers) for _ in range(at_once)))

        await run(-at_once, 0)
        spent = timed.spent_s
        with taken.timed():
            await run(0, actions)
        taken.all_s -= timed.spent_s - spent
    assert len(shop.books.payouts) == actions + at_once
    return taken


async def _refund(sayso: Sayso, number: int) -> None:
    view = await sayso.propose(
        "shop.refund",
        {"order": f"o{number}", "amount": {"amount_minor": 2000, "currency": "USD"}},
        subject=f"cus_{number}",
        reason="it arrived broken",
    )
    assert view.status == "succeeded", view
