"""What a customer puts right is read anew, and nobody can say yes any more to the old card."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from actions.steps import assert_verified, code_of, decide, say, shown
from agent.test_run import Scripted, plan, refund
from agent.test_withdrawing import kinds, now, paid, stock
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.model.definition import Assurance, Subject
from sayso.actions.model.plan import Handoff
from sayso.actions.model.snapshot import Call
from sayso.errors import Code, SaysoError
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import RequestView

FIRST = "refund $120.00 of order o1 please"
LESS = "no, only $100"


async def ask(
    opened: ShopWorkspace, words: str = FIRST, who: str | Subject = "cus_1"
) -> RequestView:
    """A request of cus_1 in their thread."""
    return await opened.sayso.ask(who, words, conversation="t1")


@pytest.mark.promise("agent:corrected")
@pytest.mark.usefixtures("store_url")
async def test_nobody_can_say_yes_to_what_was_put_right(tmp_path: Path) -> None:
    """The old card is closed, the new one quotes both messages, and the new amount is paid."""
    planner = Scripted(plan(refund(12_000)), plan(refund(10_000)))
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        asked = await ask(opened)
        old = await shown(opened, asked.actions[0])
        corrected = await ask(opened, LESS)
        assert corrected.id != asked.id
        assert await code_of(opened, say(old)) == Code.WITHDRAWN
        card = await shown(opened, corrected.actions[0])
        assert card.card["quote"] == f"{LESS}\nBefore: {FIRST}"
        turns = await opened.sayso.solutions.turns(corrected.id)
        assert [turn.content for turn in turns] == [FIRST, LESS]
        await decide(opened, say(card))
        assert (paid(opened), (await now(opened, asked)).status) == ([10_000], "withdrawn")
        told_by_log = await kinds(opened)
        assert told_by_log.count("request.withdrawn") == 1
        assert_verified(opened)


@pytest.mark.promise("agent:corrected")
async def test_a_correction_that_cannot_be_planned_is_a_persons(tmp_path: Path) -> None:
    """Nothing of the old one can be approved, and a person has the whole conversation."""
    nobody = Handoff(reason="who knows", planner="scripted")
    async with open_shop(tmp_path, planner=Scripted(plan(refund(12_000)), nobody)) as opened:
        stock(opened)
        asked = await ask(opened)
        old = await shown(opened, asked.actions[0])
        corrected = await ask(opened, "I made a mistake, I mean order 1043")
        assert (corrected.status, corrected.actions) == ("handed_over", ())
        assert await code_of(opened, say(old)) == Code.WITHDRAWN
        work = [one.about for one in await opened.sayso.work.list()]
        assert work == [corrected.id]
        assert paid(opened) == []
        assert_verified(opened)


@pytest.mark.promise("agent:corrected")
@pytest.mark.usefixtures("store_url")
async def test_what_is_under_way_is_told_and_not_done_twice(tmp_path: Path) -> None:
    """A correction after the call began plans nothing: a person has it, told what is under way."""
    planner = Scripted(*[plan(refund(12_000))] * 2)
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        asked = await ask(opened)
        told: list[RequestView] = []

        async def put_right(call: Call) -> None:
            told.append(await ask(opened, LESS))

        opened.shop.on_call = put_right
        await decide(opened, say(await shown(opened, asked.actions[0])))
        assert (told[0].status, told[0].actions) == ("handed_over", ())
        assert "cannot be stopped any more" in told[0].reply
        ended = await now(opened, told[0])
        assert "pay_1" in ended.reply
        assert "pay_1" in (await now(opened, asked)).reply
        assert paid(opened) == [12_000]
        assert_verified(opened)


@pytest.mark.promise("agent:corrected")
async def test_a_forged_sender_puts_nothing_right(tmp_path: Path) -> None:
    """Whoever is known less well changes no card: neither its revision nor what it quotes."""
    nobody = Handoff(reason="who knows", planner="scripted")
    planner = Scripted(plan(refund(12_000)), nobody, nobody)
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        asked = await ask(opened)
        card = await shown(opened, asked.actions[0])
        forged = Subject(id="cus_1", assurance=Assurance.UNVERIFIED)
        await ask(opened, LESS, forged)
        await now(opened, asked)
        assert await shown(opened, asked.actions[0]) == card
        await ask(opened, "maybe I should keep it, I am not sure")
        await now(opened, asked)
        card = await shown(opened, asked.actions[0])
        assert LESS not in str(card.card["quote"])
        await decide(opened, say(card))
        assert paid(opened) == [12_000]
        assert_verified(opened)


@pytest.mark.promise("agent:corrected")
async def test_words_of_who_was_known_less_do_not_become_the_customers(tmp_path: Path) -> None:
    """A signed-in customer's correction stops it, and the earlier words are not read as theirs."""
    planner = Scripted(*[plan(refund(12_000))] * 2)
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        asked = await ask(opened)
        sure = Subject(id="cus_1", assurance=Assurance.SIGNED_IN)
        corrected = await ask(opened, LESS, sure)
        assert (await now(opened, asked)).status == "withdrawn"
        turns = await opened.sayso.solutions.turns(corrected.id)
        assert [turn.content for turn in turns] == [LESS]
        assert_verified(opened)


@pytest.mark.promise("agent:corrected")
@pytest.mark.usefixtures("store_url")
async def test_a_correction_and_a_yes_at_one_moment_are_never_both(tmp_path: Path) -> None:
    """Races of two workers: the old one was paid and nothing else, or a new card waits."""
    races = 12
    planner = Scripted(*[plan(refund(12_000)), plan(refund(10_000))] * races)
    async with open_shop(tmp_path, planner=planner) as opened:
        for number in range(races):
            opened.shop.books.add(f"o{number}", f"cus_{number}", Money(100_000, "USD"))
        async with Sayso(opened.workspace, mode="decide", connectors=[opened.shop]) as other:
            ended = [await _race(opened, other, f"cus_{number}") for number in range(races)]
        assert set(ended) <= {("withdrawn", "acting"), ("succeeded", "handed_over")}
        assert paid(opened) == [12_000] * ended.count(("succeeded", "handed_over"))
        assert_verified(opened)


async def _race(opened: ShopWorkspace, other: Sayso, customer: str) -> tuple[str, str]:
    """How the old action ended, and where the correction stands."""
    planner = opened.sayso.container.agent.ready()
    assert isinstance(planner, Scripted)
    asked = await opened.sayso.ask(customer, FIRST, conversation=customer)
    yes = say(await shown(opened, asked.actions[0]))
    found: Sequence[object] = await asyncio.gather(
        other.approvals.decide_as(yes, wait=True),
        opened.sayso.ask(customer, LESS, conversation=customer),
        return_exceptions=True,
    )
    assert all(isinstance(one, SaysoError) or not isinstance(one, Exception) for one in found)
    corrected = found[1]
    assert isinstance(corrected, RequestView)
    old, new = await now(opened, asked), await now(opened, corrected)
    if new.status == "handed_over":
        planner.answers.pop(0)  # the one that it was not asked for
    return old.actions[0].status, new.status
