"""A server reads its whole database from the medium, at its start and then again and again.

What cannot be read keeps the server from being ready, and from signing anything, until it can be
read again. It accuses nobody, and is remembered by this process alone.
"""

from __future__ import annotations

import asyncio
import logging

from sayso.audit.log import MEDIUM
from sayso.errors import Code, SaysoError, logged, logged_with_frames
from sayso.sdk.client import Sayso
from sayso.store.base import Examined
from sayso.verdicts import Cause

logger = logging.getLogger("sayso.audit")

LOOK_EVERY_S = 1.0
"""So often it is looked whether a unit of work could not read something."""
EXAMINE_EVERY_S = 60.0
"""So often everything is read, where that is quick."""
_SHARE = 0.005
"""Of the time that reading everything may take on a large database."""


class MediumWatch:
    """Examines a workspace's database, part by part.

    Args:
        every_s: how often, at most. share: of the time that reading everything may take.
    """

    def __init__(
        self, sayso: Sayso, every_s: float = EXAMINE_EVERY_S, *, share: float = _SHARE
    ) -> None:
        self._rest = (1 - share) / share
        self._log = sayso.container.log
        self._store = sayso.container.store
        self._every_s = every_s
        self._look_every_s = min(every_s, LOOK_EVERY_S)
        self.looked = asyncio.Condition()
        """Told whenever everything was examined, or something could not be."""
        self.rounds = 0
        """How often everything was examined."""

    async def run(self) -> None:
        """Examine until cancelled; whatever breaks off is begun again."""
        store = self._store
        if not isinstance(store, Examined):
            return
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if loop.time() >= due or store.damage is not None:
                try:
                    took = await self._examine(store)
                except Exception as error:  # noqa: BLE001
                    # Whatever it is, it must not end this for good.
                    logger.error("examining broke off: %s", logged_with_frames(error))  # noqa: TRY400
                    took = 0.0
                due = loop.time() + max(self._every_s, took * self._rest)
                if self._log.is_halted(Cause.DAMAGED, MEDIUM):
                    due = loop.time() + self._look_every_s
                async with self.looked:
                    self.rounds += 1
                    self.looked.notify_all()
            await asyncio.sleep(self._look_every_s)

    async def _examine(self, store: Examined) -> float:
        """Read everything once; returns how long it took, in seconds."""
        loop = asyncio.get_running_loop()
        began, took = loop.time(), 0.0
        try:
            for part in await store.parts():
                before = loop.time()
                await store.examine(part)
                took += loop.time() - before
        except SaysoError as error:
            if error.code is Code.DAMAGED:
                self._halt(error)
            else:  # such as a server that is away
                logger.warning("the database cannot be examined now: %s", logged(error))
            return loop.time() - began
        store.forget_damage()
        if self._log.is_halted(Cause.DAMAGED, MEDIUM):
            self._log.go_on(Cause.DAMAGED, MEDIUM)
            logger.warning("the database reads as a whole again")
        return took

    def _halt(self, error: SaysoError) -> None:
        if not self._log.is_halted(Cause.DAMAGED, MEDIUM):
            logger.error("nothing is signed, since the database cannot be read: %s", logged(error))
        self._log.halt(Cause.DAMAGED, error, MEDIUM)
