"""`Points`: the named points that a run passes, and the one at which something goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from fnmatch import fnmatchcase


def do_nothing() -> None:
    """What happens where nothing is to go wrong."""


class Points:
    """Counts named points as they are passed, from any thread, and strikes at one of them once.

    It is called with a point's name, so it can be handed to whatever reports such names: to
    `Sayso(passing=…)` for the engine's boundaries, to `TappedStore` for statements, to
    `PostgresCutter` for messages, to `FakeClock.on_reading` for looks at the clock.

    Args:
        strike: what goes wrong, in the thread that passes the point; an error that it raises is
            raised there.
        name: a shell pattern over the names that count.
        at: the how-manieth of those it is, from 1; 0 never strikes and only counts.
    """

    def __init__(
        self, strike: Callable[[], None] = do_nothing, *, name: str = "*", at: int = 0
    ) -> None:
        self._strike = strike
        self._name = name
        self._at = at
        self._counted = 0
        self._lock = threading.Lock()
        self._passed: list[str] = []
        self._struck_at: str | None = None

    def __call__(self, name: str) -> None:
        """Pass a point."""
        with self._lock:
            self._passed.append(name)
            if not fnmatchcase(name, self._name):
                return
            self._counted += 1
            strikes = self._counted == self._at
            if strikes:
                self._struck_at = name
        if strikes:
            self._strike()

    @property
    def passed(self) -> tuple[str, ...]:
        """All names so far, in order, also those that do not count."""
        with self._lock:
            return tuple(self._passed)

    @property
    def counted(self) -> int:
        """How many of them count."""
        with self._lock:
            return self._counted

    @property
    def struck_at(self) -> str | None:
        """The name of the point at which it struck; None while it has not."""
        with self._lock:
            return self._struck_at
