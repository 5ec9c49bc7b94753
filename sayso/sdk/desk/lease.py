"""A lease that lasts as long as its work: short, so that nobody waits long for whoever was killed.

A desk may be slow to answer, so it is renewed meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
LEASE_MICROS = 20_000_000
_BEAT_S = 5.0


async def renewing(
    work: Coroutine[Any, Any, T], renew: Callable[[], Awaitable[None]], *, beat_s: float = _BEAT_S
) -> T:
    """What comes of the work, with the lease renewed while it goes on.

    INVARIANT: nothing is renewed after this has ended, so whoever holds the lease knows its end.

    Args:
        renew: puts the lease's end off, where it is held still.
    """
    going = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait((going,), timeout=beat_s))[0]:
            await renew()
        return going.result()
    finally:
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
