"""How long a unit that is said to be brief may go on where it would hold up an event loop."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

_TICK = 9_973
"""In steps of SQLite's machine. A prime, since SQLite looks at few places of a program whether it
is time: else a loop could always be at another one."""
_MOST_TICKS = 5
"""Some two milliseconds."""


class Brevity:
    """Breaks off the statements of a unit that is not brief after all.

    Steps are counted, not time: a busy machine makes no unit longer than it is. Rows that are
    handed out count for little: what a brief unit reads row by row has a limit of its own.

    Attributes:
        exceeded: whether a unit was broken off, and has to be run again where it may take its time.
    """

    def __init__(self) -> None:
        self.exceeded = False
        self._ticks = 0

    @contextmanager
    def watch(self, connection: sqlite3.Connection) -> Generator[None]:
        """Count what a connection does meanwhile.

        NOTE: SQLite takes back the whole transaction when it breaks off a statement that writes.
        """
        connection.set_progress_handler(self._tick, _TICK)
        try:
            yield
        finally:
            connection.set_progress_handler(None, 0)

    def begin_unit(self) -> None:
        """What was counted is another unit's."""
        self._ticks = 0

    def _tick(self) -> int:
        self._ticks += 1
        if self._ticks < _MOST_TICKS:
            return 0
        self.exceeded = True
        return 1
