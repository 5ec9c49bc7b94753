"""Waking what waits for changes: any process's commit, by one look at the store's version."""

from __future__ import annotations

import asyncio
import contextlib

from sayso.dispatch.embedded import POLL_S
from sayso.errors import SaysoError
from sayso.sdk.client import Sayso


class Changes:
    """Wakes streams when any process has committed something.

    Args:
        sayso: whose store; it must be open when something waits.
        poll_s: seconds between two looks, each a read of shared memory and no query.
    """

    def __init__(self, sayso: Sayso, poll_s: float = POLL_S) -> None:
        self._sayso = sayso
        self._poll_s = poll_s
        self._changed = asyncio.Condition()
        self._version = -1
        self._waiting = 0
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether the server is going down, so that streams have to end."""
        return self._stopped

    async def version(self) -> int:
        """The store's version now; take it before reading what it stands for."""
        version = await self._sayso.container.store.version()
        if version != self._version:
            async with self._changed:
                self._version = version
                self._changed.notify_all()
        return version

    async def stop(self) -> None:
        """End all waits, now and in future."""
        self._stopped = True
        async with self._changed:
            self._changed.notify_all()

    async def later_than(self, seen: int, timeout_s: float) -> bool:
        """Wait until the version is another one than `seen`, or `stop`.

        Returns:
            False when `timeout_s` seconds were over first.
        """
        self._waiting += 1
        if self._task is None:
            self._task = asyncio.create_task(self._watch(), name="sayso stream watch")
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: self._stopped or self._version != seen)
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
            if self._waiting == 0:
                self._task.cancel()
                self._task = None
        return True

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            with contextlib.suppress(SaysoError):  # the streams read too, and say what is wrong
                await self.version()
