"""The embedded dispatcher: this process calls the handlers of whatever is due.

It is not a queue: it looks at the due index, and correctness never depends on it. What waits for a
person is a row and costs nothing here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from sayso.connectors.isolation import contained
from sayso.dispatch.base import Begin, Handler, Item, about_item
from sayso.dispatch.clock_skew import Stragglers
from sayso.errors import SaysoError, logged, logged_with_frames
from sayso.ids import Clock, Tenant, monotonic_s, to_micros
from sayso.store.base import Reader, Row, Store, integer, integer_or_none, text

logger = logging.getLogger("sayso.dispatch")

POLL_S = 0.25
"""How often another process's commits are looked for: one read of shared memory, no query."""
LEAVES_S = 2.0
"""How long what was changed or has become due a moment ago is left to whoever had it before, where
other processes do the same work: each of the others would read the provider for it in vain. What
this process has run before, or was woken for, is not left to anybody."""
_MOST_OWN = 10_000
"""So many items this process knows to have run."""
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pause:
    """Why an item that is due is not run: until a moment of the monotonic clock, of that length.

    Attributes:
        due_at: it was run in vain for this; when it is due for another moment, it got further.
            None after an error, which may have moved it.
        problem: that error.
    """

    until: float
    length_s: float
    due_at: int | None
    problem: Exception | None = None


