"""Actions on the same object at the provider: one after the other, and never one for ever."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from actions.controls.test_manual_resolution import found
from actions.steps import (
    MAIN,
    advance,
    assert_verified,
    decide,
    propose,
    run_due,
    say,
    shown,
    stock,
    submit_plan,
    usd,
)
from support.shop import Shop, ShopFault
from support.shop_workspace import POLICY, ShopWorkspace, open_shop

from sayso.actions.approvals.transitions import Transitions
from sayso.actions.controls.blocking import Blocking, Obstacle
from sayso.actions.model.action_row import ActionRow, get_action
from sayso.actions.model.definition import Action, Args, Subject, at_most_once, verifiable
from sayso.actions.model.plan import Step
from sayso.actions.model.snapshot import Call, Resolved
from sayso.actions.model.status import FINAL, Status
from sayso.audit.entry import EntryKind
from sayso.errors import Code
from sayso.ids import to_micros
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.views.rows import ActionView
from sayso.store.base import Reader, Transaction, integer_or_none, text

OFTEN = POLICY.replace("count30d < 3", "count30d < 99")


async def serve(workspace: ShopWorkspace) -> None:
    """Advance what the due index names, and nothing else, until it names nothing."""
    engine = workspace.sayso.container.engine
    for _ in range(200):
        now = to_micros(workspace.clock.now())

        def look(reader: Reader, now: int = now) -> tuple[list[str], int | None]:
            due = [text(row, "id") for row in reader.all("dispatch.due_action", now=now, limit=99)]
            later = reader.one("dispatch.next_action", now=now)
            return due, None if later is None else integer_or_none(later, "due_at")

        due, later = await workspace.sayso.container.store.read(look)
        for action_id in due:
            await engine.advance(MAIN, action_id)
        if not due:
            if later is None:
                return
            workspace.clock.advance(microseconds=later - now)
    raise AssertionError("something stays due for ever")


@pytest.mark.promise("object:one-at-a-time")
async def test_two_equal_partial_refunds_both_succeed_one_after_the_other(tmp_path: Path) -> None:
    """The second waits while the first is called, and is judged with what that one has left."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace, "o1", "o2")
        inside: list[ActionView] = []

        async def meanwhile(call: Call) -> None:
            workspace.shop.on_call = None
            inside.append(await propose(workspace, 2000))
            inside.append(await propose(workspace, 2000, order="o2"))

        workspace.shop.on_call = meanwhile
        first = await propose(workspace, 2000)
        second, other = inside
        assert (first.status, other.status) == ("succeeded", "succeeded")
        assert second.held is not None
        assert (second.held.code, second.held.by) == ("object_locked", first.id)
        assert "executing" in second.held.reason
        assert (second.held.status, second.held.for_a_person) == ("executing", False)
        await serve(workspace)
        second = await workspace.sayso.actions.get(second.id)
        assert (second.status, second.revision) == ("succeeded", 2)
        assert [payout.amount.amount_minor for payout in workspace.shop.books.payouts] == [2000] * 3
        assert_verified(workspace)


