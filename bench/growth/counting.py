"""Counts what an operation takes, which no other work on the machine changes: calls of functions in
this process, and steps of SQLite's virtual machine, which see each row that is read.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

STEPS = 100
"""SQLite tells of each so many steps."""

_Handler = Callable[[], int | None]


class _Counter:
    """What was counted since `reset`; on only between it and `taken`."""

    def __init__(self) -> None:
        self.on = False
        self.calls = 0
        self.steps = 0

    def heard(self, frame: FrameType, event: str, argument: object) -> None:
        """A call or a return, in whichever thread."""
        if self.on and (event == "call" or event == "c_call"):
            self.calls += 1


COUNTER = _Counter()


class _CountingConnection(sqlite3.Connection):
    """Counts its steps, and lets whoever asks to be told of them be told."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._told: _Handler | None = None
        self._every = self._ticks = 0
        super().set_progress_handler(self._tick, STEPS)

    def set_progress_handler(self, progress_handler: _Handler | None, n: int) -> None:
        self._told, self._every = progress_handler, max(1, n // STEPS)

    def _tick(self) -> int:
        if COUNTER.on:
            COUNTER.steps += STEPS
        self._ticks += 1
        if self._told is not None and self._ticks % self._every == 0:
            return self._told() or 0
        return 0


@contextmanager
def counting() -> Generator[None]:
    """Connections and threads that begin within the block can be counted."""
    connect = sqlite3.connect
    making: Any = partial(connect, factory=_CountingConnection)
    sqlite3.connect = making
    threading.setprofile(COUNTER.heard)
    sys.setprofile(COUNTER.heard)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        sqlite3.connect = connect


@contextmanager
def counted() -> Generator[list[float]]:
    """Puts calls and steps into its list: thousands of each, added up as one figure."""
    found: list[float] = []
    COUNTER.calls = COUNTER.steps = 0
    COUNTER.on = True
    try:
        yield found
    finally:
        COUNTER.on = False
        found += [COUNTER.calls / 1e3, COUNTER.steps / 1e3]
