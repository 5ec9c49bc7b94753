"""Connectors that raise what their contract does not know while they read the provider."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from actions.steps import (
    ASKED,
    MAIN,
    assert_verified,
    decide,
    propose,
    say,
    shown,
    stock,
    submit_plan,
    usd,
)
from support.shop import Shop, ShopFault
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.model.attempt import MAX_BREAKS
from sayso.actions.model.definition import Action, Args, Subject
from sayso.actions.model.plan import Plan, Step
from sayso.actions.model.snapshot import Resolved
from sayso.agent.base import Handles, Message
from sayso.errors import Code, OutcomeUnknownError, RetryableError
from sayso.json import JsonValue
from sayso.sdk.views.rows import ActionView

WORDS = "Ann Lee, ann@example.com"


class BreakingShop(Shop):
    """Breaks off as often as a test says, and counts it."""

    def __init__(self, breaks: int = 0, error: Exception | None = None) -> None:
        super().__init__()
        self.breaks = breaks
        self.broken = 0
        self._error = error or ZeroDivisionError(WORDS)

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        if self.breaks:
            self.breaks -= 1
            self.broken += 1
            raise self._error
        return await super().resolve(action, args, subject)


class OneRefund:
    """A planner that refunds ten dollars of the first order, whatever was said."""

    name = "one"

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan:
        args: dict[str, JsonValue] = {"order": "order#1", "amount": usd(1000)}
        step = Step(id="s1", action="shop.refund", args=args)
        return Plan(steps=(step,), planner=self.name)


FOR_EVER = 10_000


def broken(workspace: ShopWorkspace) -> BreakingShop:
    """The house's shop."""
    assert isinstance(workspace.shop, BreakingShop)
    return workspace.shop


async def go_on(workspace: ShopWorkspace, action_id: str) -> ActionView:
    """Run it as a dispatcher does whenever it is due, until it is due no more."""
    for _ in range(3 * MAX_BREAKS):
        await workspace.sayso.container.dispatcher.run_now("action", MAIN, action_id)
        workspace.clock.advance(minutes=2)
    return await workspace.sayso.actions.get(action_id)


def refund_step(step: str, *after: str) -> Step:
    """A step that the policy allows by itself."""
    args: dict[str, JsonValue] = {"order": "o1", "amount": usd(1000)}
    return Step(id=step, action="shop.refund", args=args, after=after)


