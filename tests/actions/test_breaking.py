"""Connectors that raise what their contract does not know while they read the provider."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from actions.desk import (
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
from support.house import ShopHouse, open_shop
from support.shop import Shop, ShopFault

from sayso.actions.approvals.decision import Choice
from sayso.actions.model.definition import Action, Args, Subject
from sayso.actions.model.plan import Plan, Step
from sayso.actions.model.resolve import MAX_BREAKS
from sayso.actions.model.snapshot import Resolved
from sayso.agent.base import Handles, Message
from sayso.errors import Code, OutcomeUnknownError, RetryableError
from sayso.json import JsonValue
from sayso.sdk.views import ActionView

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


def broken(house: ShopHouse) -> BreakingShop:
    """The house's shop."""
    assert isinstance(house.shop, BreakingShop)
    return house.shop


async def go_on(house: ShopHouse, action_id: str) -> ActionView:
    """Run it as a dispatcher does whenever it is due, until it is due no more."""
    for _ in range(3 * MAX_BREAKS):
        await house.sayso.house.dispatcher.run_now("action", MAIN, action_id)
        house.clock.advance(minutes=2)
    return await house.sayso.action(action_id)


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
    async with open_shop(tmp_path, shop=BreakingShop(1, error)) as house:
        stock(house)
        with pytest.raises(RetryableError) as caught:
            await propose(house, 2000, key="k1")
        assert caught.value.code is Code.CONNECTOR_FAILED
        assert type(error).__name__ in caught.value.message
        assert WORDS not in str(caught.value)
        assert caught.value.next_step
        assert "test_breaking.py" in caplog.text
        assert WORDS not in caplog.text
        assert await house.sayso.actions() == []
        assert (await propose(house, 2000, key="k1")).status == "succeeded"


@pytest.mark.promise("engine:broken-reading")
async def test_a_step_ends_after_some_tries_and_the_others_go_on(tmp_path: Path) -> None:
    """Refused with the code, with what is judged together with it, and the log verifies."""
    async with open_shop(tmp_path, shop=BreakingShop(FOR_EVER)) as house:
        stock(house)
        first, second = await submit_plan(house, refund_step("s1"), refund_step("s2", "s1"))
        view = await go_on(house, first.id)
        assert (view.status, view.error and view.error.code) == ("refused", "connector_failed")
        assert broken(house).broken == 2 * MAX_BREAKS, "both steps are read, to be judged together"
        assert WORDS not in str(view)
        broken(house).breaks = 0
        view = await go_on(house, second.id)
        assert (view.status, view.error and view.error.code) == ("refused", "connector_failed")
        assert house.shop.books.calls == []
        assert_verified(house)


@pytest.mark.promise("engine:broken-reading")
async def test_a_step_outlives_a_connector_that_breaks_for_a_while(tmp_path: Path) -> None:
    """Tried again after growing pauses, and done once; its calls have all their tries left."""
    async with open_shop(tmp_path, shop=BreakingShop(MAX_BREAKS - 1)) as house:
        stock(house)
        (row,) = await submit_plan(house, refund_step("s1"))
        assert (await go_on(house, row.id)).status == "succeeded"
        assert len(house.shop.books.payouts) == 1
        assert_verified(house)


async def test_a_broken_step_is_not_tried_before_its_time(tmp_path: Path) -> None:
    """However often somebody calls for it."""
    async with open_shop(tmp_path, shop=BreakingShop(FOR_EVER)) as house:
        stock(house)
        (row,) = await submit_plan(house, refund_step("s1"))
        for _ in range(3):
            await house.sayso.house.dispatcher.run_now("action", MAIN, row.id)
        assert broken(house).broken == 1
        assert (await house.sayso.action(row.id)).status == "planned"
        house.clock.advance(seconds=1)
        await house.sayso.house.dispatcher.run_now("action", MAIN, row.id)
        assert broken(house).broken == 2


