"""What a provider has not finished is not told as done, and is followed until it ends."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from actions.engine.test_late_effects import row_of
from actions.engine.test_unknown import counted
from actions.steps import (
    ASKED,
    PlugPulledError,
    advance,
    assert_verified,
    bodies,
    decide,
    propose,
    say,
    settle,
    shown,
    stock,
    submit_plan,
    usd,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from sdk.customers import MARIA
from support.shop import Shop, ShopFault
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.controls.manual_resolution import ManualSettlement
from sayso.actions.engine.engine import Boundary
from sayso.actions.engine.reconcile import FOLLOW_MAX_S
from sayso.actions.model.definition import at_most_once, verifiable
from sayso.actions.model.plan import Step
from sayso.actions.model.snapshot import Finality
from sayso.agent.reply import outcome_of as reply_outcome
from sayso.agent.reply import write_reply
from sayso.errors import RefusedError
from sayso.ids import Tenant
from sayso.sdk.views.rows import ActionView
from sayso.sdk.words.approval_outcome import outcome_of
from sayso.telemetry import Telemetry

DAY_S = 86_400


def slow_shop() -> Shop:
    """A shop that pays out days later."""
    shop = Shop()
    shop.finality = Finality.PENDING
    return shop


async def told(workspace: ShopWorkspace, view: ActionView) -> str:
    """What the customer is told of it now."""
    row = await row_of(workspace, view)
    return await workspace.sayso.container.store.read(
        lambda reader: write_reply([reply_outcome(reader, row)])
    )


async def card_of(workspace: ShopWorkspace, view: ActionView) -> str:
    """What its card says now."""
    action = await workspace.sayso.actions.get(view.id)
    assert action.approval is not None
    outcome = outcome_of(action.approval, action)
    return f"{outcome.lead}{outcome.text}"


async def looked_up_until_it_ends(workspace: ShopWorkspace, view: ActionView) -> list[float]:
    """Follow it whenever it is due; the seconds between the look-ups."""
    waits: list[float] = []
    while True:
        row = await row_of(workspace, view)
        if row.status != "accepted" or row.due_at is None:
            return waits
        now = workspace.clock.now().timestamp()
        waits.append(row.due_at / 1e6 - now)
        workspace.clock.advance(seconds=waits[-1])
        await advance(workspace, view)


@pytest.mark.promise("engine:followed")
async def test_what_is_pending_is_told_as_on_its_way_and_done_when_it_is(tmp_path: Path) -> None:
    """Status, card, log and customer: none of them says `done` before the provider does."""
    shop = slow_shop()
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        view = await propose(workspace)
        await decide(workspace, say(await shown(workspace, view)))
        view = await workspace.sayso.actions.get(view.id)
        assert view.status == "accepted"
        assert view.receipt is not None
        assert (view.receipt.status, view.receipt.finality) == ("sent", "pending")
        assert bodies(workspace)[-1]["kind"] == "action.accepted"
        assert (await card_of(workspace, view)).startswith("On its way: maria said yes.")
        assert "is not confirmed yet" in await told(workspace, view)
        assert "we have done" not in await told(workspace, view)

        workspace.clock.advance(minutes=5)
        assert (await advance(workspace, view)).status == "accepted"
        shop.finality = Finality.FINAL
        workspace.clock.advance(minutes=10)
        view = await advance(workspace, view)
        assert view.status == "succeeded"
        assert bodies(workspace)[-1]["kind"] == "action.succeeded"
        assert (await card_of(workspace, view)).startswith("Done: maria said yes.")
        assert "we have done" in (await told(workspace, view)).lower()
        assert (await row_of(workspace, view)).due_at is None
        assert (len(shop.books.payouts), len(shop.books.calls)) == (1, 1)
        assert_verified(workspace)


@pytest.mark.promise("engine:followed")
@pytest.mark.parametrize("finality", [Finality.PENDING, Finality.DONE])
async def test_what_fails_days_later_is_an_alarm_an_entry_and_a_true_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, finality: Finality
) -> None:
    """A bank returns the money after it was told as on its way, or as done."""
    reader = InMemoryMetricReader()
    telemetry = Telemetry(meters=MeterProvider(metric_readers=[reader]))
    shop = Shop()
    shop.finality = finality
    async with open_shop(tmp_path, shop=shop, telemetry=telemetry) as workspace:
        stock(workspace)
        view = await propose(workspace)
        await decide(workspace, say(await shown(workspace, view)))
        before = (await workspace.sayso.actions.get(view.id)).status
        assert before == ("accepted" if finality is Finality.PENDING else "succeeded")
        shop.came_back = "the bank returned it: expired card"
        workspace.clock.advance(days=8)
        with caplog.at_level(logging.ERROR, "sayso.engine"):
            for _ in range(2):
                view = await advance(workspace, view)
        assert (view.status, view.error and view.error.code) == ("failed", "effect_failed")
        assert view.receipt is not None
        assert (view.receipt.status, view.receipt.amount) == ("returned", None)
        entry = bodies(workspace)[-1]
        assert entry["kind"] == "action.failed"
        assert isinstance(entry["data"], dict)
        assert (entry["data"]["was"], entry["data"]["moved"]) == (before, None)
        said = f"shop.refund {view.id} had been {before}, and the provider shows that it failed"
        assert [record.getMessage() for record in caplog.records] == [said]
        assert counted(reader, "sayso.actions.failed_later") == {"shop.refund": 1}
        card = await card_of(workspace, view)
        assert card.startswith("Failed after all: maria said yes.")
        assert "the bank returned it: expired card" in card
        assert "did not go through after all" in await told(workspace, view)
        assert (len(shop.books.payouts), len(shop.books.calls)) == (1, 1)
        assert_verified(workspace)


async def test_look_ups_grow_apart_and_a_person_gets_it_in_the_end(tmp_path: Path) -> None:
    """Cheap: a handful on the first day, one a day for two months, without entries; then people."""
    shop = slow_shop()
    reader = InMemoryMetricReader()
    telemetry = Telemetry(meters=MeterProvider(metric_readers=[reader]))
    async with open_shop(tmp_path, shop=shop, telemetry=telemetry) as workspace:
        stock(workspace)
        view = await propose(workspace, 2000)
        entries = len(bodies(workspace))
        waits = await looked_up_until_it_ends(workspace, view)
        assert waits == sorted(waits)
        assert (waits[0], waits[-1]) == (300, FOLLOW_MAX_S)
        assert 59 <= len([wait for wait in waits if wait == FOLLOW_MAX_S]) <= 60
        assert len(waits) < 70
        assert len(bodies(workspace)) == entries + 1
        left = await workspace.sayso.actions.get(view.id)
        assert (left.status, left.error and left.error.code) == ("accepted", "outcome_unknown")
        assert counted(reader) == {"shop.refund": 1}
        await workspace.sayso.container.settlements.settle(
            ManualSettlement(
                tenant=Tenant("main"),
                action_id=view.id,
                outcome="failed",
                evidence="the shop's own page says so",
                person="maria",
                via="test",
                credential="host",
            )
        )
        assert (await workspace.sayso.actions.get(view.id)).status == "failed"
        assert_verified(workspace)


async def test_done_that_may_come_back_is_looked_up_three_times(tmp_path: Path) -> None:
    """After a day, a week and a month; nothing is written where nothing has changed."""
    shop = Shop()
    shop.finality = Finality.DONE
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        view = await propose(workspace, 2000)
        entries = len(bodies(workspace))
        begun = workspace.clock.now().timestamp()
        looks: list[float] = []
        while (due_at := (await row_of(workspace, view)).due_at) is not None:
            looks.append(due_at / 1e6 - begun)
            workspace.clock.advance(seconds=due_at / 1e6 - workspace.clock.now().timestamp())
            assert (await advance(workspace, view)).status == "succeeded"
        assert looks == [DAY_S, 7 * DAY_S, 30 * DAY_S]
        assert len(bodies(workspace)) == entries


@pytest.mark.promise("engine:followed")
async def test_the_next_step_waits_until_the_provider_has_finished(tmp_path: Path) -> None:
    """A letter that says that it is done does not leave while it is on its way."""
    shop = slow_shop()
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace, "o1", "o2")
        first = Step(id="s1", action="shop.refund", args={"order": "o1", "amount": usd(1000)})
        last = Step(
            id="s2", action="shop.refund", args={"order": "o2", "amount": usd(1000)}, after=("s1",)
        )
        rows = await submit_plan(workspace, first, last)
        one, two = [await workspace.sayso.actions.get(row.id) for row in rows]
        for view in (one, two):
            await advance(workspace, view)
        assert (await workspace.sayso.actions.get(one.id)).status == "accepted"
        assert (await workspace.sayso.actions.get(two.id)).status == "approved"
        shop.came_back = "returned"
        workspace.clock.advance(days=1)
        assert (await advance(workspace, one)).status == "failed"
        two = await advance(workspace, two)
        assert (two.status, two.error and two.error.code) == ("refused", "dependency_failed")
        assert len(shop.books.payouts) == 1
        assert_verified(workspace)


@pytest.mark.promise("engine:followed")
@pytest.mark.parametrize("fault", [ShopFault.LOST_AFTER, ShopFault.DENIES])
async def test_a_lost_answer_to_what_is_pending_is_found_as_pending(
    tmp_path: Path, fault: ShopFault
) -> None:
    """A look-up that finds it under way does not tell it as done, and nothing is repeated."""
    shop = Shop(verifiable(settle_after_s=60))
    shop.finality = Finality.PENDING
    shop.faults.append(fault)
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        view = await settle(workspace, await propose(workspace, 2000), tries=3)
        assert view.status == "accepted"
        assert (len(shop.books.payouts), len(shop.books.calls)) == (1, 1)
        assert_verified(workspace)


@pytest.mark.promise("engine:followed")
async def test_what_failed_at_once_is_a_no_and_frees_its_object(tmp_path: Path) -> None:
    """The effect is there and has failed: nobody waits for it, whatever try it was."""
    shop = Shop(verifiable(settle_after_s=60))
    shop.came_back = "returned at once"
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        view = await propose(workspace, 2000)
        assert (view.status, view.error and view.error.code) == ("failed", "effect_failed")
        shop.faults.append(ShopFault.LOST_AFTER)
        view = await settle(workspace, await propose(workspace, 2100), tries=3)
        assert (view.status, view.error and view.error.code) == ("failed", "effect_failed")
        shop.came_back = ""
        assert (await propose(workspace, 2200)).status == "succeeded"
        assert_verified(workspace)


@pytest.mark.promise("engine:followed")
@pytest.mark.parametrize("boundary", [Boundary.AFTER_CALL, Boundary.AFTER_OUTCOME])
async def test_a_crash_around_a_pending_answer_loses_and_repeats_nothing(
    tmp_path: Path, boundary: Boundary
) -> None:
    """Invariant 2: it is accepted after the crash, and followed."""
    shop, armed = slow_shop(), [True]

    def pull(at: Boundary) -> None:
        if at is boundary and armed:
            armed.clear()
            raise PlugPulledError

    async with open_shop(tmp_path, shop=shop, passing=pull) as workspace:
        stock(workspace)
        view = await propose(workspace, 2000, wait=False)
        with pytest.raises(PlugPulledError):
            await advance(workspace, view)
        workspace.clock.advance(minutes=1)
        assert (await advance(workspace, view)).status == "accepted"
        shop.finality = Finality.FINAL
        workspace.clock.advance(days=2)
        assert (await advance(workspace, view)).status == "succeeded"
        assert len(shop.books.payouts) == 1
        assert_verified(workspace)


async def test_where_nothing_can_be_looked_up_a_person_gets_it_at_the_first_look(
    tmp_path: Path,
) -> None:
    """Nobody waits two months for a look-up that there is not."""
    shop = Shop(at_most_once())
    shop.finality = Finality.PENDING
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        view = await propose(workspace, 2000)
        workspace.clock.advance(minutes=5)
        view = await advance(workspace, view)
        assert view.error is not None
        assert "a person has to look" in view.error.message
        assert (await row_of(workspace, view)).is_left


async def test_a_customer_is_erased_once_what_is_pending_has_ended(tmp_path: Path) -> None:
    """What may still come back is nobody's afterwards, and is not looked up any more."""
    shop = slow_shop()
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        view = await propose(workspace, ASKED - 10_000)
        with pytest.raises(RefusedError, match="is accepted and was called") as refused:
            await workspace.sayso.privacy.erase("cus_1", reason="subject_request", by=MARIA)
        assert "sayso actions settle" in refused.value.next_step
        shop.finality = Finality.DONE
        workspace.clock.advance(days=2)
        assert (await advance(workspace, view)).status == "succeeded"
        await workspace.sayso.privacy.erase("cus_1", reason="subject_request", by=MARIA)
        assert (await row_of(workspace, view)).due_at is None
        assert_verified(workspace)
