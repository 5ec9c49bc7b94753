"""A policy about an action of a connector that one of the processes does not have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from actions.policy.test_versions import token_of
from actions.steps import MAIN, decide, propose, run_due, say, shown, stock, usd
from support.shop import Shop, ShopFault
from support.shop_workspace import POLICY, ShopWorkspace, make_shop_workspace
from support.tea_house import TeaHouse

from sayso.audit.entry import Actor, ActorKind
from sayso.audit.verifier.verification import Verdict
from sayso.errors import Code, ConfigError, RefusedError, SaysoError
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import ActionView
from sayso.testing.clock import FakeClock

FILES = {
    "tea/tea.cedar": """
@id("tea") @explain("a pot of tea once a support manager says yes")
permit (principal, action in [Action::"shop.refund", Action::"tea.serve"], resource)
when {
  context has leaves && context.leaves < 10 &&
  context.approvedBy.contains("support_manager")
};

@id("no-flood") @explain("no flood of tea")
forbid (principal, action == Action::"tea.serve", resource) when { context.leaves > 9000 };
""",
    "tea/limits.toml": """
[[limit]]
id = "pots"
say = "five pots a day"
of = "customer"
action = "tea.serve"
count = 5
per = "day"
""",
    "tea/rollout.toml": """
[[dial]]
id = "tea"
say = "tea for everybody"
action = "tea.serve"
stage = "auto"
""",
    "tea/table.toml": """
action = "tea.serve"

[[never]]
id = "no-ocean"
say = "an ocean of tea is no tea"
leaves = { at_least = 1000 }
""",
}
pytestmark = pytest.mark.usefixtures("store_url")


@asynccontextmanager
async def process(
    folder: Path, clock: FakeClock, *connectors: Shop
) -> AsyncGenerator[ShopWorkspace]:
    """One more process over the same database, with those connectors; the shop is the first."""
    section: dict[str, object] = {"files": ["policy.cedar", *sorted(FILES)]}
    workspace = make_shop_workspace(folder, POLICY, policy_section=section)
    async with Sayso(workspace, mode="decide", connectors=connectors, clock=clock) as sayso:
        yield ShopWorkspace(sayso=sayso, shop=connectors[0], clock=clock, workspace=workspace)


@asynccontextmanager
async def two(
    folder: Path, tea: TeaHouse, *stale_too: Shop
) -> AsyncGenerator[tuple[ShopWorkspace, ShopWorkspace]]:
    """A process with tea, one without; the policy about tea is in force."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    clock, shop = FakeClock(), Shop()
    async with process(folder, clock, shop, tea) as whole:
        stock(whole, "o1", "o2", "o3", "o4")
        tea.books.orders.update(shop.books.orders)
        by = Actor(kind=ActorKind.SERVICE, id="test")
        await whole.sayso.policy.begin(by=by, via="test")
        async with process(folder, clock, shop, *stale_too) as stale:
            yield whole, stale


async def order_tea(opened: ShopWorkspace) -> ActionView:
    """A pot for a customer, which a support manager has to allow."""
    return await opened.sayso.propose(
        "tea.serve", {"order": "o4", "amount": usd(500)}, subject="cus_1"
    )


@pytest.mark.promise("policy:absent")
async def test_what_another_process_may_do_stops_nothing_that_this_one_may(tmp_path: Path) -> None:
    """A policy about an unknown action took a server down whole: everything was 503."""
    async with two(tmp_path, TeaHouse()) as (_, stale):
        assert (await propose(stale, 2000)).status == "succeeded"
        asked = await propose(stale, order="o2")
        await decide(stale, say(await shown(stale, asked)))
        assert (await stale.sayso.actions.get(asked.id)).status == "succeeded"


@pytest.mark.promise("policy:absent")
async def test_an_action_that_is_not_here_is_refused_here_and_done_there(tmp_path: Path) -> None:
    """By its rules, limits and dials, which the process without it has left as they are."""
    async with two(tmp_path, TeaHouse()) as (whole, stale):
        with pytest.raises(RefusedError) as caught:
            await order_tea(stale)
        assert caught.value.code is Code.UNKNOWN_ACTION
        asked = await order_tea(whole)
        assert asked.status == "pending_approval", asked
        assert (await propose(stale, 2000)).status == "succeeded"
        await decide(whole, say(await shown(whole, asked)))
        assert (await whole.sayso.actions.get(asked.id)).status == "succeeded"
        assert (await asyncio.to_thread(whole.sayso.audit.verify)).verdict is Verdict.VERIFIED


