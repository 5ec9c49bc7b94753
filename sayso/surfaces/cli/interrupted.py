"""Ctrl-C while a command acts: what it leaves behind, and who finds out what became of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from sayso.errors import SaysoError
from sayso.sdk.views import ActionView, RequestView
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.unfinished import left_of
from sayso.surfaces.cli.words import one_line

_PATIENCE_S = 3.0
"""How long the database may take to say what was stored; whoever pressed Ctrl-C wants to go."""

Stored = ActionView | RequestView | None


@asynccontextmanager
async def telling(out: Out, find: Callable[[], Awaitable[Stored]]) -> AsyncGenerator[None]:
    """Say what is left behind, when Ctrl-C ends the block.

    Args:
        find: reads what the block stored; None when it was nothing.
    """
    try:
        yield
    except asyncio.CancelledError:
        with contextlib.suppress(SaysoError, TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                _tell(out, await find())
        raise


def _tell(out: Out, stored: Stored) -> None:
    if stored is None:
        out.warn("nothing was stored, and nothing was sent")
        return
    actions = [stored] if isinstance(stored, ActionView) else list(stored.actions)
    left = left_of(*actions)
    if out.as_json:
        out.document({"id": stored.id, "status": stored.status, "left": left})
    for one in left:
        out.warn(f"not done yet: {one.action}: {one_line(one.reason)}")
        out.warn(f"next: {one_line(one.next_step)}")
    if not left:
        noun = "actions" if isinstance(stored, ActionView) else "requests"
        out.warn(f"{stored.id} is stored, and {stored.status}")
        out.warn(f"next: see `sayso {noun} show {stored.id}`")


def until_cancelled(progress: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """The same, for long work in this task that never waits: Ctrl-C ends it at the next report.

    NOTE: asyncio cancels the task at the first Ctrl-C, and can deliver that only where it waits.
    """
    task = asyncio.current_task()

    def report(done: int, total: int) -> None:
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        progress(done, total)

    return report
