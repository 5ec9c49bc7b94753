"""The time of the database server, for leases that workers on several machines share."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol, runtime_checkable

from sayso.errors import SaysoError, logged
from sayso.ids import Clock, SystemClock, from_micros

logger = logging.getLogger("sayso.store")

EVERY_S = 30.0
"""How often the server is asked again; in between a clock that never jumps goes on."""
_ROUGH_MICROS = 500_000
"""An answer that took longer says too little, once there is a better one."""


@runtime_checkable
class TimeSource(Protocol):
    """A store whose server has a clock of its own."""

    async def time(self) -> int:
        """Microseconds since 1970, UTC, by the server's clock."""
        ...


def steady_micros() -> int:
    """Microseconds of a clock that never jumps, and that goes on while the machine sleeps."""
    # NOTE: Linux stops CLOCK_MONOTONIC in suspend, and then a lease would seem to be young.
    boot: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(boot) // 1000


class ServerClock:
    """A clock that follows a server's, whatever becomes of this machine's.

    Guarantees: once it has been set it does not ask this machine what time it is. It is as far
    from the server's as half an answer takes, some milliseconds at most, and goes back only when
    the server's does.
    """

    def __init__(
        self, *, steady: Callable[[], int] = steady_micros, before: Clock | None = None
    ) -> None:
        self._steady = steady
        self._before = before or SystemClock()
        self._offset: int | None = None

    def now(self) -> datetime:
        if self._offset is None:
            return self._before.now()
        return from_micros(self._steady() + self._offset)

    async def set_by(self, source: TimeSource) -> None:
        """Ask the server once.

        Raises:
            RetryableError, ConfigError: the server cannot be asked; the clock goes on as before.
        """
        asked = self._steady()
        told = await source.time()
        took = self._steady() - asked
        if self._offset is None or took < _ROUGH_MICROS:
            self._offset = told - (asked + took // 2)

    async def follow(self, source: TimeSource, every_s: float = EVERY_S) -> None:
        """Ask again and again, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            try:
                await self.set_by(source)
            except SaysoError as error:
                logger.info("the server's time is not known better now: %s", logged(error))