@pytest.mark.promise("engine:broken-reading")
async def test_an_approved_action_is_read_again_some_times_and_then_refused(
    tmp_path: Path,
) -> None:
    """Invariant 10: what was approved is not called unless it could be compared; and it ends."""
    async with open_shop(tmp_path, shop=BreakingShop()) as house:
        stock(house)
        view = await propose(house, ASKED)
        card = await shown(house, view)
        house.clock.advance(minutes=1)
        broken(house).breaks = FOR_EVER
        await decide(house, say(card, choice=Choice.APPROVE), wait=False)
        view = await go_on(house, view.id)
        assert (view.status, view.error and view.error.code) == ("refused", "connector_failed")
        assert broken(house).broken == MAX_BREAKS
        assert house.shop.books.calls == []
        assert_verified(house)


async def test_an_approved_action_keeps_its_yes_while_the_connector_breaks(
    tmp_path: Path,
) -> None:
    """Nobody is asked twice for a fault that is mended within two minutes."""
    async with open_shop(tmp_path, shop=BreakingShop()) as house:
        stock(house)
        view = await propose(house, ASKED)
        card = await shown(house, view)
        house.clock.advance(minutes=1)
        broken(house).breaks = 3
        await decide(house, say(card), wait=False)
        assert (await go_on(house, view.id)).status == "succeeded"
        assert len(house.shop.books.payouts) == 1
        assert_verified(house)


async def test_an_edit_that_cannot_be_read_decides_nothing(tmp_path: Path) -> None:
    """The approver gets the code, and the card waits as before."""
    async with open_shop(tmp_path, shop=BreakingShop()) as house:
        stock(house)
        card = await shown(house, await propose(house, ASKED))
        broken(house).breaks = 1
        with pytest.raises(RetryableError) as caught:
            await decide(house, say(card, choice=Choice.EDIT, args={"amount": usd(5000)}))
        assert caught.value.code is Code.CONNECTOR_FAILED
        assert (await house.sayso.approval(card.id)).status == "pending"


@pytest.mark.promise("engine:broken-reading")
async def test_a_customer_is_answered_though_the_connector_stays_broken(tmp_path: Path) -> None:
    """From words to a reply: the request ends, claims nothing, and its action says why."""
    async with open_shop(tmp_path, shop=BreakingShop(FOR_EVER), planner=OneRefund()) as house:
        stock(house)
        asked = await house.sayso.ask("cus_1", "please refund $10.00 of order o1")
        assert asked.status == "acting"
        assert broken(house).broken == 1
        (action,) = asked.actions
        view = await go_on(house, action.id)
        assert (view.status, view.error and view.error.code) == ("refused", "connector_failed")
        await house.sayso.house.dispatcher.run_now("request", MAIN, asked.id)
        answered = await house.sayso.request(asked.id)
        assert answered.status == "answered"
        assert answered.reply is not None
        assert "$10.00" not in answered.reply
        assert_verified(house)


async def test_calls_that_were_denied_do_not_count_as_readings_that_broke_off(
    tmp_path: Path,
) -> None:
    """What goes stale is read as often as what was just proposed, however often it was called."""
    async with open_shop(tmp_path, shop=BreakingShop()) as house:
        stock(house)
        house.shop.faults += [ShopFault.UNREACHABLE] * (MAX_BREAKS - 1)
        view = await propose(house, 1000)
        for _ in range(MAX_BREAKS - 2):
            house.clock.advance(minutes=5)
            await house.sayso.house.engine.advance(MAIN, view.id)
        house.clock.advance(minutes=5)
        house.shop.version = "2"
        broken(house).breaks = 1
        with pytest.raises(RetryableError) as caught:
            await house.sayso.house.engine.advance(MAIN, view.id)
        assert caught.value.code is Code.CONNECTOR_FAILED
        assert len(house.shop.books.calls) == MAX_BREAKS - 1
        assert (await house.sayso.action(view.id)).status == "stale"
        assert (await go_on(house, view.id)).status == "succeeded"
