"""A yes waits for a moment before it starts; until then it can be taken back, and never after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from actions.steps import (
    ASKED,
    MAIN,
    PlugPulledError,
    assert_verified,
    bodies,
    code_of,
    decide,
    open_rows,
    propose,
    run_due,
    say,
    shown,
    stock,
    submit_plan,
    usd,
)
from support.shop import Shop
from support.shop_workspace import STORE_URLS, ShopWorkspace, open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.approvals.hold import TakingBack
from sayso.actions.engine.engine import Boundary
from sayso.actions.model.plan import Step
from sayso.errors import ConfigError, RefusedError
from sayso.sdk.views.rows import ActionView, ApprovalView
from sayso.sdk.views.solution import SolutionView
from sayso.testing.clock import FakeClock

pytestmark = pytest.mark.promise("approvals:hold")
HELD = {"hold": "30s", "expires_after_minutes": 60}
BIG = 60_000


async def agreed(
    workspace: ShopWorkspace, minor: int = ASKED, *people: str
) -> tuple[ActionView, ApprovalView]:
    """A refund to which people have just said yes, and its card."""
    if not workspace.shop.books.orders:
        stock(workspace)
    view = await propose(workspace, minor)
    card = await shown(workspace, view)
    for person in people or ("maria",):
        await decide(workspace, say(card, person))
    return view, card


async def take_back(workspace: ShopWorkspace, card: ApprovalView, person: str) -> SolutionView:
    """Take the yes back as a surface does that has authenticated the person."""
    taking = TakingBack(
        tenant=MAIN, approval_id=card.id, person=person, via="test", credential="host"
    )
    return await workspace.sayso.solutions.take_back_as(taking)


async def refused(workspace: ShopWorkspace, card: ApprovalView, person: str = "maria") -> str:
    """The code with which a take-back is refused."""
    with pytest.raises(RefusedError) as caught:
        await take_back(workspace, card, person)
    return caught.value.code.value


async def status_of(workspace: ShopWorkspace, view: ActionView) -> str:
    """Where an action is."""
    return (await workspace.sayso.actions.get(view.id)).status


async def test_what_is_agreed_to_starts_only_after_the_hold(tmp_path: Path) -> None:
    """Whoever advances it, and whatever makes it due early; then it is done once."""
    async with open_shop(tmp_path, approvals=HELD) as workspace:
        view, card = await agreed(workspace)
        seen = await workspace.sayso.solutions.get(card.id)
        assert seen.may_take_back
        assert seen.starts_at is not None
        connection = open_rows(workspace)
        for _ in range(3):
            workspace.clock.advance(seconds=9)
            connection.execute("update action set due_at = 0")  # such as a step before it
            await run_due(workspace)
            assert await status_of(workspace, view) == "approved"
            assert not workspace.shop.books.payouts
        connection.close()
        workspace.clock.advance(seconds=3)
        await run_due(workspace)
        assert await status_of(workspace, view) == "succeeded"
        assert len(workspace.shop.books.payouts) == 1
        assert await refused(workspace, card) == "wrong_state"
        assert_verified(workspace)


async def test_a_card_says_when_a_yes_starts_and_under_a_stop_only_what_it_waits_for(
    tmp_path: Path,
) -> None:
    """No card says that it starts at once where it doesn't, on any surface; a stop outlasts it."""
    async with open_shop(tmp_path, approvals=HELD) as workspace:
        stock(workspace)
        card = await shown(workspace, await propose(workspace))
        said = (await workspace.sayso.solutions.get(card.id)).lead.on_yes
        assert said == "it starts after 30 s; until then the yes can be taken back."
        await workspace.sayso.stops.engage("action", "shop.refund", reason="look")
        said = (await workspace.sayso.solutions.get(card.id)).lead.on_yes
        assert said == "stopped (action shop.refund): it waits until two people let it go on."


async def test_a_yes_that_is_taken_back_moves_nothing_and_is_asked_anew(tmp_path: Path) -> None:
    """Also by another who may; the entry names who, and an earlier card is out of date."""
    async with open_shop(tmp_path, approvals=HELD) as workspace:
        view, card = await agreed(workspace)
        workspace.clock.advance(seconds=29)
        after = await take_back(workspace, card, "noor")
        assert (after.status, after.revision, after.agreed) == ("pending", 2, ())
        assert after.expires_at == card.expires_at
        told: list[Any] = [body for body in bodies(workspace) if body["kind"] == "action.stale"]
        assert [(one["actor"]["id"], one["data"]["taken_back"]) for one in told] == [("noor", True)]
        assert await refused(workspace, card) == "wrong_state", "there is no yes any more"
        workspace.clock.advance(minutes=10)
        await run_due(workspace)
        assert not workspace.shop.books.payouts
        assert await code_of(workspace, say(card)) == "stale_revision"
        await decide(workspace, say(await shown(workspace, view), "maria"))
        workspace.clock.advance(seconds=31)
        await run_due(workspace)
        assert len(workspace.shop.books.payouts) == 1
        assert_verified(workspace)


