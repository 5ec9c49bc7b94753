"""What a server does beside its calls: erasures, sweeps, test cards, sealing, pruning, judging."""

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
async def keeping(
    sayso: Sayso, serving: asyncio.Event | None = None, every_s: float = SWEEP_EVERY_S
) -> AsyncGenerator[None]:
    """Look after erasures and retention while the block runs.

    Args:
        serving: is set once calls are answered; until then nothing of it is loaded or begun.
    """
    async with (
        _repeating("retention", lambda: sayso.privacy.sweep_all(), every_s, serving),
        _repeating("limits", lambda: sayso.limits.forget(), every_s, serving),
        _repeating("roll-out", lambda: sayso.rollout.compare(), every_s, serving),
        _repeating(
            "test cards",
            lambda: sayso.canaries.look_after(),
            min(every_s, CANARIES_EVERY_S),
            serving,
        ),
        _repeating(
            "late answers", lambda: sayso.work.tell_late(), min(every_s, LATE_EVERY_S), serving
        ),
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
async def self_auditing(sayso: Sayso, serving: asyncio.Event | None = None) -> AsyncGenerator[None]:
    """Judge the logs of an open workspace, and its database's medium, while the block runs.

    Args:
        serving: is set once calls are answered; until then nothing is read, which would only keep
            them waiting. What the last process was alarmed of holds from the start.
    """

    async def judge() -> None:
        await _begun(serving)
        from sayso.sdk.audit.self_audit import SelfAudit  # no call needs it

        await SelfAudit(sayso).run()

    async def look() -> None:
        await _begun(serving)
        from sayso.sdk.audit.medium import MediumWatch  # likewise

        await MediumWatch(sayso).run()

    tasks = (
        asyncio.create_task(judge(), name="sayso judges its logs"),
        asyncio.create_task(look(), name="sayso reads its database"),
    )
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def _repeating(
    name: str,
    work: Callable[[], Awaitable[object]],
    every_s: float,
    serving: asyncio.Event | None = None,
) -> AsyncGenerator[None]:
    """Do the work now, or once calls are answered, and every so many seconds, come what may."""

    async def repeat() -> None:
        await _begun(serving)
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


async def _begun(serving: asyncio.Event | None) -> None:
    if serving is not None:
        await serving.wait()
