"""A clock that stands still until a test moves it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


class FakeClock:
    """A `Clock` for tests; safe to read from any thread.

    Args:
        start: the first answer of `now`, aware.
    """

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The time at which it stands."""
        with self._lock:
            return self._now

    def advance(self, **step: float) -> None:
        """Move it by a `timedelta` given in keywords, such as `hours=25`; negative goes back."""
        with self._lock:
            self._now += timedelta(**step)
