"""A clock for waits that no test waits for."""

from __future__ import annotations


class Ticks:
    """A monotonic clock that a test moves; who sleeps by it does not wait."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Move the clock instead of waiting."""
        self.slept.append(seconds)
        self.now += seconds
