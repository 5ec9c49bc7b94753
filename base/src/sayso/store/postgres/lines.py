"""Units that wait for a writer: a line for each tenant, and one of those that run alone."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sayso.store.units import MAX_GROUP, Unit


@dataclass(slots=True, eq=False)
class TenantLine:
    """Units that run one after the other, by one writer at a time.

    Attributes:
        tenant: whose they are; None for those that run alone.
        is_served: a writer has it, or it stands among those that wait for one.
    """

    tenant: str | None
    units: deque[Unit] = field(default_factory=deque[Unit])
    is_served: bool = False


class WriterLines:
    """All lines of a process. Any thread adds, and each writer takes a line at a time.

    Args:
        most: how many writers there may be.
        more: has another writer begin; called where a line waits and no writer is free.

    Guarantees: units of one line run in the order in which they were added, and no line waits for
    another one while a writer is free. A line exists while it has units, or a writer.
    """

    def __init__(self, most: int = 1, more: Callable[[], None] = lambda: None) -> None:
        self._most = most
        self._more = more
        self._lines: dict[str | None, TenantLine] = {}
        self._ready: deque[TenantLine] = deque()
        self._writers = 0
        self._free = 0
        self._changed = threading.Condition()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def add(self, unit: Unit) -> bool:
        """Put a unit at the end of its line; False when they are closed."""
        with self._changed:
            if self._closed:
                return False
            self._line_of(unit.held).units.append(unit)
            self._offer(unit.held)
            return True

    def put_back(self, units: Sequence[Unit], tenant: str | None) -> None:
        """Put units that have not run at the front of a line, in their order; when closed, too."""
        if not units:
            return
        with self._changed:
            self._line_of(tenant).units.extendleft(reversed(units))
            self._offer(tenant)

    def enter(self) -> None:
        """Count another writer, which takes from now on."""
        with self._changed:
            self._writers += 1

    def take(self) -> tuple[TenantLine, list[Unit]] | None:
        """Wait for a line with units, and take those that wait; None once closed and served.

        The line is this writer's until `let_go`. A unit whose waiter has been cancelled is left
        out, so there may be none.
        """
        with self._changed:
            self._free += 1
            try:
                self._changed.wait_for(lambda: bool(self._ready) or self._closed)
            finally:
                self._free -= 1
            if not self._ready:
                return None
            line = self._ready.popleft()
            return line, self._wanted(line, MAX_GROUP)

    def join(self, line: TenantLine, group: list[Unit]) -> None:
        """Add what waits in the line now to a group that was taken, without waiting.

        For a writer that has just got the lock it waited for: what came meanwhile need not wait
        for it a second time.
        """
        with self._changed:
            group += self._wanted(line, MAX_GROUP - len(group))

    def take_rest(self, line: TenantLine) -> list[Unit]:
        """Take whatever waits in the line now, without waiting."""
        with self._changed:
            found = list(line.units)
            line.units.clear()
            return found

    def let_go(self, line: TenantLine) -> None:
        """Give the line back; whoever is free takes it, once something waits in it."""
        with self._changed:
            line.is_served = False
            if line.units:
                self._offer(line.tenant)
            else:
                del self._lines[line.tenant]

    def close(self) -> None:
        """Take no more; what waits is still served."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _line_of(self, tenant: str | None) -> TenantLine:
        line = self._lines.get(tenant)
        if line is None:
            line = self._lines[tenant] = TenantLine(tenant)
        return line

    def _offer(self, tenant: str | None) -> None:
        line = self._lines[tenant]
        if line.is_served:
            return
        line.is_served = True
        self._ready.append(line)
        self._changed.notify()
        if len(self._ready) > self._free and self._writers < self._most and not self._closed:
            self._writers += 1
            self._more()

    def _wanted(self, line: TenantLine, limit: int) -> list[Unit]:
        wanted: list[Unit] = []
        while line.units and len(wanted) < limit:
            unit = line.units.popleft()
            if not unit.future.cancelled():
                wanted.append(unit)
        return wanted
