"""Whoever starts the agent's run is the requester of all that it plans (invariant 5)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from actions.steps import (
    ASKED,
    MAIN,
    code_of,
    decide,
    open_rows,
    say,
    shown,
    stock,
    submit_plan,
    usd,
)
from support.shop import Shop, ShopFault
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.controls.manual_resolution import ManualSettlement
from sayso.actions.model.definition import Subject, at_most_once
from sayso.actions.model.plan import Step
from sayso.agent.base import Message
from sayso.agent.incoming import Ask
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import RefusedError
from sayso.sdk.views.rows import ActionView

MARIA = Actor(kind=ActorKind.PERSON, id="maria")


async def planned_for(workspace: ShopWorkspace, who: Actor) -> ActionView:
    """An action that the agent planned for somebody's request, and that waits for people."""
    floors = workspace.sayso.container
    request = await floors.requests.ask(
        Ask(
            tenant=MAIN,
            requester=who,
            subject=Subject(id="cus_1"),
            messages=(Message(role="customer", content="it broke"),),
            key="k1",
        )
    )
    step = Step(id="s1", action="shop.refund", args={"order": "o1", "amount": usd(ASKED)})
    (row,) = await submit_plan(workspace, step, request=request.id)
    await floors.engine.advance(MAIN, row.id)
    return await workspace.sayso.actions.get(row.id)


@pytest.mark.parametrize("choice", list(DecisionChoice))
async def test_who_started_the_run_decides_nothing_of_it(
    tmp_path: Path, choice: DecisionChoice
) -> None:
    """The agent proposed it, on this person's word: neither yes, nor no, nor less."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        view = await planned_for(workspace, MARIA)
        args = {"amount": usd(100)} if choice is DecisionChoice.EDIT else None
        card = await shown(workspace, view)
        assert await code_of(workspace, say(card, "maria", choice, args=args)) == "own_request"
        assert (await workspace.sayso.actions.get(view.id)).status == "pending_approval"
        await decide(workspace, say(card, "noor"))
        assert (await workspace.sayso.actions.get(view.id)).status == "succeeded"


async def test_a_service_of_the_same_name_is_nobody_s_own_request(tmp_path: Path) -> None:
    """Kind and id together are who it was."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        view = await planned_for(workspace, replace(MARIA, kind=ActorKind.SERVICE))
        await decide(workspace, say(await shown(workspace, view), "maria"))
        assert (await workspace.sayso.actions.get(view.id)).status == "succeeded"


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.parametrize("table", ["approval", "action"])
async def test_an_approval_cannot_be_given_another_requester(tmp_path: Path, table: str) -> None:
    """The action's own requester counts as well as the copy beside the card."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        view = await workspace.sayso.propose(
            "shop.refund", {"order": "o1", "amount": usd(ASKED)}, subject="cus_1", requester=MARIA
        )
        rows = open_rows(workspace)
        rows.execute(f"update {table} set requester = 'service:sdk'")
        rows.close()
        assert await code_of(workspace, say(await shown(workspace, view), "maria")) == "own_request"


async def test_who_started_the_run_settles_nothing_of_it(tmp_path: Path) -> None:
    """What became of an unknown outcome is said by somebody else, too."""
    async with open_shop(tmp_path, shop=Shop(at_most_once())) as workspace:
        stock(workspace)
        workspace.shop.faults.append(ShopFault.LOST_AFTER)
        view = await planned_for(workspace, MARIA)
        await decide(workspace, say(await shown(workspace, view), "noor"))
        assert (await workspace.sayso.actions.get(view.id)).status == "unknown"
        seen = ManualSettlement(
            tenant=MAIN,
            action_id=view.id,
            outcome="failed",
            evidence="the payouts of the day",
            person="maria",
            via="test",
            credential="host",
        )
        with pytest.raises(RefusedError, match="own_request"):
            await workspace.sayso.container.settlements.settle(seen)
        settled = await workspace.sayso.container.settlements.settle(replace(seen, person="noor"))
        assert settled.status == "failed"
