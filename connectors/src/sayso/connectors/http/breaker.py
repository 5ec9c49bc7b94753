"""A breaker and a pace per host: no storm on a provider that is down, none on one that is busy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Monotonic = Callable[[], float]


@dataclass(slots=True)
class Breaker:
    """Opens after so many failures in a row, and lets one request try again after a while.

    Attributes:
        failures: in a row until it opens.
        open_s: seconds that it stays open.
        monotonic: a clock that never goes back.
    """

    failures: int
    open_s: float
    monotonic: Monotonic
    _failed: int = 0
    _open_until: float = 0.0
    _trying: bool = False

    def open_for(self) -> float | None:
        """Seconds until a request may be tried; None when one may be tried now.

        Whoever gets None has to say how it went, by `succeeded`, `failed` or `nothing`.
        """
        if self._failed < self.failures:
            return None
        left = self._open_until - self.monotonic()
        if left > 0 or self._trying:
            return max(left, 1.0)
        self._trying = True
        return None

    def succeeded(self) -> None:
        """The host answered."""
        self._failed, self._trying = 0, False

    def failed(self) -> None:
        """It did not, or not usably."""
        self._failed += 1
        self._trying = False
        if self._failed >= self.failures:
            self._open_until = self.monotonic() + self.open_s

    def nothing(self) -> None:
        """The request ended for a reason that says nothing about the host."""
        self._trying = False


class RequestPace:
    """So many requests in a second, and so many at once after a pause.

    Args:
        per_second: None for no limit.
        burst: how many may go at once; as many as in a second unless said.
    """

    def __init__(
        self,
        per_second: int | None,
        burst: int | None,
        *,
        monotonic: Monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._per_second = per_second
        self._burst = burst or per_second or 1
        self._monotonic = monotonic
        self._sleep = sleep
        self._free_at = 0.0

    async def wait(self) -> None:
        """Wait for this request's turn."""
        if self._per_second is None:
            return
        # SOURCE: the generic cell rate algorithm (ATM Forum, TM 4.0): one number per host.
        gap, now = 1.0 / self._per_second, self._monotonic()
        self._free_at = max(self._free_at, now) + gap
        wait = self._free_at - now - gap * self._burst
        if wait > 0:
            await self._sleep(wait)
