"""A worker of the fleet: runs what the engine delivers, and sweeps up what it does not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sayso.connectors.isolation import contained
from sayso.dispatch.base import Handler, Item, about_item
from sayso.dispatch.clock_skew import Stragglers
from sayso.errors import SaysoError, logged, logged_with_frames
from sayso.ids import Clock, Tenant, monotonic_s, to_micros
from sayso.store.base import Reader, Row, Store, Transaction, integer, text, text_or_none

logger = logging.getLogger("sayso.dispatch")

SWEEP_S = 1.0
"""How often the due index is looked at although nobody has committed anything."""
LOOK_S = 0.1
"""How often the store is asked for commits: a number in this process, no query."""
GRACE_S = 25.0
"""How long what runs may still take when the worker is told to end."""
_CHORES_S = 1.0
_AGAIN_S = 30.0
_CLEAN_S = 60.0


class FleetEngine(Protocol):
    """What hands items to this worker."""

    async def start(self) -> None:
        """Begin; raises `ConfigError` when it cannot."""
        ...

    async def stop(self, grace_s: float) -> None:
        """Deliver no more, and wait for what was delivered."""
        ...

    async def tend(self) -> None:
        """Whatever it has to do about once a second."""
        ...

    async def delete_before(self, moment: datetime) -> int:
        """Forget deliveries of before."""
        ...


class FleetWorker:
    """Runs due items of all tenants, together with the other workers.

    Args:
        handlers: by noun (`action`, `request`); see `Handler`.
        engine: made with this worker's `deliver`.
        knows: whether this process has the action of a name; what is due of the others is theirs.
        at_once: how many items run here at the same time, whoever brought them.
        keep: how long deliveries are kept to be looked at.
    """

    def __init__(
        self,
        store: Store,
        handlers: Mapping[str, Handler],
        clock: Clock,
        engine: Callable[[FleetWorker], FleetEngine],
        *,
        knows: Callable[[str], bool] = lambda name: True,
        at_once: int = 32,
        keep: timedelta = timedelta(hours=1),
        grace_s: float = GRACE_S,
        monotonic: Callable[[], float] = monotonic_s,
    ) -> None:
        self._store = store
        self._handlers = handlers
        self._clock = clock
        self._at_once = at_once
        self._keep = keep
        self._grace_s = grace_s
        self._monotonic = monotonic
        self._sweep = Sweep(store, clock, knows)
        self._stragglers = Stragglers(store, clock, monotonic)
        self._running: dict[Item, asyncio.Task[None]] = {}
        self._ended = asyncio.Event()
        self._engine = engine(self)
        self.has_engine = False
        """Whether the engine delivers; the sweep alone carries everything while it does not."""

    async def run(self, stop: asyncio.Event, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop`, then end what runs."""
        await self._start_engine()
        ready()
        chores = asyncio.create_task(self._keep_house())
        try:
            await self._serve(stop)
        finally:
            chores.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await chores
            await self._end()

    async def deliver(self, noun: str, tenant: str, item_id: str) -> None:
        """Run one item now, or wait for the run that is under way; errors go to the log."""
        item = Item(noun=noun, tenant=Tenant(tenant), id=item_id)
        if noun not in self._handlers:
            logger.warning("nothing here runs a `%s`", noun)
            return
        await asyncio.shield(self._running.get(item) or self._start(item))

    async def _serve(self, stop: asyncio.Event) -> None:
        seen, look_at = -1, 0.0
        while not stop.is_set():
            with contextlib.suppress(SaysoError):
                version = await self._store.version()
                if version != seen or self._monotonic() >= look_at or self._ended.is_set():
                    seen = version
                    self._ended.clear()
                    look_at = self._monotonic() + SWEEP_S
                    await self._sweep_safely()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await stop.wait()

    async def _sweep_safely(self) -> None:
        room = self._at_once - len(self._running)
        if room <= 0:
            return
        try:
            await self._stragglers.put_due()
            for item in await self._sweep.take(room):
                if item not in self._running:
                    self._start(item)
        except SaysoError as error:
            logger.warning("the due index cannot be read: %s", logged(error))
        except Exception as error:  # noqa: BLE001
            # The edge of the process: whatever is wrong with it, what is due later must be run.
            logger.error("the due index cannot be read: %s", logged_with_frames(error))  # noqa: TRY400

    def _start(self, item: Item) -> asyncio.Task[None]:
        with about_item(item):  # which a task takes along
            task = asyncio.create_task(self._run(item), name=f"sayso {item.noun} {item.id}")
        self._running[item] = task
        return task

    async def _run(self, item: Item) -> None:
        try:
            await contained(self._handlers[item.noun](item.tenant, item.id))
        except SaysoError as error:
            logger.warning("%s %s: %s", item.noun, item.id, logged(error))
        except Exception as error:  # noqa: BLE001
            # The edge of the process: one broken item must not stop the others. It stays due, and
            # the sweep takes it again after longer and longer pauses.
            told = logged_with_frames(error)
            logger.error("%s %s failed: %s", item.noun, item.id, told)  # noqa: TRY400
        finally:
            if len(self._running) >= self._at_once:
                self._ended.set()
            self._running.pop(item, None)

    # ---- the engine ----------------------------------------------------------------------------

    async def _start_engine(self) -> None:
        try:
            await self._engine.start()
            self.has_engine = True
        except SaysoError as error:
            logger.error("%s; next: %s (%s)", error, error.next_step, error.detail)  # noqa: TRY400

    async def _keep_house(self) -> None:
        clean_at = again_at = self._monotonic() + _AGAIN_S
        while True:
            await asyncio.sleep(_CHORES_S)
            now = self._monotonic()
            try:
                if self.has_engine:
                    await self._engine.tend()
                elif now >= again_at:
                    again_at = now + _AGAIN_S
                    await self._start_engine()
                if self.has_engine and now >= clean_at:
                    clean_at = now + _CLEAN_S
                    await self._engine.delete_before(self._clock.now() - self._keep)
            except Exception as error:  # noqa: BLE001
                # The edge of the process: what is not done now is next time.
                told = logged_with_frames(error)
                logger.error("the engine cannot be tended: %s", told)  # noqa: TRY400

    async def _end(self) -> None:
        if self.has_engine:
            await self._engine.stop(self._grace_s)
        tasks = list(self._running.values())
        if tasks:
            await asyncio.wait(tasks, timeout=self._grace_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


FIRST_BACK_OFF_S = 2
SAME_BACK_OFFS = 2
"""How many pauses more are as short as the first one. Where workers die one after the other, each
with what it took over, a pause that grows at once would be most of the time until it is settled."""
LONGEST_BACK_OFF_S = 60
_MOST_LOOKED_AT = 4096
_PENDING = "pending_approval"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    item: Item
    nudges: int
    nudge_at: int


class Sweep:
    """Looks for rows that are due and were handed to nobody, or to somebody who did not come.

    Args:
        knows: see `FleetWorker`.
    """

    def __init__(
        self, store: Store, clock: Clock, knows: Callable[[str], bool] = lambda name: True
    ) -> None:
        self._store = store
        self._clock = clock
        self._knows = knows

    async def take(self, room: int) -> list[Item]:
        """At most so many items, those of the highest rank first.

        Guarantees: no other worker's sweep takes them for the next two seconds, nor the next two
        times, and for twice as long with each time after that for which a row stays due for the
        same moment. A look that finds nothing writes nothing.
        """
        now = to_micros(self._clock.now())
        left = await self._store.read(lambda reader: self._read_left(reader, now, room))
        if not left:
            return []
        return await self._store.write(lambda tx: _take(tx, left[:room], now))

    def _read_left(self, reader: Reader, now: int, room: int) -> list[_Left]:
        """What is left for this process; what others have to do hides none of it."""
        limit = room
        while True:
            rows = reader.all("dispatch.left", now=now, limit=limit)
            found = [_left(row) for row in rows if self._is_ours(row)]
            if len(found) >= room or len(rows) < limit or limit >= _MOST_LOOKED_AT:
                return found
            limit = min(8 * limit, _MOST_LOOKED_AT)

    def _is_ours(self, row: Row) -> bool:
        name = text_or_none(row, "name")
        # Whoever looks may end by the clock what waits for people; else nobody could.
        return name is None or row["status"] == _PENDING or self._knows(name)


def _left(row: Row) -> _Left:
    return _Left(
        item=Item(noun=text(row, "noun"), tenant=Tenant(text(row, "tenant")), id=text(row, "id")),
        nudges=integer(row, "nudges"),
        nudge_at=integer(row, "nudge_at"),
    )


def _take(tx: Transaction, left: list[_Left], now: int) -> list[Item]:
    # NOTE: no `for update skip locked`: writers take turns (docs/decisions/0010), so this
    # compare-and-set waits for nobody's row.
    taken: list[Item] = []
    for one in left:
        done = tx.run(
            f"dispatch.nudge_{one.item.noun}",
            tenant=one.item.tenant,
            id=one.item.id,
            was=one.nudge_at,
            now=now,
            until=now + _back_off_micros(one.nudges),
        )
        if done == 1:
            taken.append(one.item)
    return taken


def _back_off_micros(nudges: int) -> int:
    doubled = min(max(0, nudges - SAME_BACK_OFFS), 10)
    seconds: int = min(FIRST_BACK_OFF_S * 2**doubled, LONGEST_BACK_OFF_S)
    return seconds * 1_000_000
