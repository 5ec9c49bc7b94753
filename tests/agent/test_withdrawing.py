"""What a customer takes back is not done: whoever says yes, and whatever was under way is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from actions.steps import PlugPulledError, assert_verified, code_of, decide, say, shown
from agent.test_run import MAIN, OvertakenPlanner, Scripted, plan, refund
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.engine.engine import Boundary
from sayso.actions.model.definition import Assurance, Subject
from sayso.actions.model.plan import Handoff, OnFailure, Plan
from sayso.actions.model.snapshot import Call
from sayso.errors import Code, RefusedError, SaysoError
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import RequestView

BOTH = "Please refund order o1 and order o2."
KEEP = "actually no, stop, I'll keep it"
STOPPED = "has been stopped, as you asked. Nothing has been done"


def stock(opened: ShopWorkspace) -> None:
    """Two orders of cus_1, of $120 and $130."""
    for order, minor in (("o1", 12_000), ("o2", 13_000)):
        opened.shop.books.add(order, "cus_1", Money(minor, "USD"))


def paid(opened: ShopWorkspace) -> list[int]:
    """What the shop has paid back, in minor units."""
    return [payout.amount.amount_minor for payout in opened.shop.books.payouts]


async def kinds(opened: ShopWorkspace) -> list[str]:
    """The kinds of the log's entries, on either store."""
    page = await opened.sayso.events.since(-1)
    return [event.kind for event in page[0]]


async def now(opened: ShopWorkspace, view: RequestView) -> RequestView:
    """The request as it stands, once all is done that is due."""
    await opened.sayso.container.dispatcher.drain()
    return await opened.sayso.requests.get(view.id)


async def ask(
    opened: ShopWorkspace, words: str = "refund $120.00 of order o1 please"
) -> RequestView:
    """A request of cus_1."""
    stock(opened)
    return await opened.sayso.ask("cus_1", words)


@pytest.mark.promise("agent:withdrawn")
@pytest.mark.usefixtures("store_url")
async def test_nobody_can_say_yes_to_what_was_taken_back(tmp_path: Path) -> None:
    """The card is closed with the request, a yes to it is refused, and nothing is paid."""
    async with open_shop(tmp_path, planner=Scripted(plan(refund(12_000)))) as opened:
        asked = await ask(opened)
        card = await shown(opened, asked.actions[0])
        told = await opened.sayso.requests.withdraw(asked.id, KEEP)
        assert (told.status, told.actions[0].status) == ("withdrawn", "withdrawn")
        assert STOPPED in told.reply
        assert await code_of(opened, say(card)) == Code.WITHDRAWN
        assert (await shown(opened, asked.actions[0])).status == "withdrawn"
        assert await now(opened, asked) == told
        assert await opened.sayso.requests.withdraw(asked.id) == told
        assert paid(opened) == []
        told_by_log = await kinds(opened)
        assert told_by_log.count("action.withdrawn") == 1
        assert told_by_log.count("request.withdrawn") == 1
        assert_verified(opened)


@pytest.mark.promise("agent:withdrawn")
@pytest.mark.usefixtures("store_url")
async def test_a_yes_that_nobody_has_acted_on_counts_no_more(tmp_path: Path) -> None:
    """Between the yes and the claim it is still the customer's to take back."""
    async with open_shop(tmp_path, planner=Scripted(plan(refund(12_000)))) as opened:
        asked = await ask(opened)
        await decide(opened, say(await shown(opened, asked.actions[0])), wait=False)
        told = await opened.sayso.requests.withdraw(asked.id)
        assert (told.status, told.actions[0].status) == ("withdrawn", "withdrawn")
        await now(opened, asked)
        assert paid(opened) == []
        assert_verified(opened)


@pytest.mark.promise("agent:withdrawn")
@pytest.mark.usefixtures("store_url")
async def test_what_is_under_way_is_told_as_such_and_then_as_done(tmp_path: Path) -> None:
    """It cannot be taken back any more: the reply says so at once, and how it ended after that."""
    async with open_shop(tmp_path, planner=Scripted(plan(refund(12_000)))) as opened:
        asked = await ask(opened)
        told: list[RequestView] = []

        async def take_back(call: Call) -> None:
            told.append(await opened.sayso.requests.withdraw(asked.id, KEEP))

        opened.shop.on_call = take_back
        await decide(opened, say(await shown(opened, asked.actions[0])))
        assert (told[0].status, told[0].actions[0].status) == ("withdrawn", "executing")
        assert "cannot be stopped any more" in told[0].reply
        ended = await now(opened, asked)
        assert (ended.status, paid(opened)) == ("answered", [12_000])
        assert "pay_1" in ended.reply
        assert await opened.sayso.requests.withdraw(asked.id, KEEP) == ended
        assert_verified(opened)


