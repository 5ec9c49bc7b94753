"""The lease of a call: while its worker shows signs of life, nobody else takes the action over."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.snapshot import Receipt
from sayso.errors import (
    Code,
    ConfigError,
    OutcomeUnknownError,
    RetryableError,
    SaysoError,
    logged,
)
from sayso.ids import Clock, to_micros
from sayso.store.base import Store, Transaction

logger = logging.getLogger("sayso.engine")

WRITE_PAUSES_S = (0.05, 0.25, 1.0)
"""Before an outcome is written again; each try waits by itself while a server is away."""


class LeaseKeeper:
    """Extends an action's lease while its call is on the way.

    Args:
        ends_call: whether the call is broken off where the lease ends because it could not be
            extended; see `may_outlive_lease`.

    Attributes:
        row: the action with its lease as it was last extended.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        lease_s: float,
        row: ActionRow,
        *,
        ends_call: bool = False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._lease_s = lease_s
        self._ends_call = ends_call
        self.row = row

    async def during(self, work: Coroutine[Any, Any, Receipt | SaysoError]) -> Receipt | SaysoError:
        """Await the call; extend the lease at every third of it."""
        call = asyncio.ensure_future(work)
        # NOTE: apart from the call, since a database that hangs must not keep it from ending.
        beats = asyncio.ensure_future(self._beat())
        try:
            while not call.done():
                if self._ends_call and not self._left_s():
                    return OutcomeUnknownError(
                        Code.OUTCOME_UNKNOWN,
                        "the lease ended before an answer came",
                        next_step="the engine looks it up at the provider",
                    )
                await asyncio.wait({call}, timeout=self._look_again_s())
            return call.result()
        finally:
            call.cancel()
            beats.cancel()
            await asyncio.wait({call, beats})

    async def write_down(self, work: Callable[[Transaction], ActionRow | None]) -> ActionRow | None:
        """Write what only this process knows of the call, again where the database fails.

        Guarantees: written once at most, since it is compared with the row as it was claimed.
        """
        for pause_s in WRITE_PAUSES_S:
            try:
                return await self._store.write(work, brief=True)
            except (RetryableError, OutcomeUnknownError, ConfigError) as error:
                logger.warning("%s cannot be written down yet: %s", self.row.id, logged(error))
                await asyncio.sleep(pause_s)
        return await self._store.write(work, brief=True)

    def _look_again_s(self) -> float | None:
        return min(self._lease_s / 3, self._left_s()) if self._ends_call else None

    def _left_s(self) -> float:
        now = to_micros(self._clock.now())
        return max(0.0, ((self.row.due_at or now) - now) / 1e6)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / 3)
            # NOTE: a database that is busy or full must not break the call off by itself, whose
            # answer would be lost. Once the lease has ended, who takes over looks the call up.
            with contextlib.suppress(SaysoError):
                due_at = await self._store.write(self._extend, brief=True)
                self.row = replace(self.row, due_at=due_at)

    def _extend(self, tx: Transaction) -> int | None:
        """Have the lease end later; returns when it ends, as far as this row knows.

        NOTE: changes nothing here, since a unit may run again, or be undone after it has run.
        """
        due_at = to_micros(self._clock.now()) + int(self._lease_s * 1e6)
        extended = tx.run(
            "action.heartbeat",
            tenant=self.row.tenant,
            id=self.row.id,
            fence=self.row.fence,
            due_at=due_at,
        )
        return due_at if extended == 1 else self.row.due_at
