"""A yes and the intent of what it agrees to, in one commit while what was read is fresh."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from actions.steps import (
    PlugPulledError,
    assert_verified,
    bodies,
    decide,
    propose,
    run_due,
    say,
    shown,
    stock,
)
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.approvals.decision import Decision
from sayso.actions.engine.engine import Boundary

FRESH_S = 5


async def _agree(workspace: ShopWorkspace, *, after_s: int = 0) -> list[str]:
    """Say yes so long after the card was made; the kinds of the entries of one commit each."""
    decision = await _asked(workspace)
    workspace.clock.advance(seconds=after_s)
    heads: list[int] = []
    store = workspace.sayso.container.store
    written = store.write

    async def counted(*args: Any, **more: Any) -> object:
        found: object = await written(*args, **more)
        heads.append(len(bodies(workspace)))
        return found

    store.write = counted  # type: ignore[method-assign, assignment]
    before = len(bodies(workspace))
    await decide(workspace, decision)
    kinds = [str(body["kind"]) for body in bodies(workspace)]
    ends = [before, *heads]
    return [
        " ".join(kinds[start:end]) for start, end in zip(ends, heads, strict=False) if end > start
    ]


async def _asked(workspace: ShopWorkspace) -> Decision:
    stock(workspace)
    return say(await shown(workspace, await propose(workspace)))


@pytest.mark.promise("states:approved-first")
async def test_a_yes_to_what_was_read_moments_ago_is_claimed_with_it(tmp_path: Path) -> None:
    """Two commits from the yes to the outcome, and the call is made once, after the first."""
    async with open_shop(tmp_path) as workspace:
        assert await _agree(workspace) == ["action.approved action.intent", "action.succeeded"]
        assert len(workspace.shop.books.payouts) == 1
        assert_verified(workspace)


async def test_a_later_yes_is_durable_before_the_provider_is_read_again(tmp_path: Path) -> None:
    """What was read is old, so the intent waits for what is so now."""
    async with open_shop(tmp_path) as workspace:
        found = await _agree(workspace, after_s=FRESH_S)
        assert found == ["action.approved", "action.intent", "action.succeeded"]
        assert len(workspace.shop.books.payouts) == 1


@pytest.mark.promise("engine:one-effect")
@pytest.mark.parametrize("boundary", Boundary)
async def test_a_crash_around_it_loses_neither_the_yes_nor_the_money(
    tmp_path: Path, boundary: Boundary
) -> None:
    """Before the commit nothing was said; after it the call is looked up, and made once."""

    def pull(at: Boundary) -> None:
        if armed and at is boundary:
            armed.clear()
            raise PlugPulledError

    armed: list[bool] = []
    async with open_shop(tmp_path, passing=pull) as workspace:
        decision = await _asked(workspace)
        armed.append(True)
        with suppress(PlugPulledError):
            await decide(workspace, decision)
        shop, clock = workspace.shop, workspace.clock
        approved = any(body["kind"] == "action.approved" for body in bodies(workspace))
        assert approved is (boundary is not Boundary.BEFORE_INTENT)
    async with open_shop(tmp_path, shop=shop, clock=clock) as workspace:
        if boundary is Boundary.BEFORE_INTENT:
            await decide(workspace, decision)
        for _ in range(4):
            clock.advance(minutes=2)
            await run_due(workspace)
        assert len(shop.books.payouts) == 1
        assert_verified(workspace)


async def test_a_stop_that_came_before_the_yes_keeps_the_intent_from_it(tmp_path: Path) -> None:
    """The yes stands; what it agrees to is held."""
    async with open_shop(tmp_path) as workspace:
        decision = await _asked(workspace)
        await workspace.sayso.stops.engage("action", "shop.refund", reason="look")
        await decide(workspace, decision)
        kinds = [body["kind"] for body in bodies(workspace)]
        assert "action.approved" in kinds
        assert "action.intent" not in kinds
        assert workspace.shop.books.payouts == []
