"""What foreign code raises, kept from ending what called it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def contained(work: Awaitable[T]) -> T:
    """What the work gives; what foreign code raises stays one of its errors, whatever it is.

    `SystemExit` of a connector's library would end the process, with the work of every other one.
    A `CancelledError` that nobody asked for looks like the end of whoever called, so that the same
    action would be run again at once, and again. Neither says anything about what was done.

    Raises:
        RuntimeError: for what is no `Exception`; not where this task is to be cancelled, or the
            process to be interrupted.
        Exception: as the work raised it.
    """
    try:
        return await work
    except (Exception, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise
        raise RuntimeError(f"it raised {type(error).__name__}") from error