@pytest.mark.promise("object:one-at-a-time")
async def test_a_repeated_request_is_one(tmp_path: Path) -> None:
    """The same key while the first is being called is the same action, and one effect."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        inside: list[ActionView] = []

        async def again(call: Call) -> None:
            workspace.shop.on_call = None
            inside.append(await propose(workspace, 2000, key="k", wait=False))

        workspace.shop.on_call = again
        first = await propose(workspace, 2000, key="k")
        await serve(workspace)
        assert inside[0].id == first.id
        assert len(workspace.shop.books.payouts) == 1


@pytest.mark.promise("object:read-again")
async def test_what_an_earlier_approved_action_left_is_read_before_the_next(tmp_path: Path) -> None:
    """Two cards over one order, read together and allowed one after the other within moments."""
    async with open_shop(tmp_path) as workspace:
        workspace.shop.books.add("o1", "cus_1", Money(20_000, "USD"))
        first, second = await propose(workspace, 15_000), await propose(workspace, 14_999)
        await decide(workspace, say(await shown(workspace, first)))
        await decide(workspace, say(await shown(workspace, second), "noor"))
        first, second = [await workspace.sayso.actions.get(one.id) for one in (first, second)]
        assert (first.status, second.status) == ("succeeded", "refused")
        assert second.error is not None
        assert second.error.code == "amount_too_large"
        assert workspace.shop.books.paid_out_minor == 15_000
        assert_verified(workspace)


@pytest.mark.promise("object:read-again")
@pytest.mark.parametrize("after", [(), ("s1",)], ids=["beside it", "after it"])
async def test_what_an_earlier_step_left_is_read_before_the_next(
    tmp_path: Path, after: tuple[str, ...]
) -> None:
    """The steps of a plan are read and judged together; the first one changes what is left."""
    async with open_shop(tmp_path, policy=OFTEN) as workspace:
        workspace.shop.books.add("o1", "cus_1", Money(4000, "USD"))
        args: dict[str, JsonValue] = {"order": "o1", "amount": usd(3000)}
        steps = [
            Step(id="s1", action="shop.refund", args=args),
            Step(id="s2", action="shop.refund", args=args, after=after),
        ]
        rows = await submit_plan(workspace, *steps)
        await run_due(workspace)
        found = [(await workspace.sayso.actions.get(row.id)).status for row in rows]
        assert found == ["succeeded", "refused"]
        assert workspace.shop.books.paid_out_minor == 3000


@pytest.mark.promise("object:read-again")
async def test_what_was_done_while_another_was_read_is_read_again(tmp_path: Path) -> None:
    """Also what nobody has to allow, and is claimed in the very commit that judges it."""

    class Slow(Shop):
        """Its first answer is kept back until the test lets it go."""

        def __init__(self) -> None:
            super().__init__()
            self.may_answer = asyncio.Event()

        async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
            found = await super().resolve(action, args, subject)
            if self.reads == 1:
                await self.may_answer.wait()
            return found

    shop = Slow()
    async with open_shop(tmp_path, shop=shop) as workspace:
        workspace.shop.books.add("o1", "cus_1", Money(4000, "USD"))
        slow = asyncio.create_task(propose(workspace, 3000))
        while not shop.reads:
            await asyncio.sleep(0)
        assert (await propose(workspace, 3000)).status == "succeeded"
        shop.may_answer.set()
        assert (await slow).status == "refused"
        assert workspace.shop.books.paid_out_minor == 3000
        assert_verified(workspace)


@pytest.mark.promise("object:read-again")
async def test_a_claim_reads_once_more_for_each_that_is_settled_meanwhile(tmp_path: Path) -> None:
    """It goes by the log's order: no clock that stands still makes it read for ever."""
    async with open_shop(tmp_path, policy=OFTEN) as workspace:
        stock(workspace, "o1", "o2")
        await propose(workspace, 1000)
        reads = workspace.shop.reads
        view = await propose(workspace, 1000, order="o2")
        assert view.status == "succeeded"
        assert workspace.shop.reads == reads + 2, "for the judgement, and again at the claim"
        workspace.clock.advance(seconds=1)
        await propose(workspace, 1000, order="o2")
        assert workspace.shop.reads == reads + 3, "nothing was settled since it was read"


@pytest.mark.promise("object:one-at-a-time")
async def test_calls_on_one_object_never_overlap(tmp_path: Path) -> None:
    """Three at once from two workers: each call has the object for itself."""
    shop = Shop()
    under_way: list[str] = []

    async def watch(call: Call) -> None:
        assert under_way == []
        under_way.append(call.action_id)
        for _ in range(20):
            await asyncio.sleep(0)
        under_way.clear()

    async with (
        open_shop(tmp_path, shop=shop) as one,
        open_shop(tmp_path, shop=shop, clock=one.clock) as two,
    ):
        stock(one)
        shop.on_call = watch
        await asyncio.gather(*(propose(workspace, 1000) for workspace in (one, two, one)))
        await asyncio.gather(serve(one), serve(two))
        assert len(shop.books.payouts) == 3
        assert_verified(one)


