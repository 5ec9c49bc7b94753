"""Servers and workers look after a desk together: one reads it at a time, whoever it is."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sdk.desk.desks import OpenDesk, open_desk
from support.fake_desk import DeskBooks
from support.shop import Shop

from sayso.money import Money
from sayso.sdk.background.worker import work
from sayso.testing.clock import FakeClock

WAIT_S = 60.0


class Gate:
    """Holds whoever reads what has changed until it is opened, and counts them."""

    def __init__(self) -> None:
        self.inside = self.most = self.reads = 0
        self.open = asyncio.Event()
        self.came = asyncio.Event()

    async def pass_through(self) -> None:
        """Wait, beside all others who wait."""
        self.inside, self.reads = self.inside + 1, self.reads + 1
        self.most = max(self.most, self.inside)
        self.came.set()
        try:
            await self.open.wait()
        finally:
            self.inside -= 1


async def opened_twice(stack: AsyncExitStack, folder: Path) -> tuple[OpenDesk, OpenDesk, Gate]:
    """Two processes of a workspace as far as it can tell, and a gate before the desk."""
    shop, books, clock, gate = Shop(), DeskBooks(), FakeClock(), Gate()
    shop.books.add("order_1", "ana", Money(3_000, "USD"))
    first, second = [
        await stack.enter_async_context(open_desk(folder, shop=shop, books=books, clock=clock))
        for _ in range(2)
    ]
    for one in (first, second):
        one.desk.on_changes = gate.pass_through
    return first, second, gate


@pytest.mark.promise("desk:once")
async def test_one_process_reads_a_desk_at_a_time_and_another_goes_on_once_it_is_dead(
    tmp_path: Path, store_url: str
) -> None:
    """Also when it rings meanwhile: that is read afterwards. A message is answered once by all."""
    async with AsyncExitStack() as stack:
        first, second, gate = await opened_twice(stack, tmp_path)
        first.desk.write("t1", "Please refund $10.00 of order_1")
        await first.loop.desks[0].sweep_now()
        reading = asyncio.create_task(first.loop.drain())
        async with asyncio.timeout(WAIT_S):
            await gate.came.wait()
        for _ in range(3):
            await second.loop.desks[0].sweep_now()
            await second.loop.drain()
        assert (gate.reads, gate.most) == (1, 1)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await second.loop.drain()
        assert gate.reads == 1, "nobody knows yet that it is dead"
        gate.open.set()
        first.clock.advance(minutes=3)
        for _ in range(3):
            await asyncio.gather(first.settle(), second.settle())
        assert len(first.told("t1")) == 1
        assert gate.most == 1
        assert len(await first.spoken()) == 1


async def test_a_worker_looks_after_desks_as_a_server_does(tmp_path: Path) -> None:
    """Nothing else runs: it reads the desk, carries out, and answers."""
    async with open_desk(tmp_path) as opened:
        stop, ready = asyncio.Event(), asyncio.Event()
        told = asyncio.Event()
        opened.desk.on_call = lambda call: told.set()
        working = asyncio.create_task(work(opened.sayso, stop, ready=lambda _: ready.set()))
        opened.desk.write("t1", "Please refund $10.00 of order_1")
        await opened.sayso.desks.ring("desk", "t1")
        async with asyncio.timeout(WAIT_S):
            await ready.wait()
            await told.wait()
        stop.set()
        await working
        assert opened.sayso.audit.verify().exit_status == 0
