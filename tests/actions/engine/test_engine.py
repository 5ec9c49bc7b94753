"""One approved action has one effect, whatever happens between intent and outcome."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from actions.steps import MAIN, PlugPulledError, propose, settle, stock
from support.shop import Shop, ShopFault
from support.shop_workspace import open_shop

from sayso.actions.engine.engine import Boundary
from sayso.actions.model.definition import Guarantee, at_most_once, idempotent, verifiable
from sayso.actions.model.snapshot import Call

SMALL = 2000
"""Minor units that run without anybody's yes."""


async def test_an_allowed_action_is_done_at_once(tmp_path: Path) -> None:
    """asked to settled in one call; the ledger holds the provider's receipt."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace, SMALL)
        assert view.status == "succeeded"
        assert view.receipt is not None
        assert view.receipt.id == workspace.shop.books.payouts[0].id
        kinds = [entry.kind for entry in (await workspace.sayso.actions.get(view.id)).timeline]
        assert kinds == ["action.approved", "action.intent", "action.succeeded"]


@pytest.mark.promise("engine:same-key")
async def test_the_same_key_is_one_action_and_other_content_under_it_is_refused(
    tmp_path: Path,
) -> None:
    """A repeated request is one; a key cannot be turned to something else."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        first = await propose(workspace, SMALL, key="k1")
        again = await propose(workspace, SMALL, key="k1")
        assert again.id == first.id
        with pytest.raises(Exception, match="idempotency_conflict"):
            await propose(workspace, 2001, key="k1")
        assert len(workspace.shop.books.payouts) == 1


@pytest.mark.promise("engine:own-key")
async def test_two_legitimate_equal_refunds_both_succeed(tmp_path: Path) -> None:
    """The call's key derives from the action, not from its content (saleor/apps#2446)."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        await propose(workspace, SMALL)
        await propose(workspace, SMALL)
        assert workspace.shop.books.paid_out_minor == 4000
        assert len(set(workspace.shop.books.calls)) == 2


GUARANTEES = [idempotent(hours=24), verifiable(settle_after_s=60), at_most_once()]


@pytest.mark.promise("engine:one-effect:lost-answer")
@pytest.mark.parametrize("guarantee", GUARANTEES, ids=lambda guarantee: guarantee.kind)
async def test_a_lost_answer_becomes_unknown_and_is_never_done_twice(
    tmp_path: Path, guarantee: Guarantee
) -> None:
    """The provider did it and the answer was lost: one effect, by look-up or by a person."""
    shop = Shop(guarantee)
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        shop.faults.append(ShopFault.LOST_AFTER)
        view = await propose(workspace, SMALL)
        assert view.status == "unknown"
        settled = await settle(workspace, view)
        assert len(shop.books.payouts) == 1
        expected = "unknown" if guarantee.kind == "at_most_once" else "succeeded"
        assert settled.status == expected


@pytest.mark.promise("engine:one-effect:lost-answer")
@pytest.mark.parametrize("guarantee", GUARANTEES, ids=lambda guarantee: guarantee.kind)
async def test_a_lost_request_is_made_again_only_where_that_is_safe(
    tmp_path: Path, guarantee: Guarantee
) -> None:
    """The request never arrived: done once where it can be proven, else left to a person."""
    shop = Shop(guarantee)
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        shop.faults.append(ShopFault.LOST_BEFORE)
        view = await propose(workspace, SMALL)
        settled = await settle(workspace, view)
        done = guarantee.kind != "at_most_once"
        assert len(shop.books.payouts) == (1 if done else 0)
        assert settled.status == ("succeeded" if done else "unknown")


@pytest.mark.promise("engine:one-effect:key-forgotten")
@pytest.mark.parametrize("minutes", [25 * 60, 24 * 60 - 5], ids=["after it", "shortly before"])
async def test_an_unknown_key_is_not_repeated_once_the_provider_may_have_forgotten_it(
    tmp_path: Path, minutes: int
) -> None:
    """After the retention only a look-up may decide; without proof a person has to.

    Minutes before its end as well, since the provider's clock is another one.
    """
    shop = Shop(idempotent(hours=24))
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        shop.faults.append(ShopFault.LOST_BEFORE)
        view = await propose(workspace, SMALL)
        workspace.clock.advance(minutes=minutes)
        settled = await settle(workspace, view)
        assert settled.status == "unknown"
        assert len(shop.books.calls) == 1
        assert settled.error is not None
        assert "a person has to look" in settled.error.message


async def test_a_no_from_the_provider_is_final(tmp_path: Path) -> None:
    """failed, with the code, and no second call."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        workspace.shop.faults.append(ShopFault.SAYS_NO)
        view = await propose(workspace, SMALL)
        assert view.status == "failed"
        assert (await settle(workspace, view)).status == "failed"
        assert len(workspace.shop.books.calls) == 1


