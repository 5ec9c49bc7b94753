"""Clocks that a test moves: one that stands still, one in a file for several processes."""

from __future__ import annotations

import mmap
import os
import struct
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROS = struct.Struct("=q")


def _ignore(reading: str) -> None:
    """What is done about a reading by default."""


class FakeClock:
    """A `Clock` for tests that stands still until it is moved; safe to read from any thread.

    Args:
        start: the first answer of `now`, aware.
        on_reading: called with `clock` before each answer, such as a `Points` whose strike moves
            this clock: that is a jump between two lines of whoever reads it.
    """

    def __init__(
        self, start: datetime = START, *, on_reading: Callable[[str], None] = _ignore
    ) -> None:
        self._now = start
        self._lock = threading.Lock()
        self.on_reading = on_reading

    def now(self) -> datetime:
        """The time at which it stands."""
        self.on_reading("clock")
        with self._lock:
            return self._now

    def advance(self, **step: float) -> None:
        """Move it by a `timedelta` given in keywords, such as `hours=25`; negative goes back."""
        with self._lock:
            self._now += timedelta(**step)


class FileClock:
    """A clock that stands in a file: every process that opens it has the same time.

    A process that was paused finds that time has passed without it, and nobody has to wait.

    Args:
        path: the file; made when it is not there.
        start: the time of a new one, aware.
    """

    def __init__(self, path: Path, start: datetime = START) -> None:
        if not path.exists():
            fresh = path.with_name(f"{path.name}.{os.getpid()}")
            fresh.write_bytes(_MICROS.pack(_micros_of(start)))
            fresh.replace(path)
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _MICROS.size)

    def now(self) -> datetime:
        """The time in the file."""
        return _EPOCH + timedelta(microseconds=_MICROS.unpack(self._map[:])[0])

    def advance(self, **step: float) -> None:
        """Move it for everybody, as `FakeClock.advance` does. One process at a time may."""
        self._map[:] = _MICROS.pack(_micros_of(self.now() + timedelta(**step)))


def _micros_of(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
