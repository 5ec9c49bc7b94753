"""A customer who was told something that is not so any more is told anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.steps import assert_verified, bodies
from agent.test_lowered import ask, told
from agent.test_run import Scripted, plan, refund
from support.shop import Shop
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.model.snapshot import Finality


def replies(workspace: ShopWorkspace) -> int:
    """How many replies the log holds."""
    return [entry["kind"] for entry in bodies(workspace)].count("request.replied")


async def later(workspace: ShopWorkspace, **time: float) -> None:
    """So much later, with all done that is due."""
    workspace.clock.advance(**time)
    await workspace.sayso.container.dispatcher.drain()


@pytest.mark.promise("engine:followed")
async def test_a_customer_hears_that_the_money_has_come_back(tmp_path: Path) -> None:
    """They had been told that it was done; a bank returned it a week later."""
    shop = Shop()
    shop.finality = Finality.DONE
    async with open_shop(tmp_path, shop=shop, planner=Scripted(plan(refund(2_000)))) as workspace:
        view = await ask(workspace, 2_000)
        assert (view.status, replies(workspace)) == ("answered", 1)
        assert "$20.00" in await told(workspace, view)
        await later(workspace, days=1)
        assert replies(workspace) == 1
        shop.came_back = "the bank returned it"
        await later(workspace, days=7)
        assert replies(workspace) == 2
        assert "did not go through after all" in await told(workspace, view)
        events, _ = await workspace.sayso.events.since(-1)
        assert [event.kind for event in events][-2:] == ["action.failed", "request.replied"]
        await later(workspace, days=30)
        assert replies(workspace) == 2
        assert_verified(workspace)


@pytest.mark.promise("engine:followed")
async def test_a_customer_hears_first_that_it_is_on_its_way_and_then_that_it_is_done(
    tmp_path: Path,
) -> None:
    """The reply is written when the provider has finished; until then it says what is so now."""
    shop = Shop()
    shop.finality = Finality.PENDING
    async with open_shop(tmp_path, shop=shop, planner=Scripted(plan(refund(2_000)))) as workspace:
        view = await ask(workspace, 2_000)
        assert (view.status, replies(workspace)) == ("acting", 0)
        assert "is not confirmed yet" in await told(workspace, view)
        shop.finality = Finality.FINAL
        await later(workspace, hours=1)
        assert replies(workspace) == 1
        assert "not confirmed" not in await told(workspace, view)
        assert_verified(workspace)
