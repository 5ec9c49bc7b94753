"""What a channel does beside its calls: it tells what is due in its queues, each row once.

async with telling(sayso, "pager", {OUTBOX_TOPIC: page}):  # `page` tells one row
    ...
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

from sayso.errors import SaysoError, logged, logged_with_frames
from sayso.json import JsonValue
from sayso.sdk.client import Sayso
from sayso.sdk.resources.outbox import OutboxRow

logger = logging.getLogger("sayso.channel")

Kept = Mapping[str, JsonValue]
Tell = Callable[[OutboxRow], Awaitable[Kept | None]]
"""Tells what a row is about, and says what the row keeps of it (`OutboxRow.state`), if anything.

Where it raises, the row is due again once its lease is over.
"""

LOOK_EVERY_S = 2.0
_LEASE_S = 120.0
_BATCH = 20


class Telling:
    """Tells what is due to one consumer. Any number of processes may run one.

    Args:
        consumer: the channel's name, as in `OutboxResource.subscribe`.
        tell: what to do with a row, by its topic.
    """

    def __init__(self, sayso: Sayso, consumer: str, tell: Mapping[str, Tell]) -> None:
        self._sayso = sayso
        self._consumer = consumer
        self._tell = tell
        self._queues: dict[str, Tell] = {}

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            try:
                await self.step()
            except SaysoError as error:
                logger.warning("%s: nothing can be told now: %s", self._consumer, logged(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def step(self) -> None:
        """Tell what is due now.

        Guarantees: at least once, in the newest version; a row that cannot be told holds up no
        other, and is tried again later.
        """
        outbox = self._sayso.outbox
        if not self._queues:
            for topic, tell in self._tell.items():
                self._queues[await outbox.subscribe(self._consumer, topic)] = tell
        for queue, tell in self._queues.items():
            for row in await outbox.due(queue, limit=_BATCH):
                if not await outbox.lease(row, _LEASE_S):
                    continue
                kept = await self._told(tell, row)
                if kept is not None:
                    await outbox.sent(row, kept)

    async def _told(self, tell: Tell, row: OutboxRow) -> Kept | None:
        """What the row keeps; None where it could not be told."""
        try:
            return await tell(row) or {"told": True}
        except SaysoError as error:
            logger.warning("%s: told later: %s", self._consumer, logged(error))
        except Exception as error:  # noqa: BLE001  (one strange one must not stop the others)
            logger.error("%s: not told: %s", self._consumer, logged_with_frames(error))  # noqa: TRY400
        return None


@contextlib.asynccontextmanager
async def telling(sayso: Sayso, consumer: str, tell: Mapping[str, Tell]) -> AsyncGenerator[None]:
    """Tell what is due while the block runs; see `Telling`."""
    task = asyncio.create_task(Telling(sayso, consumer, tell).run(), name=f"sayso {consumer}")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
