"""Reads that begin at once and are taken in the order of the code, errors included."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Self, TypeVar

T = TypeVar("T")


class Ahead:
    """Begins reads before they are needed: `async with Ahead() as ahead: a = ahead.read(…)`.

    Guarantees: what is awaited first fails first, as if one had been read after the other; what is
    not awaited by the end of the block is given up, and its error told to nobody. So only what
    changes nothing may be begun.
    """

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[object]] = []

    def read(self, work: Coroutine[object, object, T]) -> asyncio.Task[T]:
        """Begin a read; await what it gives."""
        task = asyncio.ensure_future(work)
        self._tasks.append(task)
        return task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
