"""A fleet in more than one trouble at once: a stop, a dead worker, a rate, a restart."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from dispatch.fleet_workspace import Fleet, Worker, claims, refund

from sayso.actions.controls.kill_switch import Resumption
from sayso.sdk.client import Sayso


async def resume(sayso: Sayso, stop_id: str) -> None:
    """Two people let it go on."""
    for person in ("maria", "finn"):
        word = Resumption(
            tenant=sayso.container.tenant,
            stop_id=stop_id,
            person=person,
            via="test",
            credential="host",
            key=person,
        )
        await sayso.stops.resume_as(word)


def by_pid(workers: list[Worker], pid: int) -> Worker:
    """The worker that is that process."""
    return next(worker for worker in workers if worker.pid == pid)


@pytest.mark.promise("stop:crash")
@pytest.mark.promise("stop:second-call")
@pytest.mark.parametrize("where", ["before", "after"])
async def test_what_a_dead_worker_had_in_hand_is_looked_up_under_a_stop_and_not_called_again(
    fleet: Fleet, where: str
) -> None:
    """kill -9 beside the call, and a stop before anybody takes over: what was done is settled by
    its look-up; what was not waits for two people, and is done once then.
    """
    fleet.hold(where)
    two = [fleet.quick_worker(), fleet.quick_worker()]
    async with fleet.open() as sayso:
        view = await refund(sayso, "killed")
        holder = await fleet.holder()
        stop = await sayso.stops.engage("connector", "till", reason="INC-7")
        by_pid(two, holder).kill()
        fleet.let_go()
        waiting = await refund(sayso, "under-stop")
        status = "succeeded" if where == "after" else "unknown"
        await fleet.settled(sayso, [view.id], status)
        found = await sayso.actions.get(view.id)
        if where == "before":
            assert found.held is not None
            assert found.held.code == "stopped"
        assert len(fleet.lines("calls")) == 1
        assert (await sayso.actions.get(waiting.id)).status == "approved"
        await resume(sayso, stop.id)
        await fleet.settled(sayso, [view.id, waiting.id])
        assert sayso.audit.verify().verdict == "verified"
    assert Counter(line[0] for line in fleet.lines("effects")) == {view.id: 1, waiting.id: 1}
    assert len(fleet.lines("calls")) == (2 if where == "after" else 3)


@pytest.mark.promise("stop:holds")
@pytest.mark.promise("stop:resumed")
async def test_a_stop_holds_in_every_worker_and_the_resume_reaches_them_all(fleet: Fleet) -> None:
    """Work streams to two workers: from the commit of the stop on, nothing more is claimed."""
    workers = [fleet.quick_worker(), fleet.quick_worker()]
    async with fleet.open() as sayso:
        first = [await refund(sayso, f"m{at}") for at in range(10)]
        stop = await sayso.stops.engage(reason="INC-7")
        under = [await refund(sayso, f"n{at}") for at in range(10)]
        engaged = fleet.sql("select min(seq) from sayso.log_entry where kind = 'stop.engaged'")
        workers[0].kill()  # a restart forgets no stop
        fleet.quick_worker()
        await fleet.until(
            lambda: (
                fleet.sql("select count(*) from sayso.action where held_by is not null")[0][0]
                >= len(under)
            )
        )
        late = fleet.sql(_INTENTS_AFTER.format(seq=engaged[0][0]))
        assert late == [(0,)]
        await resume(sayso, stop.id)
        await fleet.settled(sayso, [view.id for view in (*first, *under)])
    effects = Counter(line[0] for line in fleet.lines("effects"))
    assert effects == {view.id: 1 for view in (*first, *under)}


_INTENTS_AFTER = "select count(*) from sayso.log_entry where kind = 'action.intent' and seq > {seq}"


_INTENTS_SINCE = (
    "select action_id from sayso.log_entry where kind = 'action.intent' group by action_id"
    " having min(seq) > (select min(seq) from sayso.log_entry where action_id = '{id}')"
    " order by min(seq)"
)
"""Whose first call came after that action was known, in order."""


@pytest.mark.promise("rates:priority")
@pytest.mark.promise("rates:shared")
async def test_a_rate_and_its_line_outlive_every_worker(fleet: Fleet) -> None:
    """All workers are killed in the middle of a slow line, and somebody at a chat comes: the next
    one takes the chat first, keeps the rate over the restart, and loses nobody.
    """
    with (fleet.folder / "sayso.toml").open("a") as file:
        file.write('[rates.connectors]\ntill = "4/s"\n')
    first = fleet.quick_worker()
    async with fleet.open() as sayso:
        batch = await asyncio.gather(*(refund(sayso, f"m{at}", priority=1) for at in range(24)))
        await fleet.until(lambda: len(fleet.lines("effects")) >= 5)
        first.kill()
        chat = await refund(sayso, "chat", priority=9)
        fleet.quick_worker()
        await fleet.settled(sayso, [chat.id, *(view.id for view in batch)])
        assert sayso.audit.verify().verdict == "verified"
    effects = Counter(line[0] for line in fleet.lines("effects"))
    assert effects == {one.id: 1 for one in (chat, *batch)}
    # Whose effect comes first is the machine's doing, and so is who leaves at once with it. Without
    # its priority it would be among the last ones.
    since = [row[0] for row in fleet.sql(_INTENTS_SINCE.format(id=chat.id))]
    assert since.index(chat.id) < len(since) // 2
    began = claims(fleet)
    found = fleet.sql("select count(*) from sayso.log_entry where kind = 'action.reconciled'")
    assert len(began) + int(found[0][0]) == 25
    for at in range(len(began) - 6):
        # Four leave at once, so seven of them take three intervals of a quarter of a second.
        assert began[at + 6] - began[at] >= 750_000
