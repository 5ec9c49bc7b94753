"""What a clock put off that was ahead, or what nobody put back, is due again; and nothing else."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from actions.steps import MAIN, PlugPulledError, advance, assert_verified, propose, stock
from dispatch.test_embedded import Queue
from dispatch.test_embedded import queue as queue
from dispatch.test_worker import PlayedEngine, working
from support.shop_workspace import open_shop

from sayso.actions.engine.engine import Boundary
from sayso.actions.model.action_row import get_action
from sayso.dispatch.clock_skew import CALM_S, Stragglers
from sayso.dispatch.fleet.worker import Sweep

FORTY_DAYS = 40 * 86_400.0


def go_on(queue: Queue) -> None:
    """A minute passes, by both clocks."""
    queue.clock.advance(seconds=CALM_S)
    queue.seconds += CALM_S


@pytest.mark.promise("engine:unknown")
@pytest.mark.usefixtures("store_url")
async def test_a_call_of_a_process_that_died_while_the_clock_was_ahead_is_settled(
    tmp_path: Path,
) -> None:
    """Its lease ended in forty days, and until then nobody could look it up nor settle it."""

    def pull(boundary: Boundary) -> None:
        if boundary is Boundary.AFTER_CALL:
            raise PlugPulledError

    async with open_shop(tmp_path, passing=pull) as first:
        stock(first)
        first.clock.advance(days=40)
        view = await propose(first, 2000)
        assert view.status == "executing"
        first.clock.advance(days=-40)
    seconds = 0.0
    async with open_shop(tmp_path, shop=first.shop, clock=first.clock) as workspace:
        stragglers = Stragglers(workspace.sayso.container.store, workspace.clock, lambda: seconds)
        await stragglers.put_due()
        assert (await advance(workspace, view)).status == "executing"
        seconds = CALM_S
        workspace.clock.advance(seconds=CALM_S)
        await stragglers.put_due()
        assert (await advance(workspace, view)).status == "succeeded"
        assert len(workspace.shop.books.payouts) == 1
        assert_verified(workspace)


async def test_each_step_back_is_seen_to_once(queue: Queue) -> None:
    """After a minute, when live workers have extended their leases by the right clock; a lease of
    seconds is left alone, and so is what a clock of a few seconds less says."""
    stragglers = Stragglers(queue.store, queue.clock, lambda: queue.seconds)

    def due_in(item_id: str) -> float:
        return queue.asked(f"select due_at - {queue.micros()} from request where id = '{item_id}'")

    await stragglers.put_due()
    go_on(queue)
    await stragglers.put_due()
    queue.add("far", in_s=FORTY_DAYS)
    queue.add("near", in_s=600)
    for step_s, brought in ((0, False), (-5, False), (-1800, True)):
        queue.clock.advance(seconds=step_s)
        await stragglers.put_due()
        assert due_in("far") > 0
        go_on(queue)
        await stragglers.put_due()
        assert (due_in("far") <= 0) is brought
    assert due_in("near") > 0


async def test_what_a_worker_nudged_while_the_clock_was_ahead_is_due_again(queue: Queue) -> None:
    """The sweep of a fleet leaves a row alone for some seconds; it must not be forty days."""
    queue.add("due")
    queue.add("soon")
    for name, nudge_s in (("due", FORTY_DAYS), ("soon", 60.0)):
        at = queue.micros() + int(nudge_s * 1e6)
        queue.change(f"update request set nudge_at = {at} where id = '{name}'")
    go_on(queue)
    stragglers = Stragglers(queue.store, queue.clock, lambda: queue.seconds)
    await stragglers.put_due()
    go_on(queue)
    await stragglers.put_due()
    left = await Sweep(queue.store, queue.clock).take(10)
    assert sorted(item.id for item in left) == ["due", "soon"]


async def test_the_dispatcher_sees_to_it(queue: Queue) -> None:
    """Without any other call: `sayso serve` after a restart."""
    queue.add("far", in_s=FORTY_DAYS)
    async with queue.serving():
        await queue.polled()
        assert queue.ran == []
        go_on(queue)
        await queue.has_run(1)
    assert queue.ran == ["far"]


async def test_a_worker_of_the_fleet_sees_to_it(queue: Queue) -> None:
    """By its sweep."""
    queue.add("far", in_s=FORTY_DAYS)
    async with working(queue, PlayedEngine()):
        await queue.polled(3)
        assert queue.ran == []
        go_on(queue)
        await queue.has_run(1)
    assert queue.ran == ["far"]


@pytest.mark.promise("object:freed")
@pytest.mark.usefixtures("store_url")
async def test_what_nobody_put_back_is_put_back_after_a_start(tmp_path: Path) -> None:
    """An action that waits for another one that is over, or for a stop that is: none is lost. What
    waits with reason goes on waiting."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        over = await propose(workspace, 1000)
        stop = await workspace.sayso.stops.engage(reason="INC-7")
        views = [await propose(workspace, 2000 + at) for at in range(2)]
        held = [await advance(workspace, view) for view in views]
        assert {view.held and view.held.by for view in held} == {stop.id}
        store = workspace.sayso.container.store
        left = held[0].id
        await store.write(
            lambda tx: tx.run(
                "action.hold",
                tenant=MAIN,
                id=left,
                last_seq=get_action(tx, MAIN, left).last_seq,
                blocked_by=over.id,
            )
        )
        seconds = 0.0
        stragglers = Stragglers(store, workspace.clock, lambda: seconds)
        await stragglers.put_due()
        seconds = CALM_S
        workspace.clock.advance(seconds=CALM_S)
        await stragglers.put_due()
        rows = [
            await store.read(partial(get_action, tenant=MAIN, action_id=view.id)) for view in held
        ]
        assert [row.due_at is None for row in rows] == [False, True]