async def test_what_surely_did_nothing_is_tried_again_later(tmp_path: Path) -> None:
    """An unreachable provider costs time, not the action."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        workspace.shop.faults += [ShopFault.UNREACHABLE, ShopFault.UNREACHABLE]
        view = await propose(workspace, SMALL)
        assert view.status == "approved"
        assert (await settle(workspace, view)).status == "succeeded"
        assert len(workspace.shop.books.payouts) == 1


@pytest.mark.promise("engine:unknown")
async def test_an_error_that_the_contract_does_not_know_is_an_unknown_outcome(
    tmp_path: Path,
) -> None:
    """A bug in a connector after the effect is never taken for a failure."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        workspace.shop.faults.append(ShopFault.BREAKS)
        view = await propose(workspace, SMALL)
        assert view.status == "unknown"
        assert (await settle(workspace, view)).status == "succeeded"
        assert len(workspace.shop.books.payouts) == 1


@pytest.mark.promise("engine:one-effect")
@pytest.mark.parametrize("boundary", list(Boundary))
async def test_a_crash_at_any_boundary_leaves_one_effect_and_the_truth(
    tmp_path: Path, boundary: Boundary
) -> None:
    """Invariant 2: before intent, after intent, after the call, after the outcome."""
    shop = Shop(idempotent(hours=24))
    armed = [True]

    def pull(at: Boundary) -> None:
        if at is boundary and armed:
            armed.clear()
            raise PlugPulledError

    async with open_shop(tmp_path, shop=shop, passing=pull) as workspace:
        stock(workspace)
        if boundary is Boundary.BEFORE_INTENT:  # nothing was committed, so the caller comes again
            with pytest.raises(PlugPulledError):
                await propose(workspace, SMALL, key="k1")
        view = await propose(workspace, SMALL, key="k1")
        settled = await settle(workspace, view)
        assert settled.status == "succeeded"
        assert len(shop.books.payouts) == 1
        found = workspace.sayso.audit.verify()
        assert found.verdict == "verified", found.all_findings


@pytest.mark.promise("engine:one-effect:workers")
async def test_many_callers_of_advance_at_once_make_one_call(tmp_path: Path) -> None:
    """`advance` may be called by anybody, at any time, any number of times."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace, 100, wait=False)
        engine = workspace.sayso.container.engine
        await asyncio.gather(*(engine.advance(MAIN, view.id) for _ in range(20)))
        assert len(workspace.shop.books.calls) == 1


@pytest.mark.promise("engine:one-effect:workers")
async def test_a_worker_that_wakes_after_its_lease_changes_nothing(tmp_path: Path) -> None:
    """Fencing: another worker took over and settled; the late answer is dropped."""
    shop = Shop(idempotent(hours=24))
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        view = await propose(workspace, 100, wait=False)
        engine = workspace.sayso.container.engine

        async def sleep_past_the_lease(call: Call) -> None:
            workspace.clock.advance(seconds=6)
            shop.on_call = None
            await engine.advance(MAIN, call.action_id)

        shop.on_call = sleep_past_the_lease
        await engine.advance(MAIN, view.id)
        settled = await workspace.sayso.actions.get(view.id)
        assert settled.status == "succeeded"
        assert len(shop.books.payouts) == 1
        ends = [entry.kind for entry in settled.timeline if entry.kind == "action.succeeded"]
        assert len(ends) == 1
