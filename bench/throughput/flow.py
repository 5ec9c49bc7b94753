"""The measured flow, the same for everybody: propose, a person's yes, carried out.

Each worker takes the next number, proposes it, approves it and waits until it is carried out;
`at_once` workers run side by side. A candidate that is slow stops at `LONGEST_S`, and its rate is
what it did until then.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

from sayso.json import JsonValue

LONGEST_S = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a candidate works.

    Attributes:
        store: `sqlite` or `postgres`.
        folder: of this measurement alone; not made yet.
        url: of an empty database on PostgreSQL; empty for `sqlite`.
        syncs: what the shim counts in; None where nothing counts.
    """

    store: str
    folder: Path
    url: str = ""
    syncs: Path | None = None


class Peer(Protocol):
    """A candidate with threads."""

    def propose(self, number: int) -> str:
        """Ask for refund `number`; returns what it is approved by, and it is stored by then."""
        ...

    def approve(self, handle: str) -> None:
        """A person says yes; returns when the refund is carried out and that is stored."""
        ...

    @property
    def effects(self) -> int:
        """How many refunds the provider has done."""
        ...


class AsyncPeer(Protocol):
    """A candidate with tasks."""

    async def propose(self, number: int) -> str:
        """As `Peer.propose`."""
        ...

    async def approve(self, handle: str) -> None:
        """As `Peer.approve`."""
        ...

    @property
    def effects(self) -> int:
        """As `Peer.effects`."""
        ...


@dataclass(slots=True, kw_only=True)
class Flow:
    """One measurement.

    Attributes:
        propose_s, execute_s: seconds of each propose, and of each approve to carried out.
        all_s: seconds of all together.
        cpu_s: processor seconds of the process for all together; a server's are not in it.
        syncs: of all together; None where nothing counted.
    """

    propose_s: list[float] = field(default_factory=list[float])
    execute_s: list[float] = field(default_factory=list[float])
    all_s: float = 0.0
    cpu_s: float = 0.0
    syncs: int | None = None

    @property
    def actions(self) -> int:
        """How many were carried out."""
        return len(self.execute_s)

    @property
    def per_s(self) -> float:
        """How many in a second; 0 when nothing was carried out."""
        return self.actions / self.all_s if self.all_s else 0.0

    @contextmanager
    def timed(self, syncs: Path | None) -> Generator[None]:
        """The measured part; what came before is forgotten."""
        self.propose_s.clear()
        self.execute_s.clear()
        counted = read_syncs(syncs)
        cpu, begin = time.process_time(), time.perf_counter()
        yield
        self.all_s = time.perf_counter() - begin
        self.cpu_s = time.process_time() - cpu
        self.syncs = None if counted is None else (read_syncs(syncs) or 0) - counted

    def to_json(self) -> dict[str, JsonValue]:
        """For the process that asked."""
        return {
            "propose_s": list(self.propose_s),
            "execute_s": list(self.execute_s),
            "all_s": self.all_s,
            "cpu_s": self.cpu_s,
            "syncs": self.syncs,
        }

    @classmethod
    def from_json(cls, value: dict[str, JsonValue]) -> Flow:
        """As `to_json` wrote it."""
        return cls(
            propose_s=cast("list[float]", value["propose_s"]),
            execute_s=cast("list[float]", value["execute_s"]),
            all_s=cast("float", value["all_s"]),
            cpu_s=cast("float", value["cpu_s"]),
            syncs=cast("int | None", value["syncs"]),
        )


def read_syncs(file: Path | None) -> int | None:
    """What the shim has counted so far."""
    return None if file is None else int.from_bytes(file.read_bytes(), "little")


def drive_threads(peer: Peer, actions: int, at_once: int, syncs: Path | None) -> Flow:
    """Run the flow in `at_once` threads, each of which has done one action before."""
    flow = Flow()
    numbers = iter(range(actions))
    taking = threading.Lock()
    ready = threading.Barrier(at_once + 1)
    failed: list[BaseException] = []

    def take() -> int | None:
        with taking:
            return next(numbers, None)

    def one(number: int) -> None:
        begin = time.perf_counter()
        handle = peer.propose(number)
        proposed = time.perf_counter()
        peer.approve(handle)
        flow.execute_s.append(time.perf_counter() - proposed)
        flow.propose_s.append(proposed - begin)

    def work(warm_up: int) -> None:
        try:
            one(warm_up)
            ready.wait()
            ready.wait()
            stop = time.perf_counter() + LONGEST_S
            while time.perf_counter() < stop and (number := take()) is not None:
                one(number)
        except BaseException as error:  # noqa: BLE001  (told by the main thread)
            failed.append(error)
            ready.abort()

    threads = [threading.Thread(target=work, args=(-1 - worker,)) for worker in range(at_once)]
    for thread in threads:
        thread.start()
    try:
        ready.wait()
        with flow.timed(syncs):
            ready.wait()
            for thread in threads:
                thread.join()
    except threading.BrokenBarrierError:
        pass
    if failed:
        raise failed[0]
    assert peer.effects == flow.actions + at_once
    return flow


async def drive_tasks(
    peer: AsyncPeer,
    actions: int,
    at_once: int,
    syncs: Path | None,
    longest_s: float = LONGEST_S,
) -> Flow:
    """Run the flow in `at_once` tasks; as many actions have been done before."""
    flow = Flow()

    async def one(number: int) -> None:
        begin = time.perf_counter()
        handle = await peer.propose(number)
        proposed = time.perf_counter()
        await peer.approve(handle)
        flow.execute_s.append(time.perf_counter() - proposed)
        flow.propose_s.append(proposed - begin)

    async def work(numbers: Iterator[int], stop: float) -> None:
        for number in numbers:
            await one(number)
            if time.perf_counter() > stop:
                return

    await asyncio.gather(*(one(number) for number in range(-at_once, 0)))
    numbers = iter(range(actions))
    with flow.timed(syncs):
        stop = time.perf_counter() + longest_s
        await asyncio.gather(*(work(numbers, stop) for _ in range(at_once)))
    assert peer.effects == flow.actions + at_once
    return flow
