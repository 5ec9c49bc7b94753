"""What a server does beside its calls: erasures, sweeps, test cards, sealing, pruning."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from sayso.errors import SaysoError, logged, logged_with_frames
from sayso.sdk.client import Sayso

logger = logging.getLogger("sayso.retention")
SWEEP_EVERY_S = 6 * 3600.0
SEAL_EVERY_S = 60.0
CANARIES_EVERY_S = 60.0
LATE_EVERY_S = 60.0


@asynccontextmanager
async def keeping(sayso: Sayso, every_s: float = SWEEP_EVERY_S) -> AsyncGenerator[None]:
    """Look after erasures and retention while the block runs."""
    async with (
        _repeating("retention", sayso.privacy.sweep_all, every_s),
        _repeating("limits", sayso.limits.forget, every_s),
        _repeating("roll-out", sayso.rollout.compare, every_s),
        _repeating("test cards", sayso.canaries.look_after, min(every_s, CANARIES_EVERY_S)),
        _repeating("late answers", sayso.work.tell_late, min(every_s, LATE_EVERY_S)),
    ):
        yield


@asynccontextmanager
async def sealing(sayso: Sayso, every_s: float = SEAL_EVERY_S) -> AsyncGenerator[None]:
    """Seal and prune while the block runs, where `[retention] log` says so."""
    retention = sayso.workspace.settings.retention
    if retention.log is None and not retention.log_tenants:
        yield
        return
    async with _repeating("sealing", sayso.audit.segments.seal_and_prune_due, every_s):
        yield


@asynccontextmanager
async def _repeating(
    name: str, work: Callable[[], Awaitable[object]], every_s: float
) -> AsyncGenerator[None]:
    """Do the work now and every so many seconds, whatever comes of it."""

    async def repeat() -> None:
        while True:
            try:
                await work()
            except (
                SaysoError
            ) as error:  # the next round may find it well; doctor shows what is left
                logger.warning("%s could not be looked after: %s", name, logged(error))
            except Exception as error:  # noqa: BLE001
                # Whatever it is, it must not end this for good.
                logger.error("%s broke off: %s", name, logged_with_frames(error))  # noqa: TRY400
            await asyncio.sleep(every_s)

    task = asyncio.create_task(repeat(), name=name)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
