"""Has what is due in every database carried out, however many there are."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial

from sayso.errors import SaysoError, logged, logged_with_frames
from sayso.sdk.client import Sayso
from sayso.sdk.databases.open_ones import Databases, Opening

logger = logging.getLogger("sayso.databases")
Beside = Callable[[Sayso], AbstractAsyncContextManager[object]]
TURN_S = 5.0
"""So long a database has its turn where there are more than may be open."""
_PAUSE_S = 5.0


@asynccontextmanager
async def attended(
    home: Sayso, opening: Opening, beside: Beside, *, turn_s: float = TURN_S
) -> AsyncGenerator[Databases | None]:
    """Look after the other databases while the block runs; None where there are none.

    Where there are no more of them than `open_at_once`, each stays open; else they take turns. One
    that cannot be reached is tried again, and stops none of the others.

    Args:
        opening: how each is opened; what is due in it is run as long as it is.
        beside: runs beside it then.
    """
    copies = home.container.copies
    if copies is None:
        yield None
        return
    async with AsyncExitStack() as stack:
        databases = await stack.enter_async_context(Databases(home, opening))
        others = databases.names[1:]
        room = home.workspace.settings.store.open_at_once
        # One place stays free for who asks for a database that has no turn now.
        slots = asyncio.Semaphore(max(1, room - 1) if len(others) > room else room)
        turn = turn_s if len(others) > room else None
        tasks = [asyncio.create_task(copies.keep(), name="sayso copies the operator's log")]
        tasks += [
            asyncio.create_task(_attend(databases, name, beside, slots, turn), name=f"sayso {name}")
            for name in others
        ]
        for task in tasks:
            stack.push_async_callback(partial(_end, task))
        yield databases


async def _attend(
    databases: Databases,
    name: str,
    beside: Beside,
    slots: asyncio.Semaphore,
    turn_s: float | None,
) -> None:
    while True:
        try:
            async with slots, databases.named(name) as sayso, beside(sayso):
                await asyncio.sleep(turn_s) if turn_s is not None else await asyncio.Future()
        except SaysoError as error:
            logger.warning("the database `%s` is not looked after: %s", name, logged(error))
        except Exception as error:  # noqa: BLE001
            # Whatever it is, it must not end this for good.
            logger.error("looking after `%s` broke off: %s", name, logged_with_frames(error))  # noqa: TRY400
        else:
            continue
        await asyncio.sleep(_PAUSE_S)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