@pytest.mark.promise("object:freed")
@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
async def test_a_persons_word_frees_the_object(tmp_path: Path, outcome: str) -> None:
    """An unknown that nobody can look up holds its own object only, until it is resolved."""
    async with open_shop(tmp_path, shop=Shop(at_most_once())) as workspace:
        stock(workspace, "o1", "o2")
        workspace.shop.faults.append(ShopFault.LOST_AFTER)
        lost = await propose(workspace, 2000)
        waits = await propose(workspace, 2000)
        assert (await propose(workspace, 2000, order="o2")).status == "succeeded"
        await serve(workspace)
        waits = await workspace.sayso.actions.get(waits.id)
        assert waits.held is not None
        assert waits.held.by == lost.id
        assert "unknown" in waits.held.reason
        assert (waits.held.status, waits.held.for_a_person) == ("unknown", True)
        word = found(lost) if outcome == "succeeded" else found(lost, "failed", receipt="")
        await workspace.sayso.actions.settle_as(word)
        await serve(workspace)
        assert (await workspace.sayso.actions.get(waits.id)).status == "succeeded"
        assert_verified(workspace)


@pytest.mark.promise("object:freed")
async def test_a_look_up_frees_the_object(tmp_path: Path) -> None:
    """What the engine finds out by itself wakes what waits, without anybody's polling."""
    async with open_shop(tmp_path, shop=Shop(verifiable(settle_after_s=60))) as workspace:
        stock(workspace)
        workspace.shop.faults.append(ShopFault.LOST_AFTER)
        lost = await propose(workspace, 2000)
        waits = await propose(workspace, 2000)
        assert waits.held is not None
        workspace.clock.advance(seconds=2)
        assert (await advance(workspace, lost)).status == "succeeded"
        assert (await workspace.sayso.actions.get(waits.id)).held is None
        await serve(workspace)
        assert (await workspace.sayso.actions.get(waits.id)).status == "succeeded"


@pytest.mark.promise("object:freed")
@pytest.mark.parametrize("lost", range(3))
async def test_plans_and_objects_never_wait_in_a_circle(tmp_path: Path, lost: int) -> None:
    """Two plans whose steps cross over two objects, with an answer lost at each place in turn."""
    shop = Shop(verifiable(settle_after_s=60))
    async with open_shop(tmp_path, shop=shop, policy=OFTEN) as workspace:
        stock(workspace, "o1", "o2")
        for request, orders in (("req_1", ("o1", "o2")), ("req_2", ("o2", "o1"))):
            await _submit(workspace, request, orders)
        workspace.shop.faults += [ShopFault.LOST_BEFORE] * lost + [ShopFault.LOST_AFTER]
        await serve(workspace)
        views = await workspace.sayso.actions.list()
        assert {view.status for view in views} <= FINAL
        assert sum(view.status == "succeeded" for view in views) == 4
        assert len(workspace.shop.books.payouts) == 4
        assert_verified(workspace)


@pytest.mark.promise("object:freed")
async def test_of_many_that_wait_a_few_are_put_back_and_none_is_left(tmp_path: Path) -> None:
    """The end of a call must not grow with what waits for it (docs/decisions/0019).

    Nor is any left behind when those that were put back first have to wait for one of their own,
    nor when the process ends just after it has put them back.
    """
    async with open_shop(tmp_path, shop=Shop(at_most_once()), policy=OFTEN) as workspace:
        stock(workspace)
        workspace.shop.faults += [ShopFault.LOST_AFTER] * 2
        lost = await propose(workspace, 100)
        waiting = [await propose(workspace, 100) for _ in range(40)]
        assert {await holder(workspace, view) for view in waiting} == {lost.id}
        await workspace.sayso.actions.settle_as(found(lost))
        assert [await holder(workspace, view) for view in waiting].count(lost.id) == 30
    async with open_shop(
        tmp_path, shop=workspace.shop, clock=workspace.clock, policy=OFTEN
    ) as later:
        await serve(later)
        (again,) = await later.sayso.actions.list(status="unknown")
        held = [await holder(later, view) for view in waiting if view.id != again.id]
        assert held == [again.id] * 39
        await later.sayso.actions.settle_as(found(again))
        await serve(later)
        assert {view.status for view in await later.sayso.actions.list()} == {"succeeded"}
        assert len(later.shop.books.payouts) == 41
        assert_verified(later)