@pytest.mark.promise("agent:withdrawn")
async def test_what_was_done_is_told_beside_what_was_stopped(tmp_path: Path) -> None:
    """Half of a solution is under way: the reply names each step for what it is, and later, too."""
    later = replace(refund(None, order="order#2", step="s2"), after=("s1",))
    async with open_shop(tmp_path, planner=Scripted(plan(refund(None), later))) as opened:
        asked = await ask(opened, BOTH)
        told: list[RequestView] = []

        async def take_back(call: Call) -> None:
            told.append(await opened.sayso.requests.withdraw(asked.id, KEEP))

        opened.shop.on_call = take_back
        cards = [say(await shown(opened, one)) for one in asked.actions]
        await opened.sayso.approvals.decide_together(cards)
        begun, stopped = told[0].reply.splitlines()[-2:]
        assert "cannot be stopped any more" in begun
        assert STOPPED in stopped
        ended = await now(opened, asked)
        done, stopped = ended.reply.splitlines()[-2:]
        assert "pay_1" in done
        assert STOPPED in stopped
        assert (paid(opened), ended.status) == ([12_000], "answered")
        assert_verified(opened)


@pytest.mark.promise("agent:withdrawn")
async def test_a_plan_that_stands_or_falls_together_ends_as_by_a_no(tmp_path: Path) -> None:
    """What waits for a step that was taken back is not done either, each said once."""
    steps = Plan(
        steps=(refund(None), refund(None, order="order#2", step="s2")),
        planner="scripted",
        on_failure=OnFailure.STOP,
    )
    async with open_shop(tmp_path, planner=Scripted(steps)) as opened:
        asked = await ask(opened, BOTH)
        told = await opened.sayso.requests.withdraw(asked.id, KEEP)
        after = await now(opened, asked)
        ended = {one.status for one in after.actions}
        assert (told.status, paid(opened)) == ("withdrawn", [])
        assert ended == {"withdrawn"}
        assert_verified(opened)


@pytest.mark.promise("agent:withdrawn")
async def test_a_question_that_was_taken_back_is_answered_by_nobody(tmp_path: Path) -> None:
    """The late yes to the restated plan is refused; the request proposes nothing."""
    planner = Scripted(plan(refund(12_000)))
    async with open_shop(tmp_path, planner=planner, confirm={"default": "always"}) as opened:
        asked = await ask(opened)
        assert asked.question is not None
        told = await opened.sayso.requests.withdraw(asked.id, KEEP)
        assert (told.status, told.question, told.actions) == ("withdrawn", None, ())
        assert told.reply == "We have stopped this, as you asked. Nothing has been done about it."
        with pytest.raises(RefusedError) as refusal:
            await opened.sayso.requests.answer(asked.id, "yes", question=asked.question.number)
        assert refusal.value.code is Code.NOTHING_ASKED
        assert_verified(opened)


@pytest.mark.promise("agent:withdrawn")
async def test_a_plan_that_comes_after_the_withdrawal_is_dropped(tmp_path: Path) -> None:
    """The planner answers late: nothing is proposed by it, and the withdrawal stands."""
    planner = OvertakenPlanner(plan(refund(12_000)))
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        asked = await opened.sayso.ask("cus_1", "refund $120.00 please", wait_s=0)
        run = asyncio.create_task(opened.sayso.container.agent.advance(MAIN, asked.id))
        await asyncio.wait_for(planner.asked.wait(), 60)
        told = await opened.sayso.requests.withdraw(asked.id, KEEP)
        planner.may_answer.set()
        await run
        assert await now(opened, asked) == told
        assert (told.status, told.actions) == ("withdrawn", ())
        assert_verified(opened)


