"""A customer for whom people agreed to less is told what was asked for and what was done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from actions.steps import code_of, say, shown, usd
from agent.test_reply import CLAIMS, outcome
from agent.test_run import Scripted, plan, refund
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.model.status import Status
from sayso.agent.reply import write_reply
from sayso.money import Money
from sayso.sdk.views.rows import RequestView


async def ask(workspace: ShopWorkspace, minor: int) -> RequestView:
    """A request for so much of an order of $1,000, planned as one step."""
    workspace.shop.books.add("o1", "cus_1", Money(100_000, "USD"))
    return await workspace.sayso.ask("cus_1", f"refund {Money(minor, 'USD')} please")


async def less(
    workspace: ShopWorkspace, view: RequestView, minor: int, person: str = "maria"
) -> str:
    """Somebody agrees to so much only; what the customer is told then."""
    card = await shown(workspace, view.actions[0])
    edit = say(card, person, DecisionChoice.EDIT, args={"amount": usd(minor)})
    assert await code_of(workspace, edit) == "done"
    return await told(workspace, view)


async def told(workspace: ShopWorkspace, view: RequestView) -> str:
    """The reply that is true now."""
    reply = (await workspace.sayso.requests.get(view.id)).reply
    assert reply is not None
    return reply


@pytest.mark.promise("agent:reply")
async def test_less_than_asked_is_told_to_be_less(tmp_path: Path) -> None:
    """They asked for $129.00, and a reply about $60.00 alone hides that."""
    async with open_shop(tmp_path, planner=Scripted(plan(refund(12_900)))) as workspace:
        reply = await less(workspace, await ask(workspace, 12_900), 6_000)
        assert workspace.shop.books.paid_out_minor == 6_000
        assert "$60.00, o1 (less than the $129.00 that was asked for)" in reply


@pytest.mark.promise("agent:reply")
async def test_what_was_asked_for_stays_what_it_was_at_first(tmp_path: Path) -> None:
    """Lowered twice while it waits for a second person, and told at each moment."""
    async with open_shop(tmp_path, planner=Scripted(plan(refund(80_000)))) as workspace:
        view = await ask(workspace, 80_000)
        assert "less than" not in await told(workspace, view)
        first = await less(workspace, view, 70_000)
        assert "$700.00, o1 (less than the $800.00 that was asked for) first." in first
        second = await less(workspace, view, 60_000, "finn")
        assert "$600.00, o1 (less than the $800.00 that was asked for) first." in second
        assert (
            await code_of(workspace, say(await shown(workspace, view.actions[0]), "maria"))
            == "done"
        )
        last = await told(workspace, view)
        assert "$600.00, o1 (less than the $800.00 that was asked for)." in last


@pytest.mark.promise("agent:reply")
async def test_a_world_that_changed_is_no_less_that_people_agreed_to(tmp_path: Path) -> None:
    """A new revision by itself says nothing: nobody has lowered what was asked for."""
    async with open_shop(tmp_path, planner=Scripted(plan(refund(None)))) as workspace:
        view = await ask(workspace, 100_000)
        workspace.shop.books.orders["o1"].refunded_minor += 60_000
        workspace.clock.advance(hours=1)
        for person in ("maria", "finn"):
            await code_of(workspace, say(await shown(workspace, view.actions[0]), person))
        card = await shown(workspace, view.actions[0])
        assert (card.revision, card.card["amount"]) == (2, usd(40_000))
        assert await code_of(workspace, say(card)) == "done"
        assert "less than" not in await told(workspace, view)


@pytest.mark.promise("agent:reply")
@pytest.mark.parametrize("status", Status)
def test_every_state_tells_both_amounts(status: Status) -> None:
    """Also while it waits and where it came to nothing; and still no state claims another's."""
    given = outcome(status)
    text = write_reply([replace(given, asked=Money(2600, "USD"))])
    assert "(less than the $26.00 that was asked for)" in text
    assert "$18.50" in text
    assert bool(CLAIMS.search(text)) is (status is Status.SUCCEEDED)
