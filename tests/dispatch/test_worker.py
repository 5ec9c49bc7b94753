"""A worker's own loop, with an engine that a test plays; and `sayso worker` without a fleet."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from dispatch.fleet_workspace import Fleet, make_fleet, refund
from dispatch.test_embedded import Queue, assert_wordless, quoting
from dispatch.test_priority import queue as queue  # the fixture

from sayso.dispatch.fleet.worker import FleetWorker
from sayso.errors import Code, ConfigError
from sayso.sdk.client import Sayso
from sayso.sdk.wiring.database import open_store
from sayso.sdk.workspace import Workspace


@dataclass(kw_only=True)
class PlayedEngine:
    """Delivers what a test says, and can be broken."""

    worker: FleetWorker | None = None
    broken: bool = False
    calls: list[str] = field(default_factory=list[str])

    async def start(self) -> None:
        """Begin, or not."""
        self.calls.append("start")
        if self.broken:
            raise ConfigError(Code.ENGINE_UNAVAILABLE, "broken")

    async def stop(self, grace_s: float) -> None:
        """End."""
        self.calls.append("stop")

    async def tend(self) -> None:
        """Nothing."""

    async def delete_before(self, moment: datetime) -> int:
        """Nothing."""
        return 0


@asynccontextmanager
async def working(
    queue: Queue, engine: PlayedEngine, *, at_once: int = 32, grace_s: float = 5.0
) -> AsyncGenerator[tuple[FleetWorker, asyncio.Event]]:
    """A worker over the bench's rows; told to end afterwards."""

    def made(worker: FleetWorker) -> PlayedEngine:
        engine.worker = worker
        return engine

    worker = FleetWorker(
        queue.store,
        {"action": queue.handle, "request": queue.handle},
        queue.clock,
        made,
        at_once=at_once,
        grace_s=grace_s,
        monotonic=lambda: queue.seconds,
    )
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    yield worker, stop
    stop.set()
    for gate in queue.gates.values():
        gate.set()
    await running


async def test_what_is_due_is_swept_without_any_engine(queue: Queue) -> None:
    """The engine cannot be used; everything runs, and it is tried again later."""
    engine = PlayedEngine(broken=True)
    queue.add("a")
    async with working(queue, engine) as (worker, _):
        await queue.until(lambda: queue.ran == ["a"])
        queue.add("b")
        await queue.until(lambda: queue.ran == ["a", "b"])
        assert not worker.has_engine
    assert engine.calls == ["start"]


@pytest.mark.promise("logs:wordless")
async def test_what_a_handler_says_of_a_customer_is_not_logged(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    """Invariant 6, as with the dispatcher of one process."""
    queue.problems = quoting()
    for name in queue.problems:
        queue.add(name)
    async with working(queue, PlayedEngine()):
        await queue.until(lambda: queue.problems.keys() <= set(queue.ran))
    assert_wordless(caplog)


async def test_one_item_that_both_bring_runs_once(queue: Queue) -> None:
    """The engine delivers what the sweep has begun: it waits for that run."""
    engine = PlayedEngine()
    gate = queue.gates["a"] = asyncio.Event()
    queue.add("a")
    async with working(queue, engine) as (worker, _):
        await queue.until(lambda: queue.ran == ["a"])
        delivery = asyncio.create_task(worker.deliver("request", "main", "a"))
        await asyncio.sleep(0)
        assert not delivery.done()
        gate.set()
        await delivery
    assert queue.ran == ["a"]


async def test_the_sweep_leaves_what_was_handed_over_just_now(queue: Queue) -> None:
    """Until its time is over: then whoever was to come for it is not waited for any longer."""
    queue.add("a")
    queue.change("update request set nudge_at = due_at + 3000000")
    async with working(queue, PlayedEngine()):
        queue.add("b")
        await queue.until(lambda: queue.ran == ["b"])
        queue.clock.advance(seconds=3)
        queue.seconds += 3
        await queue.until(lambda: queue.ran == ["b", "a"])


async def test_what_stays_due_is_taken_after_longer_and_longer_pauses(queue: Queue) -> None:
    """2 s three times, since its worker may have died, then doubled each time, a minute at most; by
    the rows, so all workers keep to it.
    """
    queue.broken.add("a")
    queue.add("a")
    async with working(queue, PlayedEngine()):
        await queue.has_run(1)
        for number, pause in enumerate((2, 2, 2, 4, 8, 16, 32, 60, 60), start=1):
            queue.clock.advance(seconds=pause - 0.01)
            queue.seconds += pause - 0.01
            queue.add(f"mark{number}")
            await queue.until(lambda at=number: f"mark{at}" in queue.ran)  # type: ignore[misc]
            assert queue.ran.count("a") == number, pause
            queue.clock.advance(seconds=0.02)
            queue.seconds += 1.02
            await queue.until(lambda at=number: queue.ran.count("a") == at + 1)  # type: ignore[misc]


async def test_no_more_run_at_once_than_the_worker_has_room_for(queue: Queue) -> None:
    """What is left stays for others, untouched, until there is room."""
    names = [f"r{at}" for at in range(5)]
    for name in names:
        queue.gates[name] = asyncio.Event()
        queue.add(name)
    async with working(queue, PlayedEngine(), at_once=2):
        await queue.has_run(2)
        await queue.polled(3)
        assert len(queue.ran) == 2
        queue.gates[queue.ran[0]].set()
        await queue.has_run(3)
        for gate in queue.gates.values():
            gate.set()
        await queue.until(lambda: sorted(queue.ran) == names)


async def test_a_worker_that_ends_gives_up_what_takes_too_long(queue: Queue) -> None:
    """After the grace it is left to its lease, and to whoever looks next."""
    queue.gates["a"] = asyncio.Event()
    queue.add("a")
    engine = PlayedEngine()
    async with working(queue, engine, grace_s=0.01) as (_, stop):
        await queue.has_run(1)
        stop.set()
        await queue.until(lambda: "stop" in engine.calls)
        queue.gates.clear()
    assert queue.ran == ["a"]


@pytest.mark.promise("fleet:drained")
async def test_a_worker_works_without_a_fleet_too(tmp_path: Path) -> None:
    """`sayso worker` on SQLite is the dispatcher that `sayso serve` has, by itself."""
    fleet = make_fleet(tmp_path, "sqlite:///sayso.db")
    toml = fleet.folder / "sayso.toml"
    toml.write_text(toml.read_text().replace('engine = "fleet"', 'engine = "embedded"'))
    store = open_store(Workspace.load(fleet.folder, {}), create=True)
    await store.close()
    try:
        async with Sayso.open(fleet.folder, mode="decide") as sayso:
            view = await refund(sayso, "m1")
            worker = fleet.worker()
            assert worker.engine == "embedded"
            await fleet.settled(sayso, [view.id])
            fleet.hold("after")
            held = await refund(sayso, "m2")
            await fleet.holder()
            worker.tell(signal.SIGTERM)
            fleet.let_go()
            assert await worker.ended() == 0
            assert (await sayso.actions.get(held.id)).status == "succeeded"
    finally:
        fleet.end_all()
    assert len(fleet.lines("calls")) == 2
    assert fleet.log() == ""


def test_a_fleet_needs_a_server(tmp_path: Path) -> None:
    """A file is no place for workers on several machines."""
    fleet: Fleet = make_fleet(tmp_path, "sqlite:///sayso.db")
    with pytest.raises(ConfigError) as caught:
        open_store(Workspace.load(fleet.folder, {}))
    assert caught.value.code is Code.INVALID_SETTING
    assert "dispatch.engine" in caught.value.message