async def test_where_two_agreed_each_may_take_it_back_and_two_are_asked_again(
    tmp_path: Path,
) -> None:
    """One new yes starts nothing; nobody without a role, nor who asked for it, takes it back."""
    async with open_shop(tmp_path, approvals=HELD) as workspace:
        view, card = await agreed(workspace, BIG, "maria", "finn")
        assert await status_of(workspace, view) == "approved"
        assert await refused(workspace, card, "idle") == "not_an_approver"
        assert await refused(workspace, card, "bot") == "not_an_approver"
        await take_back(workspace, card, "finn")
        await decide(workspace, say(await shown(workspace, view), "maria"))
        workspace.clock.advance(minutes=5)
        await run_due(workspace)
        assert await status_of(workspace, view) == "pending_approval"
        assert not workspace.shop.books.payouts
        assert_verified(workspace)


@pytest.mark.promise("approvals:take-back-first")
async def test_the_first_of_two_yeses_is_taken_back_by_its_giver_alone(tmp_path: Path) -> None:
    """Without any hold; the second yes then finds another card, and two are asked as before."""
    async with open_shop(tmp_path, approvals={"expires_after_minutes": 60}) as workspace:
        view, card = await agreed(workspace, BIG, "maria")
        seen = await workspace.sayso.solutions.get(card.id)
        assert (seen.status, seen.agreed, seen.may_take_back) == ("pending", ("maria",), True)
        assert await refused(workspace, card, "finn") == "wrong_state", "finn has said nothing yet"
        assert await refused(workspace, card, "idle") == "not_an_approver"
        workspace.clock.advance(minutes=5)
        after = await take_back(workspace, card, "maria")
        assert (after.status, after.revision, after.agreed) == ("pending", 2, ())
        assert (after.expires_at, after.may_take_back) == (card.expires_at, False)
        assert await refused(workspace, card) == "wrong_state", "it is taken back once"
        assert await code_of(workspace, say(card, "finn")) == "stale_revision"
        anew = await shown(workspace, view)
        for person in ("finn", "maria"):
            assert not workspace.shop.books.payouts
            await decide(workspace, say(anew, person))
            await run_due(workspace)
        assert len(workspace.shop.books.payouts) == 1
        told: list[Any] = [body for body in bodies(workspace) if body["kind"] == "action.stale"]
        assert [(one["actor"]["id"], one["data"]["taken_back"]) for one in told] == [
            ("maria", True)
        ]
        assert_verified(workspace)


async def test_less_that_nobody_would_be_asked_about_ends_when_its_yes_is_taken_back(
    tmp_path: Path,
) -> None:
    """$30 run by themselves; once somebody took their yes to them back, they never do."""
    async with open_shop(tmp_path, approvals=HELD) as workspace:
        stock(workspace)
        view = await propose(workspace)
        card = await shown(workspace, view)
        await decide(workspace, say(card, "maria", DecisionChoice.EDIT, args={"amount": usd(3000)}))
        assert await status_of(workspace, view) == "approved"
        await take_back(workspace, card, "maria")
        workspace.clock.advance(hours=2)
        await run_due(workspace)
        assert await status_of(workspace, view) == "refused"
        assert not workspace.shop.books.payouts
        assert_verified(workspace)


async def test_the_time_to_decide_ends_no_hold_and_no_hold_outlives_it(tmp_path: Path) -> None:
    """A yes ten seconds before the end starts five before it; what is taken back then expires."""
    async with open_shop(tmp_path, approvals=HELD) as workspace:
        stock(workspace, "o1", "o2")
        first, second = await propose(workspace), await propose(workspace, order="o2")
        workspace.clock.advance(minutes=59, seconds=50)
        cards = [await shown(workspace, one) for one in (first, second)]
        for card in cards:
            await decide(workspace, say(card))
        workspace.clock.advance(seconds=4)
        await run_due(workspace)
        assert not workspace.shop.books.payouts
        await take_back(workspace, cards[1], "maria")
        workspace.clock.advance(seconds=1)
        await run_due(workspace)
        assert await status_of(workspace, first) == "succeeded"
        workspace.clock.advance(seconds=6)
        await run_due(workspace)
        assert await status_of(workspace, second) == "expired"
        assert len(workspace.shop.books.payouts) == 1
        assert_verified(workspace)


