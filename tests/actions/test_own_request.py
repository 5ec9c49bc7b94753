"""Whoever starts the agent's run is the requester of all that it plans (invariant 5, SL-13)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from actions.desk import (
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
from support.house import ShopHouse, open_shop
from support.shop import Shop, ShopFault

from sayso.actions.approvals.decision import Choice
from sayso.actions.controls.manual_resolution import Resolution
from sayso.actions.model.definition import Subject, at_most_once
from sayso.actions.model.plan import Step
from sayso.agent.base import Message
from sayso.agent.requests import Ask
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import RefusedError
from sayso.sdk.views import ActionView

MARIA = Actor(kind=ActorKind.PERSON, id="maria")


async def planned_for(house: ShopHouse, who: Actor) -> ActionView:
    """An action that the agent planned for somebody's request, and that waits for people."""
    floors = house.sayso.house
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
    (row,) = await submit_plan(house, step, request=request.id)
    await floors.engine.advance(MAIN, row.id)
    return await house.sayso.action(row.id)


@pytest.mark.parametrize("choice", list(Choice))
async def test_who_started_the_run_decides_nothing_of_it(tmp_path: Path, choice: Choice) -> None:
    """The agent proposed it, on this person's word: neither yes, nor no, nor less."""
    async with open_shop(tmp_path) as house:
        stock(house)
        view = await planned_for(house, MARIA)
        args = {"amount": usd(100)} if choice is Choice.EDIT else None
        card = await shown(house, view)
        assert await code_of(house, say(card, "maria", choice, args=args)) == "own_request"
        assert (await house.sayso.action(view.id)).status == "pending_approval"
        await decide(house, say(card, "noor"))
        assert (await house.sayso.action(view.id)).status == "succeeded"


async def test_a_service_of_the_same_name_is_nobody_s_own_request(tmp_path: Path) -> None:
    """Kind and id together are who it was."""
    async with open_shop(tmp_path) as house:
        stock(house)
        view = await planned_for(house, replace(MARIA, kind=ActorKind.SERVICE))
        await decide(house, say(await shown(house, view), "maria"))
        assert (await house.sayso.action(view.id)).status == "succeeded"


@pytest.mark.parametrize("table", ["approval", "action"])
async def test_an_approval_cannot_be_given_another_requester(tmp_path: Path, table: str) -> None:
    """The action's own requester counts as well as the copy beside the card."""
    async with open_shop(tmp_path) as house:
        stock(house)
        view = await house.sayso.propose(
            "shop.refund", {"order": "o1", "amount": usd(ASKED)}, subject="cus_1", requester=MARIA
        )
        rows = open_rows(house)
        rows.execute(f"update {table} set requester = 'service:sdk'")
        rows.close()
        assert await code_of(house, say(await shown(house, view), "maria")) == "own_request"


async def test_who_started_the_run_settles_nothing_of_it(tmp_path: Path) -> None:
    """Design 2.8: what became of an unknown outcome is said by somebody else, too."""
    async with open_shop(tmp_path, shop=Shop(at_most_once())) as house:
        stock(house)
        house.shop.faults.append(ShopFault.LOST_AFTER)
        view = await planned_for(house, MARIA)
        await decide(house, say(await shown(house, view), "noor"))
        assert (await house.sayso.action(view.id)).status == "unknown"
        seen = Resolution(
            tenant=MAIN,
            action_id=view.id,
            outcome="failed",
            evidence="the payouts of the day",
            person="maria",
            via="test",
        )
        with pytest.raises(RefusedError, match="own_request"):
            await house.sayso.house.resolutions.resolve(seen)
        settled = await house.sayso.house.resolutions.resolve(replace(seen, person="noor"))
        assert settled.status == "failed"
