"""Waiting for commits: one look at the store's version for everybody in this process who waits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sayso.dispatch.embedded import POLL_S
from sayso.errors import SaysoError

V = TypeVar("V")


class StoreChanges:
    """Wakes whoever waits when any process has committed something.

    Args:
        read_version: of an open store: a number that differs after every commit.
        poll_s: seconds between two looks, each a read of shared memory and no query.
    """

    def __init__(self, read_version: Callable[[], Awaitable[int]], poll_s: float = POLL_S) -> None:
        self._read_version = read_version
        self._poll_s = poll_s
        self._changed = asyncio.Condition()
        self._version = -1
        self._waiting = 0
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether nobody is to wait any more, since the server is going down."""
        return self._stopped

    async def version(self) -> int:
        """The store's version now; take it before reading what it stands for."""
        version = await self._read_version()
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
            with contextlib.suppress(SaysoError):  # whoever waits reads too, and says what is wrong
                await self.version()

    async def until(
        self, read: Callable[[], Awaitable[V]], is_enough: Callable[[V], bool], timeout_s: float
    ) -> V:
        """Read now and after every commit, until it is enough.

        Returns:
            What was read last, also when `timeout_s` seconds were over first, or after `stop`.
        """
        now = asyncio.get_running_loop().time
        due = now() + timeout_s
        while True:
            version = await self.version()
            found = await read()
            left_s = due - now()
            if is_enough(found) or left_s <= 0 or self._stopped:
                return found
            await self.later_than(version, left_s)
