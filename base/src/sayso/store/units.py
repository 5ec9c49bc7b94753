"""Units of work that wait for their writer, and their answers on the way back."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sayso.errors import Code, IntegrityError
from sayso.frozen import quickly_made
from sayso.store.base import Transaction

MAX_GROUP = 256
"""How many units of work share one commit at most."""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit of work and who waits for it.

    Attributes:
        tenant, about, brief: see `Store.write`.
        alone: nobody writes beside it: it has turned out to reach beyond what it is about.
        asked_at: when it was made, by the monotonic clock, in seconds.
    """

    work: Callable[[Transaction], Any]
    tenant: str | None
    brief: bool
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    about: str | None = None
    alone: bool = False
    asked_at: float = field(default_factory=time.monotonic)

    @property
    def held(self) -> str | None:
        """The tenant that is its own while it runs; None where all of them are."""
        return None if self.alone else self.tenant or self.about


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOutcome:
    """What a unit returned, or why it failed."""

    unit: Unit
    result: Any = None
    error: BaseException | None = None


def _no_work() -> dict[str, Callable[[Transaction], None]]:
    return {}  # a call of `dict[…]` costs twenty times as much, and each unit begins with some


def _no_memory() -> dict[object, object]:
    return {}


@dataclass(slots=True, kw_only=True)
class Shared:
    """What units of one commit share: the work before it, and what they remember meanwhile.

    Attributes:
        enders: the work at the end of the unit that runs; see `Transaction.at_end`.
    """

    finishers: dict[str, Callable[[Transaction], None]] = field(default_factory=_no_work)
    memory: dict[object, object] = field(default_factory=_no_memory)
    enders: dict[str, Callable[[Transaction], None]] = field(default_factory=_no_work)

    def copy(self) -> Shared:
        """The same as a unit finds it, to go back to when the unit fails."""
        return Shared(finishers=self.finishers.copy(), memory=self.memory.copy())

    def end_unit(self, transaction: Transaction) -> None:
        """Do what comes at the end of a unit; an error of it is the unit's."""
        while self.enders:
            self.enders.pop(next(iter(self.enders)))(transaction)


class Remembering:
    """What a transaction of either store has of those that share its commit."""

    shared: Shared

    def before_commit(self, key: str, work: Callable[[Transaction], None]) -> None:
        self.shared.finishers.setdefault(key, work)

    def at_end(self, key: str, work: Callable[[Transaction], None]) -> None:
        self.shared.enders.setdefault(key, work)

    def recall(self, key: object) -> object | None:
        return self.shared.memory.get(key)

    def remember(self, key: object, value: object) -> None:
        self.shared.memory[key] = value


class WaitingUnits:
    """A line of units: any thread adds, and whoever has the writer's turn takes them out in groups.

    On PostgreSQL that is always the writing thread; on SQLite it is an event loop that adds, or
    that thread (docs/decisions/0019).
    """

    def __init__(self) -> None:
        self._units: deque[Unit] = deque()
        self._by_loop: Counter[asyncio.AbstractEventLoop] = Counter()
        self._changed = threading.Condition()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def add(self, unit: Unit) -> bool:
        """Put a unit at the end; False when the line is closed."""
        with self._changed:
            if self._closed:
                return False
            self._units.append(unit)
            self._by_loop[unit.loop] += 1
            self._changed.notify()
            return True

    def put_back(self, units: Sequence[Unit]) -> None:
        """Put units that have not run at the front again, in their order."""
        with self._changed:
            self._units.extendleft(reversed(units))
            self._by_loop.update(unit.loop for unit in units)

    def take(self) -> list[Unit]:
        """Wait for units and take those that wait together; empty once closed and served.

        A unit whose waiter has been cancelled is left out.
        """
        with self._changed:
            while True:
                self._changed.wait_for(lambda: bool(self._units) or self._closed)
                was_empty = not self._units
                wanted = self._wanted(MAX_GROUP)
                if wanted or was_empty:
                    return wanted

    def take_some(self, limit: int = MAX_GROUP) -> list[Unit]:
        """As `take`, without waiting; empty when nobody waits now."""
        with self._changed:
            return self._wanted(limit)

    def join(self, group: list[Unit]) -> None:
        """Add what waits now to a group that was taken, without waiting.

        For a writer that has just got the lock it waited for: what came meanwhile need not wait
        for it a second time.
        """
        with self._changed:
            group += self._wanted(MAX_GROUP - len(group))

    def _wanted(self, limit: int) -> list[Unit]:
        wanted: list[Unit] = []
        while self._units and len(wanted) < limit:
            unit = self._units.popleft()
            self._by_loop[unit.loop] -= 1
            if not self._by_loop[unit.loop]:
                del self._by_loop[unit.loop]  # or a loop that has ended would be kept for ever
            if not unit.future.cancelled():
                wanted.append(unit)
        return wanted

    def loops(self) -> set[asyncio.AbstractEventLoop]:
        """The event loops of those that wait now; costs nothing for each of those."""
        with self._changed:
            return set(self._by_loop)

    def take_all(self) -> list[Unit]:
        """Take whatever waits now, without waiting."""
        with self._changed:
            found = list(self._units)
            self._units.clear()
            self._by_loop.clear()
            return found

    def close(self) -> None:
        """Take no more; what waits is still served."""
        with self._changed:
            self._closed = True
            self._changed.notify()


def not_one_row(detail: str) -> IntegrityError:
    """Why a unit fails whose `(one row)` statement has changed another number of rows."""
    return IntegrityError(
        Code.TAMPERED,
        "a row changed inside the transaction that writes it",
        next_step="run `sayso audit verify`",
        detail=detail,
    )


def answer(outcomes: Iterable[UnitOutcome]) -> None:
    """Hand outcomes back, with one call into each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[UnitOutcome]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome.unit.loop, []).append(outcome)
    for loop, items in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, items)
        except RuntimeError:  # that loop has ended, so nobody waits any more
            continue


def _resolve(outcomes: Sequence[UnitOutcome]) -> None:
    for outcome in outcomes:
        future = outcome.unit.future
        if future.done():
            continue
        if outcome.error is None:
            future.set_result(outcome.result)
        elif isinstance(outcome.error, StopIteration):
            # NOTE: no future takes it, and the waiters after this one would never hear.
            unfit = RuntimeError("a unit of work raised StopIteration")
            unfit.__cause__ = outcome.error
            future.set_exception(unfit)
        else:
            future.set_exception(outcome.error)
