"""Long work that a call begins: it goes on when the caller has gone, and is never begun twice."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from sayso.errors import Code, RefusedError, logged
from sayso.ids import Tenant

logger = logging.getLogger("sayso.http")

_MOST_KEPT = 100
"""So many runs are remembered by the keys of their calls."""

T = TypeVar("T")
Progress = Callable[[int, int], None]
Work = Callable[[Progress], Awaitable[T]]


class Job(NamedTuple):
    """What is to be done, to whose log: two calls for one job get one run."""

    tenant: Tenant
    what: str


class Far(NamedTuple):
    """How far a run is, while it goes on."""

    done: int
    total: int


@dataclass(slots=True, kw_only=True)
class _Run(Generic[T]):
    job: Job
    task: asyncio.Task[T] | None = None
    entries_done: int = 0
    entries_total: int = 0

    def progress(self, done: int, total: int) -> None:
        self.entries_done, self.entries_total = done, total

    @property
    def failed(self) -> bool:
        """Whether it ended without a result, so that the same call begins anew."""
        task = self.task
        return task is None or task.cancelled() or (task.done() and task.exception() is not None)


class Upkeep(Generic[T]):
    """Runs such work in this process, one run of a job at a time.

    Guarantees: whoever calls again with the same key gets the run that their call began, while this
    process lives; after that, what is left is done, since none of the work does anything twice.
    """

    def __init__(self) -> None:
        self._running: dict[Job, _Run[T]] = {}
        self._by_key: dict[tuple[Tenant, str], _Run[T]] = {}

    async def run(self, job: Job, key: str, work: Work[T], *, wait_s: float) -> T | Far:
        """What became of the job, or how far it is after so many seconds.

        Args:
            key: the call's key, bound to its holder; each tenant has its own ones.
            work: begun where no run of the job is under way.

        Raises:
            RefusedError: `idempotency_conflict`.
            SaysoError: whatever the work raises, as long as somebody waits for it.
        """
        call = (job.tenant, key)
        known = self._by_key.get(call)
        if known is not None and known.job != job:
            raise RefusedError(
                Code.IDEMPOTENCY_CONFLICT,
                "this idempotency key was used for another call",
                next_step="use a new key for a new call",
            )
        run = known if known is not None and not known.failed else self._begin(job, work)
        self._keep(call, run)
        assert run.task is not None, "begun above"
        done, _ = await asyncio.wait({run.task}, timeout=wait_s)
        if done:
            return run.task.result()
        return Far(run.entries_done, run.entries_total)

    async def stop(self) -> None:
        """Break off what runs; the next run goes on where this one was."""
        tasks = [run.task for run in self._running.values() if run.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, job: Job, work: Work[T]) -> _Run[T]:
        under_way = self._running.get(job)
        if under_way is not None:
            return under_way
        run: _Run[T] = _Run(job=job)

        async def inside() -> T:
            return await work(run.progress)

        run.task = asyncio.create_task(inside(), name=f"sayso {job.what} {job.tenant}")
        self._running[job] = run
        run.task.add_done_callback(lambda task: self._ended(job, task))
        return run

    def _ended(self, job: Job, task: asyncio.Task[T]) -> None:
        del self._running[job]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # Whoever called may have gone, and would else be the only one to hear of it.
            logger.warning("%s of the log of %s: %s", job.what, job.tenant, logged(error))

    def _keep(self, call: tuple[Tenant, str], run: _Run[T]) -> None:
        self._by_key.pop(call, None)
        self._by_key[call] = run
        while len(self._by_key) > _MOST_KEPT:
            del self._by_key[next(iter(self._by_key))]
