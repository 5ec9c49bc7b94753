"""Plans that stop or undo themselves: what one failed step does to the others."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from actions.slow_shop import SlowToShow
from actions.steps import (
    ASKED,
    PlugPulledError,
    assert_verified,
    bodies,
    open_rows,
    run_due,
    say,
    shown,
    stock,
    submit_plan,
    usd,
)
from support.gift_shop import GiftShop
from support.shop import ShopFault
from support.shop_workspace import POLICY, ShopWorkspace, open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.engine.engine import Boundary
from sayso.actions.model.definition import verifiable
from sayso.actions.model.plan import OnFailure, Step
from sayso.errors import IntegrityError, RetryableError
from sayso.json import JsonValue
from sayso.sdk.views.rows import ActionView
from sayso.testing.clock import FakeClock

OFTEN = POLICY.replace("count30d < 3", "count30d < 300")
RULES = (
    OFTEN
    + """
@id("gift") @explain("gifts up to 50 run by themselves")
permit (principal, action == Action::"shop.gift", resource)
when { context.amount.lessThanOrEqual(decimal("50.00")) };

@id("gift-manager") @explain("larger ones once a support manager says yes")
permit (principal, action == Action::"shop.gift", resource)
when { context.approvedBy.contains("support_manager") };

@id("take-back") @explain("takes back what a failed plan did")
permit (principal, action, resource) when { context.undoes };
"""
)


@asynccontextmanager
async def open_gifts(folder: Path, shop: GiftShop | None = None) -> AsyncGenerator[ShopWorkspace]:
    """A workspace on the gift shop with one order of $1,000."""
    async with open_shop(folder, shop=shop or GiftShop(), policy=RULES) as workspace:
        stock(workspace)
        yield workspace


def gifts_of(workspace: ShopWorkspace) -> GiftShop:
    """The shop with its books of gifts."""
    return cast("GiftShop", workspace.shop)


def gift(name: str, minor: int, *after: str) -> Step:
    """A step that gives a gift."""
    return Step(id=name, action="shop.gift", args={"amount": usd(minor)}, after=after)


async def agree_to(workspace: ShopWorkspace, *steps: str) -> None:
    """Say yes to these steps alone; a plan of which anybody is asked waits with all its steps."""
    for step in steps:
        card = await shown(workspace, (await plan_of(workspace))[step])
        await workspace.sayso.approvals.decide_as(say(card), wait=False)
        await run_due(workspace)


def refund(name: str, minor: int, *after: str) -> Step:
    """A step that refunds a part of the order; nothing takes it back."""
    args: dict[str, JsonValue] = {"order": "o1", "amount": usd(minor)}
    return Step(id=name, action="shop.refund", args=args, after=after)


async def submit(
    workspace: ShopWorkspace, mode: OnFailure, *steps: Step, meanwhile: str | None = None
) -> list[str]:
    """Hand a plan in, as the agent does, and run what is due.

    Args:
        meanwhile: a statement that somebody runs on the database before that.
    """
    rows = await submit_plan(workspace, *steps, on_failure=mode)
    if meanwhile is not None:
        by_hand = open_rows(workspace)
        by_hand.execute(meanwhile)
        by_hand.close()
    await run_due(workspace)
    return [row.id for row in rows]


async def plan_of(workspace: ShopWorkspace) -> dict[str, ActionView]:
    """Every action of the plan by its step, those that take back included."""
    page = await workspace.sayso.actions.list()
    return {view.step: view for view in page if view.step is not None}


async def states(workspace: ShopWorkspace) -> dict[str, str]:
    """The state of each step."""
    return {step: view.status for step, view in (await plan_of(workspace)).items()}


@pytest.mark.promise("plans:undo")
async def test_a_failed_step_takes_the_others_back_the_newest_first(tmp_path: Path) -> None:
    """Two gifts were given when the refund fails, so both are taken back, the second one first."""
    async with open_gifts(tmp_path) as workspace:
        workspace.shop.faults = [ShopFault.SAYS_NO]
        await submit(
            workspace,
            OnFailure.UNDO,
            gift("s1", 1000),
            gift("s2", 2000, "s1"),
            refund("s3", 1000, "s2"),
        )
        assert await states(workspace) == {
            "s1": "compensated",
            "s2": "compensated",
            "s3": "failed",
            "s2-undo": "succeeded",
            "s1-undo": "succeeded",
        }
        assert gifts_of(workspace).taken == ["gift_2", "gift_1"]
        kinds = [body["kind"] for body in bodies(workspace)]
        assert kinds.count("plan.undoing") == 1
        assert kinds.count("action.compensated") == 2
        assert_verified(workspace)


@pytest.mark.promise("plans:undo")
async def test_what_cannot_be_taken_back_stands_and_the_log_says_so(tmp_path: Path) -> None:
    """A refund is final; the gift beside it is taken back all the same."""
    async with open_gifts(tmp_path) as workspace:
        workspace.shop.faults = [None, ShopFault.SAYS_NO]  # type: ignore[list-item]
        paid, given, failed = await submit(
            workspace,
            OnFailure.UNDO,
            refund("s1", 500),
            gift("s2", 700, "s1"),
            refund("s3", 9, "s2"),
        )
        assert await states(workspace) == {
            "s1": "succeeded",
            "s2": "compensated",
            "s3": "failed",
            "s2-undo": "succeeded",
        }
        (told,) = [body for body in bodies(workspace) if body["kind"] == "plan.undoing"]
        assert told["data"] == {
            "because": f"{failed} shop.refund",
            "takes_back": [f"{given} shop.gift"],
            "stands": [f"{paid} shop.refund"],
        }
        assert workspace.shop.books.paid_out_minor == 500


@pytest.mark.promise("plans:stop")
async def test_a_plan_that_stops_begins_nothing_more_and_takes_nothing_back(
    tmp_path: Path,
) -> None:
    """The step beside the failed one waited for a person, who is not asked any more."""
    async with open_gifts(tmp_path) as workspace:
        workspace.shop.faults = [ShopFault.SAYS_NO]
        await submit(
            workspace, OnFailure.STOP, gift("s1", 1000), gift("s2", 6000), refund("s3", 1000, "s1")
        )
        await agree_to(workspace, "s1", "s3")
        assert await states(workspace) == {"s1": "succeeded", "s2": "refused", "s3": "failed"}
        view = (await plan_of(workspace))["s2"]
        assert view.error is not None
        assert view.error.code == "dependency_failed"
        assert (await shown(workspace, view)).status == "superseded"
        assert gifts_of(workspace).taken == []


async def test_a_plan_that_goes_on_is_not_touched(tmp_path: Path) -> None:
    """By default a failure concerns only what waits for the failed step."""
    async with open_gifts(tmp_path) as workspace:
        workspace.shop.faults = [ShopFault.SAYS_NO]
        await submit(
            workspace, OnFailure.CONTINUE, refund("s1", 1000), gift("s2", 1000), gift("s3", 1, "s1")
        )
        assert await states(workspace) == {"s1": "failed", "s2": "succeeded", "s3": "refused"}


@pytest.mark.promise("plans:undo")
async def test_a_no_to_one_step_takes_the_others_back(tmp_path: Path) -> None:
    """The manager says no to the second step after the first was done."""
    async with open_gifts(tmp_path) as workspace:
        await submit(workspace, OnFailure.UNDO, gift("s1", 1000), refund("s2", ASKED))
        await agree_to(workspace, "s1")
        assert await states(workspace) == {"s1": "succeeded", "s2": "pending_approval"}
        card = await shown(workspace, (await plan_of(workspace))["s2"])
        await workspace.sayso.approvals.decide_as(
            say(card, choice=DecisionChoice.REJECT), wait=False
        )
        await run_due(workspace)
        assert await states(workspace) == {
            "s1": "compensated",
            "s2": "rejected",
            "s1-undo": "succeeded",
        }


@pytest.mark.promise("plans:undo")
async def test_nothing_is_taken_back_while_an_outcome_is_unknown(tmp_path: Path) -> None:
    """The lost gift may have been given; once it is known, both are taken back."""
    async with open_gifts(tmp_path) as workspace:
        gifts_of(workspace).gift_faults = [None, ShopFault.LOST_AFTER]  # type: ignore[list-item]
        workspace.shop.faults = [ShopFault.SAYS_NO]
        await submit(
            workspace,
            OnFailure.UNDO,
            gift("s1", 1000),
            gift("s2", 2000, "s1"),
            refund("s3", 9, "s1"),
        )
        assert await states(workspace) == {"s1": "succeeded", "s2": "unknown", "s3": "failed"}
        workspace.clock.advance(minutes=5)
        await run_due(workspace)
        found = await states(workspace)
        assert (found["s1"], found["s2"]) == ("compensated", "compensated")
        assert len(gifts_of(workspace).gifts) == 2
        assert all(given.taken_by for given in gifts_of(workspace).gifts)


@pytest.mark.promise("plans:undo")
async def test_one_that_cannot_be_taken_back_does_not_keep_the_others(tmp_path: Path) -> None:
    """Somebody took the second gift back by hand; the first is taken back all the same."""
    async with open_gifts(tmp_path) as workspace:
        await submit(
            workspace, OnFailure.UNDO, gift("s1", 1000), gift("s2", 2000, "s1"), refund("s3", ASKED)
        )
        await agree_to(workspace, "s1", "s2")
        gifts_of(workspace).gifts[1].taken_by = "somebody"
        card = await shown(workspace, (await plan_of(workspace))["s3"])
        await workspace.sayso.approvals.decide_as(
            say(card, choice=DecisionChoice.REJECT), wait=False
        )
        await run_due(workspace)
        assert await states(workspace) == {
            "s1": "compensated",
            "s2": "succeeded",
            "s3": "rejected",
            "s2-undo": "refused",
            "s1-undo": "succeeded",
        }


@pytest.mark.promise("plans:undo")
async def test_one_whose_end_nobody_knows_does_not_keep_the_others(tmp_path: Path) -> None:
    """Taking back the second gift is lost on the way; the first is taken back all the same."""
    async with open_gifts(tmp_path) as workspace:
        workspace.shop.faults = [ShopFault.SAYS_NO]
        gifts_of(workspace).gift_faults = [None, None, ShopFault.LOST_BEFORE]  # type: ignore[list-item]
        await submit(
            workspace,
            OnFailure.UNDO,
            gift("s1", 1000),
            gift("s2", 2000, "s1"),
            refund("s3", 9, "s2"),
        )
        found = await states(workspace)
        assert (found["s2-undo"], found["s1-undo"]) == ("unknown", "succeeded")
        assert (found["s2"], found["s1"]) == ("succeeded", "compensated")


@pytest.mark.promise("plans:undo")
async def test_what_its_arguments_say_cannot_be_taken_back_stands(tmp_path: Path) -> None:
    """`Undo.only`: a gift of $20.00 is for good, so it is not even tried; the other one is."""
    shop = GiftShop()
    shop.actions = [
        replace(one, undo=one.undo and replace(one.undo, only={"amount": usd(1000)}))
        for one in shop.actions
    ]
    async with open_gifts(tmp_path, shop) as workspace:
        workspace.shop.faults = [ShopFault.SAYS_NO]
        await submit(
            workspace,
            OnFailure.UNDO,
            gift("s1", 1000),
            gift("s2", 2000, "s1"),
            refund("s3", 9, "s2"),
        )
        assert await states(workspace) == {
            "s1": "compensated",
            "s2": "succeeded",
            "s3": "failed",
            "s1-undo": "succeeded",
        }
        assert shop.taken == ["gift_1"]


@pytest.mark.promise("plans:undo:rights")
async def test_nobody_takes_back_by_asking_for_it(tmp_path: Path) -> None:
    """`context.undoes` is read from the ledger: a caller who asks for the same is denied."""
    async with open_gifts(tmp_path) as workspace:
        await submit(workspace, OnFailure.UNDO, gift("s1", 1000))
        asked = await workspace.sayso.propose("shop.take_gift", {"gift": "gift_1"}, subject="cus_1")
        assert (asked.status, asked.error and asked.error.code) == ("refused", "policy_denied")
        assert gifts_of(workspace).taken == []


@pytest.mark.promise("plans:undo")
async def test_a_callers_own_key_stands_in_the_way_of_no_undo(tmp_path: Path) -> None:
    """Whatever keys callers have used, the step that fails is settled and the others taken back."""
    async with open_gifts(tmp_path) as workspace:
        await workspace.sayso.propose(
            "shop.gift", {"amount": usd(500)}, subject="cus_1", idempotency_key="plan/s1/undo"
        )
        workspace.shop.faults = [ShopFault.SAYS_NO]
        await submit(workspace, OnFailure.UNDO, gift("s1", 1000), refund("s2", 1000, "s1"))
        assert await states(workspace) == {
            "s1": "compensated",
            "s2": "failed",
            "s1-undo": "succeeded",
        }
        assert_verified(workspace)


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("plans:undo:rights")
async def test_a_row_that_names_an_undone_step_gets_no_rights_by_it(tmp_path: Path) -> None:
    """Invariant 4: what takes a step back is what its connector says, not whatever names it."""
    async with open_gifts(tmp_path) as workspace:
        await submit(workspace, OnFailure.UNDO, gift("s1", 1000), refund("s2", ASKED))
        await agree_to(workspace, "s1")
        card = await shown(workspace, (await plan_of(workspace))["s2"])
        await workspace.sayso.approvals.decide_as(
            say(card, choice=DecisionChoice.REJECT), wait=False
        )
        await run_due(workspace)
        assert (await states(workspace))["s1"] == "compensated"
        claims = (
            "update action set undoes = (select id from action where step = 's1') where step = 's3'"
        )
        with pytest.raises(IntegrityError, match="tampered"):
            await submit(workspace, OnFailure.UNDO, gift("s3", 90_000), meanwhile=claims)
        assert (await states(workspace))["s3"] == "planned"
        assert len(gifts_of(workspace).gifts) == 1


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("plans:undo:rights")
async def test_a_right_to_take_back_that_ends_before_the_claim_is_not_remembered(
    tmp_path: Path,
) -> None:
    """What was judged as taking back, and takes nothing back any more, is judged as what it is."""
    armed = [False]

    def pull(at: Boundary) -> None:
        if at is Boundary.BEFORE_INTENT and armed[0] and gifts_of(workspace).gifts:
            by_hand = open_rows(workspace)
            by_hand.execute(
                "update action set status = 'failed' where step = 's1' and exists "
                "(select 1 from action where step = 's1-undo' and status = 'approved')"
            )
            by_hand.close()

    async with open_shop(tmp_path, shop=GiftShop(), policy=RULES, passing=pull) as workspace:
        stock(workspace)
        workspace.shop.faults = [ShopFault.SAYS_NO]
        armed[0] = True
        await submit(workspace, OnFailure.UNDO, gift("s1", 1000), refund("s2", 1000, "s1"))
        assert await states(workspace) == {"s1": "failed", "s2": "failed", "s1-undo": "refused"}
        assert gifts_of(workspace).taken == []


@pytest.mark.promise("engine:one-effect:denied")
async def test_a_denied_step_of_a_failed_plan_is_not_refused_before_that_is_proven(
    tmp_path: Path,
) -> None:
    """The provider did it and denied it, and shows it late: the ledger must not say it was not."""
    clock = FakeClock()
    shop = SlowToShow(verifiable(settle_after_s=60), clock, delay_s=50)
    async with open_shop(tmp_path, shop=shop, clock=clock, policy=OFTEN) as workspace:
        stock(workspace)
        shop.faults = [ShopFault.DENIES, ShopFault.SAYS_NO]
        with pytest.raises(RetryableError):
            await submit(workspace, OnFailure.STOP, refund("s1", 1000), refund("s2", 1000))
        assert await states(workspace) == {"s1": "approved", "s2": "failed"}
        clock.advance(seconds=55)
        await run_due(workspace)
        assert await states(workspace) == {"s1": "succeeded", "s2": "failed"}
        assert len(shop.books.payouts) == 1
        assert_verified(workspace)


@pytest.mark.promise("plans:undo")
@pytest.mark.parametrize("boundary", Boundary)
@pytest.mark.parametrize("passing", [1, 2, 3, 4, 5])
async def test_a_crash_on_the_way_back_takes_nothing_back_twice(
    tmp_path: Path, boundary: Boundary, passing: int
) -> None:
    """The plug is pulled at one boundary of one of the five calls; another process goes on."""
    shop = GiftShop()
    shop.faults = [ShopFault.SAYS_NO] * 2  # a no that is lost is said again
    left = passing

    def pull(at: Boundary) -> None:
        nonlocal left
        left -= at is boundary
        if left == 0:
            left = -1
            raise PlugPulledError

    async with open_shop(tmp_path, shop=shop, policy=RULES, passing=pull) as workspace:
        stock(workspace)
        with suppress(PlugPulledError):
            await submit(
                workspace,
                OnFailure.UNDO,
                gift("s1", 1000),
                gift("s2", 2000, "s1"),
                refund("s3", 9, "s2"),
            )
        clock = workspace.clock
    async with open_shop(tmp_path, shop=shop, policy=RULES, clock=clock) as workspace:
        for _ in range(12):
            clock.advance(minutes=3)
            await run_due(workspace)
        found = await states(workspace)
        assert (found["s1"], found["s2"], found["s3"]) == ("compensated", "compensated", "failed")
        assert shop.taken == ["gift_2", "gift_1"]
        assert len(shop.gifts) == 2
        assert workspace.shop.books.payouts == []
        assert_verified(workspace)
