"""After a lost answer: what an empty look-up proves, and for how long."""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.desk import advance, assert_verified, propose, stock
from actions.slow_shop import SlowToShow
from support.house import open_shop

from sayso.actions.action import verifiable
from sayso.actions.engine import Boundary
from sayso.actions.snapshot import Call
from sayso.testing.clock import FakeClock
from sayso.testing.shop import Shop, ShopFault


class PlugPulledError(Exception):
    """Stands for the power cut at a boundary."""


@pytest.mark.promise("engine:one-effect:lost-answer")
async def test_an_empty_look_up_proves_nothing_about_the_newest_call(tmp_path: Path) -> None:
    """SE-9: the time until absence is proof counts from the last call, not from the first."""
    clock = FakeClock()
    shop = SlowToShow(verifiable(settle_after_s=60), clock, delay_s=50)
    async with open_shop(tmp_path, shop=shop, clock=clock) as house:
        stock(house)
        shop.faults += [ShopFault.LOST_BEFORE, ShopFault.LOST_AFTER]
        view = await propose(house, 2000)
        for _ in range(30):
            clock.advance(seconds=20)
            view = await advance(house, view)
        assert view.status == "succeeded"
        assert len(shop.books.payouts) == 1


@pytest.mark.promise("engine:one-effect:lost-answer")
@pytest.mark.parametrize("dies", [False, True], ids=["answer lost", "worker dies"])
async def test_the_time_until_absence_is_proof_counts_from_the_end_of_a_slow_call(
    tmp_path: Path, dies: bool
) -> None:
    """SE-9: the effect may come as late as the call ends, not only when its intent was written."""
    clock = FakeClock()
    shop = SlowToShow(verifiable(settle_after_s=60), clock, delay_s=58)
    alive = [True]

    async def take_long(call: Call) -> None:
        clock.advance(seconds=4 if dies else 59)
        shop.on_call = None

    def pull(at: Boundary) -> None:
        if dies and at is Boundary.AFTER_CALL and alive:
            alive.clear()
            raise PlugPulledError

    async with open_shop(tmp_path, shop=shop, clock=clock, passing=pull) as house:
        stock(house)
        shop.on_call = take_long
        if not dies:
            shop.faults.append(ShopFault.LOST_AFTER)
        view = await propose(house, 2000)
        for _ in range(200):
            clock.advance(seconds=1)
            view = await advance(house, view)
        assert view.status == "succeeded"
        assert len(shop.books.payouts) == 1


async def test_a_worker_that_slept_before_its_call_does_not_make_it(tmp_path: Path) -> None:
    """Its lease ended between intent and call, so another one may have made it meanwhile."""
    clock = FakeClock()
    shop = Shop(verifiable(settle_after_s=60))

    def sleep(boundary: Boundary) -> None:
        if boundary is Boundary.AFTER_INTENT:
            clock.advance(minutes=2)

    async with open_shop(tmp_path, shop=shop, clock=clock, passing=sleep) as slow:
        stock(slow)
        view = await propose(slow, 2000)
        assert view.status == "executing"
        assert shop.books.calls == []
    async with open_shop(tmp_path, shop=shop, clock=clock) as other:
        assert (await advance(other, view)).status == "succeeded"
        assert len(shop.books.payouts) == 1
        assert_verified(other)