class CreditShop(Shop):
    """Where an effect changes nothing of what is read for the next one, as with credits."""

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        return replace(await super().resolve(action, args, subject), preconditions={})


@pytest.mark.promise("object:freed")
@pytest.mark.parametrize("ends", [False, True])
async def test_what_another_worker_had_read_leaves_nothing_behind(
    tmp_path: Path, *, ends: bool
) -> None:
    """Two workers take the same action. The slower one has read what it waited for then, which is
    over; what waits with it now, for something else, waited for ever."""
    async with open_shop(tmp_path, shop=CreditShop(at_most_once()), policy=OFTEN) as workspace:
        store = workspace.sayso.container.store
        stock(workspace)
        workspace.shop.faults += [ShopFault.LOST_AFTER] * 4
        lost = await propose(workspace, 100)
        for _ in range(40):
            await propose(workspace, 100)
        await workspace.sayso.actions.settle_as(found(lost))
        (second,) = await _unknown(workspace)
        read = [
            await store.read(partial(get_action, tenant=MAIN, action_id=one.id))
            for one in await workspace.sayso.actions.list(status="approved", limit=99)
        ]
        assert {row.blocked_by for row in read} == {second.id}
        await workspace.sayso.actions.settle_as(found(second))
        (third,) = await _unknown(workspace)
        await workspace.sayso.actions.settle_as(found(third))
        fourth = await advance(
            workspace, await workspace.sayso.actions.get((await _due(workspace))[0])
        )
        assert fourth.status == "unknown"
        moves = Transitions(workspace.sayso.container.context)
        holding, obstacle = Blocking(moves), Obstacle(id=fourth.id, code=Code.OBJECT_LOCKED)

        def go_on(tx: Transaction, row: ActionRow) -> ActionRow | None:
            if not ends:
                return holding.hold(tx, row, obstacle)
            over = replace(row, status=Status.REFUSED, due_at=None)
            return moves.move(tx, row, over, EntryKind.ACTION_REFUSED, {})

        due = set(await _due(workspace))
        for row in read:
            if row.id in due:
                assert await store.write(partial(go_on, row=row)) is not None
        await workspace.sayso.actions.settle_as(found(fourth))
        await serve(workspace)
        assert {view.status for view in await workspace.sayso.actions.list(limit=99)} <= FINAL


async def _unknown(workspace: ShopWorkspace) -> list[ActionView]:
    """What is not known once all that is due was looked at."""
    await serve(workspace)
    return await workspace.sayso.actions.list(status="unknown")


async def _due(workspace: ShopWorkspace) -> list[str]:
    now = to_micros(workspace.clock.now())
    rows = await workspace.sayso.container.store.read(
        lambda reader: reader.all("dispatch.due_action", now=now, limit=99)
    )
    return [text(row, "id") for row in rows]


async def holder(workspace: ShopWorkspace, view: ActionView) -> str | None:
    """What an action waits for now."""
    held = (await workspace.sayso.actions.get(view.id)).held
    return None if held is None else held.by


async def _submit(workspace: ShopWorkspace, request: str, orders: tuple[str, str]) -> None:
    steps = tuple(
        Step(
            id=f"s{place}",
            action="shop.refund",
            args={"order": order, "amount": usd(1000)},
            after=("s0",) if place else (),
        )
        for place, order in enumerate(orders)
    )
    await submit_plan(workspace, *steps, request=request)