@pytest.mark.parametrize(
    "error", [ZeroDivisionError(WORDS), OutcomeUnknownError(Code.OUTCOME_UNKNOWN, WORDS)]
)
async def test_who_proposes_hears_of_it_at_once_and_nothing_is_stored(
    tmp_path: Path, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """A code and a next step; the log names the place and no word; the same key works later."""
    async with open_shop(tmp_path, shop=BreakingShop(1, error)) as workspace:
        stock(workspace)
        with pytest.raises(RetryableError) as caught:
            await propose(workspace, 2000, key="k1")
        assert caught.value.code is Code.CONNECTOR_FAILED
        assert type(error).__name__ in caught.value.message
        assert WORDS not in str(caught.value)
        assert caught.value.next_step
        assert Path(__file__).name in caplog.text
        assert WORDS not in caplog.text
        assert await workspace.sayso.actions.list() == []
        assert (await propose(workspace, 2000, key="k1")).status == "succeeded"


@pytest.mark.promise("engine:broken-reading")
async def test_a_step_ends_after_some_tries_and_the_others_go_on(tmp_path: Path) -> None:
    """Refused with the code, with what is judged together with it, and the log verifies."""
    async with open_shop(tmp_path, shop=BreakingShop(FOR_EVER)) as workspace:
        stock(workspace)
        first, second = await submit_plan(workspace, refund_step("s1"), refund_step("s2", "s1"))
        view = await go_on(workspace, first.id)
        assert (view.status, view.error and view.error.code) == ("refused", "connector_failed")
        assert broken(workspace).broken == 2 * MAX_BREAKS, (
            "both steps are read, to be judged together"
        )
        assert WORDS not in str(view)
        broken(workspace).breaks = 0
        view = await go_on(workspace, second.id)
        assert (view.status, view.error and view.error.code) == ("refused", "connector_failed")
        assert workspace.shop.books.calls == []
        assert_verified(workspace)


@pytest.mark.promise("engine:broken-reading")
async def test_a_step_outlives_a_connector_that_breaks_for_a_while(tmp_path: Path) -> None:
    """Tried again after growing pauses, and done once; its calls have all their tries left."""
    async with open_shop(tmp_path, shop=BreakingShop(MAX_BREAKS - 1)) as workspace:
        stock(workspace)
        (row,) = await submit_plan(workspace, refund_step("s1"))
        assert (await go_on(workspace, row.id)).status == "succeeded"
        assert len(workspace.shop.books.payouts) == 1
        assert_verified(workspace)


async def test_a_broken_step_is_not_tried_before_its_time(tmp_path: Path) -> None:
    """However often somebody calls for it."""
    async with open_shop(tmp_path, shop=BreakingShop(FOR_EVER)) as workspace:
        stock(workspace)
        (row,) = await submit_plan(workspace, refund_step("s1"))
        for _ in range(3):
            await workspace.sayso.container.dispatcher.run_now("action", MAIN, row.id)
        assert broken(workspace).broken == 1
        assert (await workspace.sayso.actions.get(row.id)).status == "planned"
        workspace.clock.advance(seconds=1)
        await workspace.sayso.container.dispatcher.run_now("action", MAIN, row.id)
        assert broken(workspace).broken == 2


@pytest.mark.promise("engine:broken-reading")
async def test_an_approved_action_is_read_again_some_times_and_then_refused(
    tmp_path: Path,
) -> None:
    """Invariant 10: what was approved is not called unless it could be compared; and it ends."""
    async with open_shop(tmp_path, shop=BreakingShop()) as workspace:
        stock(workspace)
        view = await propose(workspace, ASKED)
        card = await shown(workspace, view)
        workspace.clock.advance(minutes=1)
        broken(workspace).breaks = FOR_EVER
        await decide(workspace, say(card, choice=DecisionChoice.APPROVE), wait=False)
        view = await go_on(workspace, view.id)
        assert (view.status, view.error and view.error.code) == ("refused", "connector_failed")
        assert broken(workspace).broken == MAX_BREAKS
        assert workspace.shop.books.calls == []
        assert_verified(workspace)


async def test_an_approved_action_keeps_its_yes_while_the_connector_breaks(
    tmp_path: Path,
) -> None:
    """Nobody is asked twice for a fault that is mended within two minutes."""
    async with open_shop(tmp_path, shop=BreakingShop()) as workspace:
        stock(workspace)
        view = await propose(workspace, ASKED)
        card = await shown(workspace, view)
        workspace.clock.advance(minutes=1)
        broken(workspace).breaks = 3
        await decide(workspace, say(card), wait=False)
        assert (await go_on(workspace, view.id)).status == "succeeded"
        assert len(workspace.shop.books.payouts) == 1
        assert_verified(workspace)


async def test_an_edit_that_cannot_be_read_decides_nothing(tmp_path: Path) -> None:
    """The approver gets the code, and the card waits as before."""
    async with open_shop(tmp_path, shop=BreakingShop()) as workspace:
        stock(workspace)
        card = await shown(workspace, await propose(workspace, ASKED))
        broken(workspace).breaks = 1
        with pytest.raises(RetryableError) as caught:
            await decide(
                workspace, say(card, choice=DecisionChoice.EDIT, args={"amount": usd(5000)})
            )
        assert caught.value.code is Code.CONNECTOR_FAILED
        assert (await workspace.sayso.approvals.get(card.id)).status == "pending"


@pytest.mark.promise("engine:broken-reading")
async def test_a_customer_is_answered_though_the_connector_stays_broken(tmp_path: Path) -> None:
    """From words to a reply: the request ends, claims nothing, and its action says why."""
    async with open_shop(tmp_path, shop=BreakingShop(FOR_EVER), planner=OneRefund()) as workspace:
        stock(workspace)
        asked = await workspace.sayso.ask("cus_1", "please refund $10.00 of order o1")
        assert asked.status == "acting"
        assert broken(workspace).broken == 1
        (action,) = asked.actions
        view = await go_on(workspace, action.id)
        assert (view.status, view.error and view.error.code) == ("refused", "connector_failed")
        await workspace.sayso.container.dispatcher.run_now("request", MAIN, asked.id)
        answered = await workspace.sayso.requests.get(asked.id)
        assert answered.status == "answered"
        assert answered.reply is not None
        assert "$10.00" not in answered.reply
        assert_verified(workspace)


async def test_calls_that_were_denied_do_not_count_as_readings_that_broke_off(
    tmp_path: Path,
) -> None:
    """What goes stale is read as often as what was just proposed, however often it was called."""
    async with open_shop(tmp_path, shop=BreakingShop()) as workspace:
        stock(workspace)
        workspace.shop.faults += [ShopFault.UNREACHABLE] * (MAX_BREAKS - 1)
        view = await propose(workspace, 1000)
        for _ in range(MAX_BREAKS - 2):
            workspace.clock.advance(minutes=5)
            await workspace.sayso.container.engine.advance(MAIN, view.id)
        workspace.clock.advance(minutes=5)
        workspace.shop.version = "2"
        broken(workspace).breaks = 1
        with pytest.raises(RetryableError) as caught:
            await workspace.sayso.container.engine.advance(MAIN, view.id)
        assert caught.value.code is Code.CONNECTOR_FAILED
        assert len(workspace.shop.books.calls) == MAX_BREAKS - 1
        assert (await workspace.sayso.actions.get(view.id)).status == "stale"
        assert (await go_on(workspace, view.id)).status == "succeeded"
