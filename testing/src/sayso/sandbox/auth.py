"""Where calls wait: for a while, or until somebody lets them go.

Holding makes "at the same time" and "killed in the middle" exact in tests, without sleeping.
"""

from __future__ import annotations

import asyncio


class Auth:
    """Calls that are held, and those who wait to see them held. Used in one event loop only."""

    def __init__(self) -> None:
        self._held: list[asyncio.Event] = []
        self._watchers: list[tuple[int, asyncio.Event]] = []

    @property
    def held(self) -> int:
        """How many calls are held now."""
        return len(self._held)

    async def pause(self, seconds: float) -> None:
        """Wait in real time."""
        await asyncio.sleep(seconds)

    async def hold(self) -> None:
        """Wait until `release`."""
        event = asyncio.Event()
        self._held.append(event)
        for count, seen in self._watchers:
            if len(self._held) >= count:
                seen.set()
        try:
            await event.wait()
        finally:
            if event in self._held:
                self._held.remove(event)

    def release(self) -> int:
        """Let all held calls go on; how many there were."""
        held, self._held = self._held, []
        for event in held:
            event.set()
        return len(held)

    async def wait_until_held(self, count: int, timeout_s: float) -> bool:
        """Wait until that many calls are held; False when they did not come in time."""
        if self.held >= count:
            return True
        seen = asyncio.Event()
        self._watchers.append((count, seen))
        try:
            await asyncio.wait_for(seen.wait(), timeout_s)
        except TimeoutError:
            return False
        finally:
            self._watchers.remove((count, seen))
        return True