@pytest.mark.promise("agent:withdrawn")
async def test_what_was_left_to_people_is_no_work_any_more(tmp_path: Path) -> None:
    """A request that nobody understood is taken back: nobody has to look at it."""
    planner = Scripted(Handoff(reason="nobody knows", planner="scripted"))
    async with open_shop(tmp_path, planner=planner) as opened:
        asked = await ask(opened, "do something")
        assert [one.about for one in await opened.sayso.work.list()] == [asked.id]
        assert (await opened.sayso.requests.withdraw(asked.id)).status == "withdrawn"
        assert await opened.sayso.work.list() == []
        assert_verified(opened)


@pytest.mark.promise("agent:withdrawn")
@pytest.mark.usefixtures("store_url")
@pytest.mark.parametrize("which", [0, 1])
async def test_who_asked_twice_takes_both_back(tmp_path: Path, which: int) -> None:
    """The one that joined an equal one means the same thing, so neither is carried out."""
    planner = Scripted(*[plan(refund(12_000))] * 2)
    async with open_shop(tmp_path, planner=planner) as opened:
        first = await ask(opened)
        second = await opened.sayso.ask("cus_1", "refund $120.00 of order o1, I said")
        card = await shown(opened, first.actions[0])
        await opened.sayso.requests.withdraw((first, second)[which].id, KEEP)
        assert await code_of(opened, say(card)) == Code.WITHDRAWN
        for view in (first, second):
            assert STOPPED in (await now(opened, view)).reply
        assert paid(opened) == []
        assert_verified(opened)


@pytest.mark.promise("agent:withdrawn")
async def test_a_call_that_never_left_is_not_made_after_a_withdrawal(tmp_path: Path) -> None:
    """Its worker died before the call: once that is proven, it is stopped instead of called."""
    armed = True

    def pull(at: Boundary) -> None:
        if armed and at is Boundary.AFTER_INTENT:
            raise PlugPulledError

    planner = Scripted(plan(refund(12_000)))
    async with open_shop(tmp_path, planner=planner, passing=pull) as opened:
        asked = await ask(opened)
        with suppress(PlugPulledError):
            await decide(opened, say(await shown(opened, asked.actions[0])))
        told = await opened.sayso.requests.withdraw(asked.id, KEEP)
        assert (told.status, told.actions[0].status) == ("withdrawn", "executing")
        armed = False
        opened.clock.advance(minutes=5)
        ended = await now(opened, asked)
        assert (ended.actions[0].status, paid(opened)) == ("withdrawn", [])
        assert STOPPED in ended.reply
        assert_verified(opened)


@pytest.mark.promise("agent:withdrawn")
async def test_nobody_takes_back_what_is_another_customers(tmp_path: Path) -> None:
    """Whoever signs for somebody else, or names no request, stops nothing."""
    async with open_shop(tmp_path, planner=Scripted(plan(refund(12_000)))) as opened:
        asked = await ask(opened)
        other = Subject(id="cus_2")
        for about, code in ((asked.id, Code.UNAUTHENTICATED), ("req_none", Code.NOT_FOUND)):
            with pytest.raises(RefusedError) as refusal:
                await opened.sayso.requests.withdraw(about, KEEP, subject=other)
            assert refusal.value.code is code
        assert (await now(opened, asked)).actions[0].status == "pending_approval"


@pytest.mark.promise("agent:withdrawn")
@pytest.mark.usefixtures("store_url")
async def test_a_withdrawal_and_a_yes_at_one_moment_are_never_both(tmp_path: Path) -> None:
    """Twenty races of two workers: withdrawn and unpaid, or paid and told so; the log verifies."""
    races = 20
    planner = Scripted(*[plan(refund(12_000))] * races)
    async with open_shop(tmp_path, planner=planner) as opened:
        for number in range(races):
            opened.shop.books.add(f"o{number}", f"cus_{number}", _thousand())
        async with Sayso(opened.workspace, mode="decide", connectors=[opened.shop]) as other:
            ended = [await _race(opened, other, f"cus_{number}") for number in range(races)]
        assert set(ended) <= {"withdrawn", "succeeded"}
        assert len(opened.shop.books.payouts) == ended.count("succeeded")
        assert_verified(opened)


def _thousand() -> Money:
    return Money(100_000, "USD")


