"""Retention beside a server: what crashes left is finished, backups are told, what is old goes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sayso.errors import SaysoError, logged, logged_with_frames

if TYPE_CHECKING:
    from sayso.sdk.client import Sayso

logger = logging.getLogger("sayso.retention")
EVERY_S = 6 * 3600.0


@asynccontextmanager
async def keeping(sayso: Sayso, every_s: float = EVERY_S) -> AsyncGenerator[None]:
    """Look after erasures and retention in the background while the block runs.

    Args:
        every_s: how often what is old is swept.
    """
    task = asyncio.create_task(_keep(sayso, every_s), name="retention")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _keep(sayso: Sayso, every_s: float) -> None:
    while True:
        try:
            await sayso.privacy.sweep_all()
        except SaysoError as error:
            # Tried again with the next round; doctor and `privacy erasures` show what is left.
            logger.warning("retention could not be looked after: %s", logged(error))
        except Exception as error:  # noqa: BLE001
            # Whatever it is, it must not end retention for good.
            logger.error("retention broke off: %s", logged_with_frames(error))  # noqa: TRY400
        await asyncio.sleep(every_s)