class EmbeddedDispatcher:
    """Runs due actions and requests in this process.

    Args:
        handlers: by noun (`action`, `request`): what to call for one that is due; must be
            idempotent, since two processes may call it at once.
        at_once: how many run at the same time.
        monotonic: seconds of a clock that never jumps, for the pauses.
        poll_s: how often the store's version is looked at.
        grace_s: how long what runs may still take when `run` is cancelled.
        leaves_s: see `LEAVES_S`; 0 where this process is the only one.
    """

    def __init__(
        self,
        store: Store,
        handlers: Mapping[str, Handler],
        clock: Clock,
        at_once: int = 32,
        *,
        monotonic: Callable[[], float] = monotonic_s,
        poll_s: float = POLL_S,
        grace_s: float = 0.0,
        leaves_s: float = 0.0,
    ) -> None:
        self._store = store
        self._handlers = handlers
        self._clock = clock
        self._at_once = at_once
        self._monotonic = monotonic
        self._poll_s = poll_s
        self._grace_s = grace_s
        self._leaves_micros = int(leaves_s * 1e6)
        self._stragglers = Stragglers(store, clock, monotonic)
        self._running: dict[Item, asyncio.Task[None]] = {}
        self._paused: dict[Item, _Pause] = {}
        self._served: dict[Item, int] = {}
        self._own: dict[Item, None] = {}
        self._wake = asyncio.Event()

    @property
    def runs_here(self) -> bool:
        """Yes: whoever proposes may claim in the same commit."""
        return True

    def wake(self) -> None:
        """Look at the due index now."""
        self._wake.set()

    async def run(self) -> None:
        """Sweep at once, then serve until cancelled."""
        seen = -1
        look_at = 0.0
        try:
            while True:
                version = await self._version()
                woken = self._wake.is_set()
                if version != seen or woken or self._monotonic() >= look_at:
                    leaves = 0 if woken or seen == -1 else self._leaves_micros
                    seen = version
                    self._wake.clear()
                    look_at = self._monotonic() + await self._sweep_safely(leaves)
                left_s = max(0.0, look_at - self._monotonic())
                try:
                    async with asyncio.timeout(min(self._poll_s, left_s)):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            await self.stop()

    async def drain(self) -> None:
        """Run until nothing is due now and nothing runs; for commands that end."""
        while True:
            started, _ = await self._start_due(self._now(), self._monotonic())
            if not self._running:
                if not started:
                    return
                continue
            await asyncio.wait(list(self._running.values()), return_when=asyncio.FIRST_COMPLETED)

    async def stop(self) -> None:
        """Let what runs end within the grace, then cancel it, whoever waits for it or does not."""
        tasks = list(self._running.values())
        if tasks and self._grace_s:
            await asyncio.wait(tasks, timeout=self._grace_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def run_now(
        self, noun: str, tenant: Tenant, item_id: str, begin: Begin | None = None
    ) -> None:
        """Run one now, or wait for the run that is under way; errors go to the log."""
        item = Item(noun=noun, tenant=tenant, id=item_id)
        task = self._running.get(item) or self._start(item, begin() if begin else None)
        await asyncio.shield(task)

    def problem_with(self, noun: str, tenant: Tenant, item_id: str) -> Exception | None:
        """What ended its newest run here, as long as it is not run again."""
        pause = self._paused.get(Item(noun=noun, tenant=tenant, id=item_id))
        return None if pause is None else pause.problem

    async def adopt(
        self, noun: str, tenant: Tenant, item_id: str, work: Coroutine[Any, Any, bool]
    ) -> None:
        """Run work on one item that its caller has claimed, under the same care as any other."""
        item = Item(noun=noun, tenant=tenant, id=item_id)
        await asyncio.shield(self._start(item, work))

    async def _version(self) -> int:
        try:
            return await self._store.version()
        except SaysoError:
            return -2

    async def _sweep_safely(self, leaves: int) -> float:
        """Start what is due; returns seconds until something will be.

        Args:
            leaves: microseconds; what was changed or became due since then is left to others.
        """
        try:
            await self._stragglers.put_due()
            # INVARIANT: one `now` for both, or what falls due in between would be looked for late.
            now, moment = self._now(), self._monotonic()
            _, left_s = await self._start_due(now, moment, leaves)
            return min(left_s, await self._seconds_to_next(now, moment))
        except SaysoError as error:
            logger.warning("the due index cannot be read: %s", logged(error))
            return _FIRST_PAUSE_S
        except Exception as error:  # noqa: BLE001
            # The edge of the process: whatever is wrong with it, what is due later must be run.
            logger.error("the due index cannot be read: %s", logged_with_frames(error))  # noqa: TRY400
            return _FIRST_PAUSE_S

    async def _start_due(self, now: int, moment: float, leaves: int = 0) -> tuple[int, float]:
        """How many were started, and seconds until what is left to others is not any more."""
        if len(self._running) >= self._at_once:
            return 0, _LONGEST_PAUSE_S
        limit = self._at_once * 2 + len(self._paused)
        found = await self._store.read(lambda reader: self._due(reader, now, limit), brief=True)
        items = {
            Item(noun=noun, tenant=Tenant(text(row, "tenant")), id=text(row, "id")): row
            for noun, rows in found.items()
            for row in rows
        }
        due = {item: integer(row, "due_at") for item, row in items.items()}
        if all(len(rows) < limit for rows in found.values()):
            self._forget_but(due, moment)
        room = max(0, self._at_once - len(self._running))
        ready = [
            item
            for item, due_at in due.items()
            if item not in self._running and self._may(item, due_at, moment)
        ]
        # NOTE: a clock that went back makes everything seem new, and nothing may wait for that.
        others = (item for item in ready if item not in self._own)
        ages = {item: now - max(due[item], integer(items[item], "updated_at")) for item in others}
        fresh = {item: age for item, age in ages.items() if 0 <= age < leaves}
        started = [item for item in ready if item not in fresh][:room]
        for item in started:
            self._start(item, due_at=due[item])
        left_s = (leaves - max(fresh.values())) / 1e6 if fresh else _LONGEST_PAUSE_S
        return len(started), left_s

    def _forget_but(self, due: Mapping[Item, int], moment: float) -> None:
        """What is not due any more, whoever saw to it, starts afresh when it is again."""
        self._served = {item: at for item, at in self._served.items() if item in due}
        self._paused = {
            item: pause
            for item, pause in self._paused.items()
            if item in due or item in self._running or pause.until > moment
        }

    async def _seconds_to_next(self, now: int, moment: float) -> float:
        found = await self._store.read(lambda reader: self._next_due(reader, now), brief=True)
        soonest = [_LONGEST_PAUSE_S, *((due_at - now) / 1e6 for due_at in found)]
        # A pause that is over has been acted upon, or waits for room, and a run's end wakes.
        soonest += [pause.until - moment for pause in self._paused.values() if pause.until > moment]
        return max(0.0, min(soonest))

    def _now(self) -> int:
        return to_micros(self._clock.now())

    def _due(self, reader: Reader, now: int, limit: int) -> dict[str, list[Row]]:
        """What is due now, by noun."""
        for noun in self._handlers:
            reader.ahead(f"dispatch.due_{noun}", now=now, limit=limit)
        return {
            noun: reader.all(f"dispatch.due_{noun}", now=now, limit=limit)
            for noun in self._handlers
        }

    def _next_due(self, reader: Reader, now: int) -> list[int]:
        """When the first of each noun will be, of those that have one."""
        for noun in self._handlers:
            reader.ahead(f"dispatch.next_{noun}", now=now)
        rows = [reader.one(f"dispatch.next_{noun}", now=now) for noun in self._handlers]
        found = [integer_or_none(row, "due_at") for row in rows if row is not None]
        return [due_at for due_at in found if due_at is not None]

    def _may(self, item: Item, due_at: int, moment: float) -> bool:
        pause = self._paused.get(item)
        if pause is None or moment >= pause.until:
            return True
        return pause.due_at is not None and pause.due_at != due_at

    def _start(
        self,
        item: Item,
        work: Coroutine[Any, Any, bool] | None = None,
        *,
        due_at: int | None = None,
    ) -> asyncio.Task[None]:
        self._own.pop(item, None)
        self._own[item] = None
        if len(self._own) > _MOST_OWN:
            del self._own[next(iter(self._own))]
        running = self._run(item, work, due_at)
        with about_item(item):  # which a task takes along
            task = asyncio.create_task(running, name=f"sayso {item.noun} {item.id}")
        self._running[item] = task
        return task

    async def _run(
        self, item: Item, work: Coroutine[Any, Any, bool] | None, due_at: int | None
    ) -> None:
        more = True
        try:
            more = await contained(work or self._handlers[item.noun](item.tenant, item.id))
            await self._succeeded(item, due_at)
        except SaysoError as error:
            self._pause(item, problem=error)
            logger.warning("%s %s: %s", item.noun, item.id, logged(error))
        except Exception as error:  # noqa: BLE001
            # The edge of the process: one broken item must not stop the others, and it is retried
            # with longer and longer pauses.
            self._pause(item, problem=error)
            told = logged_with_frames(error)
            logger.error("%s %s failed: %s", item.noun, item.id, told)  # noqa: TRY400
        finally:
            was_full = len(self._running) >= self._at_once
            self._running.pop(item, None)
            # A look at the due index costs reads, so not after every action that stands alone.
            if more or was_full:
                self._wake.set()

    async def _succeeded(self, item: Item, due_at: int | None) -> None:
        again = due_at is not None and self._served.get(item) == due_at
        if again and await self._due_at(item) == due_at:
            # Run twice, and due for the same moment still: it gets no further at this pace.
            self._pause(item, due_at)
            return
        self._paused.pop(item, None)
        if again or due_at is None:
            self._served.pop(item, None)
        else:
            self._served[item] = due_at

    async def _due_at(self, item: Item) -> int | None:
        query = f"dispatch.state_of_{item.noun}"
        row = await self._store.read(
            lambda reader: reader.one(query, tenant=item.tenant, id=item.id), brief=True
        )
        return None if row is None else integer_or_none(row, "due_at")

    def _pause(
        self, item: Item, due_at: int | None = None, problem: Exception | None = None
    ) -> None:
        last = self._paused.get(item)
        length_s = _FIRST_PAUSE_S if last is None else min(last.length_s * 2, _LONGEST_PAUSE_S)
        until = self._monotonic() + length_s
        self._paused[item] = _Pause(until=until, length_s=length_s, due_at=due_at, problem=problem)
