"""One time for everybody in this process: the walk's, which moves when the walk says so."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime

import sayso.store.clock
from sayso.ids import Clock
from sayso.store.clock import ServerClock, TimeSource
from sayso.testing.clock import FakeClock


class _WalkClock(ServerClock):
    """What a command makes for itself, standing where the walk's clock stands."""

    moved: Clock = FakeClock()

    def now(self) -> datetime:
        return type(self).moved.now()

    async def set_by(self, source: TimeSource) -> None:
        return None

    async def follow(self, source: TimeSource, every_s: float = 0) -> None:
        await asyncio.Event().wait()


@contextmanager
def standing(clock: Clock) -> Generator[None]:
    """While the block runs, a workspace that is opened without a clock has this one.

    NOTE: a command of the command line opens the workspace by itself, and takes no clock.
    """
    name = "ServerClock"
    before, moved = getattr(sayso.store.clock, name), _WalkClock.moved
    setattr(sayso.store.clock, name, _WalkClock)
    _WalkClock.moved = clock
    try:
        yield
    finally:
        setattr(sayso.store.clock, name, before)
        _WalkClock.moved = moved


def now_in_walk() -> datetime:
    """The time of the walk that is on."""
    return _WalkClock.moved.now()