async def _race(opened: ShopWorkspace, other: Sayso, customer: str) -> str:
    """One request with a card: how its action ended, once both have said their word."""
    asked = await opened.sayso.ask(customer, "refund $120.00 please")
    yes = say(await shown(opened, asked.actions[0]))
    found: Sequence[object] = await asyncio.gather(
        other.approvals.decide_as(yes, wait=True),
        opened.sayso.requests.withdraw(asked.id, KEEP),
        return_exceptions=True,
    )
    assert all(isinstance(one, SaysoError) or not isinstance(one, Exception) for one in found)
    ended = await now(opened, asked)
    status = ended.actions[0].status
    assert ("pay_" in ended.reply) == (status == "succeeded")
    assert (STOPPED in ended.reply) == (status == "withdrawn")
    return status


@pytest.mark.promise("agent:thread")
async def test_a_forged_sender_takes_nothing_back(tmp_path: Path) -> None:
    """Whoever is known less well than who asked is read as somebody new, and the card stays."""
    planner = Scripted(*[plan(refund(12_000))] * 3)
    async with open_shop(tmp_path, planner=planner) as opened:
        opened.shop.books.add("o1", "cus_1", _thousand())
        first = await opened.sayso.ask("cus_1", "refund $120.00 please", conversation="t1")
        forged = Subject(id="cus_1", assurance=Assurance.UNVERIFIED)
        other = await opened.sayso.ask(forged, KEEP, conversation="t1")
        assert other.id != first.id
        assert (await now(opened, first)).actions[0].status == "pending_approval"
        await opened.sayso.ask("cus_1", KEEP, conversation="t1")
        assert (await now(opened, first)).status == "withdrawn"
        assert_verified(opened)


@pytest.mark.promise("agent:thread")
@pytest.mark.usefixtures("store_url")
async def test_a_message_takes_back_its_own_thread_once(tmp_path: Path) -> None:
    """The same key is the same answer; other threads and other customers go on."""
    planner = Scripted(*[plan(refund(12_000))] * 3)
    async with open_shop(tmp_path, planner=planner) as opened:
        for customer in ("cus_1", "cus_2"):
            opened.shop.books.add(f"o-{customer}", customer, _thousand())
        words = "refund $120.00 please"
        first = await opened.sayso.ask("cus_1", words, conversation="t1")
        other = await opened.sayso.ask("cus_2", words, conversation="t1")
        taken = await opened.sayso.ask("cus_1", KEEP, conversation="t1", idempotency_key="k1")
        assert (taken.id, taken.status) == (first.id, "withdrawn")
        again = await opened.sayso.ask("cus_1", KEEP, conversation="t1", idempotency_key="k1")
        assert again == taken
        with pytest.raises(RefusedError) as refusal:
            await opened.sayso.ask("cus_1", "stop", conversation="t1", idempotency_key="k1")
        assert refusal.value.code is Code.IDEMPOTENCY_CONFLICT
        assert (await now(opened, other)).actions[0].status == "pending_approval"
        turns = await opened.sayso.solutions.turns(first.id)
        assert [turn.content for turn in turns] == [words, KEEP]
        assert_verified(opened)


@pytest.mark.promise("agent:thread")
@pytest.mark.usefixtures("store_url")
async def test_what_was_written_since_stands_on_the_card(tmp_path: Path) -> None:
    """A message that nobody understood makes the card anew: a yes to the old one is refused."""
    unsure = "maybe I should keep it, I am not sure"
    planner = Scripted(plan(refund(12_000)), *[Handoff(reason="who knows", planner="scripted")] * 9)
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        words = "refund $120.00 of order o1 please"
        asked = await opened.sayso.ask("cus_1", words, conversation="t1")
        old = await shown(opened, asked.actions[0])
        await opened.sayso.ask("cus_1", unsure, conversation="t1")
        assert (await now(opened, asked)).actions[0].status == "pending_approval"
        card = await shown(opened, asked.actions[0])
        assert card.revision == old.revision + 1
        assert card.card["quote"] == f"Written since: {unsure}\nBefore: {words}"
        assert card.expires_at == old.expires_at
        assert await code_of(opened, say(old)) == Code.STALE_REVISION
        await opened.sayso.ask("cus_1", unsure, conversation="another")
        await opened.sayso.ask("cus_2", unsure, conversation="t1")
        await now(opened, asked)
        assert (await shown(opened, asked.actions[0])).revision == card.revision
        for _ in range(7):
            await opened.sayso.ask("cus_1", unsure, conversation="t1")
            await now(opened, asked)
        card = await shown(opened, asked.actions[0])
        assert card.revision == 6
        await decide(opened, say(card))
        assert paid(opened) == [12_000]
        assert_verified(opened)