async def test_under_a_stop_a_yes_can_be_taken_back_however_long_it_waits(tmp_path: Path) -> None:
    """The hold ends under the stop; what was taken back does not go on with the others."""
    async with open_shop(tmp_path, approvals=HELD) as workspace:
        sayso = workspace.sayso
        stock(workspace, "o1", "o2")
        views = [await propose(workspace), await propose(workspace, order="o2")]
        cards = [await shown(workspace, one) for one in views]
        for card in cards:
            await decide(workspace, say(card))
        stop = await sayso.stops.engage(reason="look first")
        workspace.clock.advance(minutes=2)
        await run_due(workspace)
        await take_back(workspace, cards[0], "maria")
        for person in ("maria", "noor"):
            _, secret = await sayso.sessions.begin(person, via="token")
            await sayso.stops.resume(stop.id, token=secret)
        await run_due(workspace)
        assert await status_of(workspace, views[0]) == "pending_approval"
        assert await status_of(workspace, views[1]) == "succeeded"
        assert_verified(workspace)


@pytest.mark.parametrize("at", [Boundary.BEFORE_INTENT, Boundary.AFTER_INTENT])
async def test_a_crash_at_the_end_of_the_hold_leaves_either_a_yes_or_a_call(
    tmp_path: Path, at: Boundary
) -> None:
    """Before the intent it can be taken back still; after it it cannot, and is done once."""
    pulled = [at]

    def pull(boundary: Boundary) -> None:
        if pulled and boundary is pulled[0]:
            raise PlugPulledError

    shop, clock = Shop(), FakeClock()
    async with open_shop(tmp_path, shop=shop, clock=clock, approvals=HELD, passing=pull) as one:
        view, card = await agreed(one)
        clock.advance(seconds=31)
        with pytest.raises(PlugPulledError):
            await run_due(one)
    pulled.clear()
    async with open_shop(tmp_path, shop=shop, clock=clock, approvals=HELD) as workspace:
        if at is Boundary.BEFORE_INTENT:
            await take_back(workspace, card, "maria")
        else:
            assert await refused(workspace, card) == "wrong_state"
        for _ in range(8):
            clock.advance(minutes=2)
            await run_due(workspace)
        calls = 0 if at is Boundary.BEFORE_INTENT else 1
        assert len(shop.books.payouts) == calls
        status = await status_of(workspace, view)
        assert status == ("pending_approval" if not calls else "succeeded")
        assert_verified(workspace)


@asynccontextmanager
async def on(kind: str, folder: Path, url: str) -> AsyncGenerator[ShopWorkspace]:
    """A shop on one of the stores."""
    STORE_URLS.append(url if kind == "postgres" else STORE_URLS[-1])
    try:
        async with open_shop(folder, approvals=HELD) as workspace:
            yield workspace
    finally:
        STORE_URLS.pop()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_of_a_start_and_a_take_back_at_once_one_finds_the_other(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """Either it was taken back and nothing moved, or it moved once and the take-back is told so."""
    url = "" if kind == "sqlite" else str(request.getfixturevalue("postgres_url"))
    async with on(kind, tmp_path, url) as workspace:
        for number in range(6):
            stock(workspace, f"o{number}", customer=f"cus_{number}")
            view = await propose(workspace, order=f"o{number}", subject=f"cus_{number}")
            card = await shown(workspace, view)
            await decide(workspace, say(card))
            workspace.clock.advance(seconds=30)
            before = len(workspace.shop.books.payouts)
            taken, _ = await asyncio.gather(
                take_back(workspace, card, "maria"),
                workspace.sayso.container.engine.advance(MAIN, view.id),
                return_exceptions=True,
            )
            moved = len(workspace.shop.books.payouts) - before
            assert moved == isinstance(taken, RefusedError), taken
        found = workspace.sayso.audit.verify(deep=True)
        assert found.verdict == "verified", found.all_findings


async def test_a_step_that_waited_with_its_plan_waits_with_it_again(tmp_path: Path) -> None:
    """$30 would run by themselves; taken back with the plan, they wait for its people as before."""
    async with open_shop(tmp_path, approvals=HELD) as workspace:
        stock(workspace, "o1", "o2")
        orders = (("s1", "o1", ASKED, ()), ("s2", "o2", 3000, ("s1",)))
        steps = [
            Step(id=name, action="shop.refund", args={"order": one, "amount": usd(much)}, after=a)
            for name, one, much, a in orders
        ]
        rows = await submit_plan(workspace, *steps)
        await run_due(workspace)
        cards = [(await workspace.sayso.actions.get(row.id)).approval for row in rows]
        for card in cards:
            assert card is not None, "both wait"
            await decide(workspace, say(card), wait=False)
        assert cards[0] is not None
        after = await take_back(workspace, cards[0], "maria")
        assert [step.status for step in after.steps] == ["pending_approval"] * 2
        workspace.clock.advance(minutes=2)
        await run_due(workspace)
        assert not workspace.shop.books.payouts
        assert_verified(workspace)


@pytest.mark.parametrize("hold", ["11m", "601s", "-1s", "1h", "soon"])
async def test_a_strange_hold_is_refused(tmp_path: Path, hold: str) -> None:
    """At most ten minutes: what waits longer is a card."""
    with pytest.raises(ConfigError, match="hold"):
        async with open_shop(tmp_path, approvals={"hold": hold}):
            raise AssertionError("it was taken")