@pytest.mark.promise("policy:absent")
async def test_a_yes_where_the_action_is_not_says_who_can_take_it(tmp_path: Path) -> None:
    """It is refused with what to do, and counts once it is said where the action is."""
    async with two(tmp_path, TeaHouse()) as (whole, stale):
        asked = await order_tea(whole)
        with pytest.raises(SaysoError) as caught:
            await decide(stale, say(await shown(whole, asked)))
        assert "tea" in str(caught.value), caught.value
        await decide(whole, say(await shown(whole, asked)))
        assert (await whole.sayso.actions.get(asked.id)).status == "succeeded"


@pytest.mark.promise("policy:absent")
@pytest.mark.parametrize("fault", [ShopFault.LOST_AFTER, ShopFault.LOST_BEFORE])
async def test_a_lost_answer_is_looked_up_by_who_can(tmp_path: Path, fault: ShopFault) -> None:
    """The others spend none of its look-ups: it ended as unknown by their failing."""
    tea = TeaHouse()
    async with two(tmp_path, tea) as (whole, stale):
        tea.faults.append(fault)
        asked = await order_tea(whole)
        await decide(whole, say(await shown(whole, asked)))
        before = await whole.sayso.actions.get(asked.id)
        assert before.status == "unknown"
        for _ in range(40):
            whole.clock.advance(minutes=1)
            await stale.sayso.container.engine.advance(MAIN, asked.id)
        assert tea.looked_up == 0
        assert (await whole.sayso.actions.get(asked.id)) == before
        await run_due(whole)
        assert (await whole.sayso.actions.get(asked.id)).status == "succeeded"
        assert len(tea.books.payouts) == 1


@pytest.mark.promise("policy:absent")
async def test_what_waits_for_another_connector_waits_as_it_is(tmp_path: Path) -> None:
    """Approved and not called yet: neither refused nor made stale by who cannot call it."""
    tea = TeaHouse()
    async with two(tmp_path, tea) as (whole, stale):
        asked = await order_tea(whole)
        await decide(whole, say(await shown(whole, asked)), wait=False)
        for _ in range(12):
            stale.clock.advance(minutes=1)
            await stale.sayso.container.engine.advance(MAIN, asked.id)
        assert (await whole.sayso.actions.get(asked.id)).status == "approved"
        await run_due(whole)
        assert (await whole.sayso.actions.get(asked.id)).status == "succeeded"


@pytest.mark.promise("policy:absent")
async def test_a_card_ends_by_the_clock_of_whoever_looks(tmp_path: Path) -> None:
    """For that nobody has to ask a provider, also where the last one with the connector is gone."""
    async with two(tmp_path, TeaHouse()) as (whole, stale):
        asked = await order_tea(whole)
        stale.clock.advance(minutes=24 * 60)
        await run_due(stale)
        assert (await whole.sayso.actions.get(asked.id)).status == "expired"


@pytest.mark.promise("policy:absent")
async def test_a_connector_of_before_judges_nothing_and_stops_nothing(tmp_path: Path) -> None:
    """It has the action, and not what the rules read of it: that action alone is left."""
    old = TeaHouse(tells_leaves=False)
    async with two(tmp_path, TeaHouse(), old) as (_, stale):
        old.books.orders.update(stale.shop.books.orders)
        assert (await propose(stale, 2000)).status == "succeeded"
        with pytest.raises(SaysoError) as caught:
            await order_tea(stale)
        assert caught.value.code is Code.POLICY_UNAVAILABLE
        assert "tea" in caught.value.next_step


@pytest.mark.promise("policy:absent")
async def test_a_draft_about_an_absent_action_is_refused_and_says_whose_it_is(
    tmp_path: Path,
) -> None:
    """Nobody can check a rule about what is not here; and what it does to others is not known."""
    async with two(tmp_path, TeaHouse()) as (_, stale):
        token = await token_of(stale.sayso, "maria")
        with pytest.raises(ConfigError) as caught:
            await stale.sayso.policy.activate(token=token)
        assert caught.value.code is Code.INVALID_POLICY
        said = f"{caught.value} {caught.value.next_step} {caught.value.detail}"
        assert "this program has no connector `tea`" in said
