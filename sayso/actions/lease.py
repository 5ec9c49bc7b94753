"""The lease of a call: while its worker shows signs of life, nobody else takes the action over."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from sayso.actions.ledger import ActionRow
from sayso.actions.snapshot import Receipt
from sayso.errors import SaysoError
from sayso.ids import Clock, to_micros
from sayso.store.base import Store, Transaction


class LeaseKeeper:
    """Extends an action's lease while its call is on the way.

    Attributes:
        row: the action with its lease as it was last extended.
    """

    def __init__(self, store: Store, clock: Clock, lease_s: float, row: ActionRow) -> None:
        self._store = store
        self._clock = clock
        self._lease_s = lease_s
        self.row = row

    async def during(self, work: Coroutine[Any, Any, Receipt | SaysoError]) -> Receipt | SaysoError:
        """Await the call; extend the lease at every third of it."""
        task = asyncio.ensure_future(work)
        try:
            while True:
                done, _ = await asyncio.wait({task}, timeout=self._lease_s / 3)
                if done:
                    return task.result()
                # NOTE: a database that is busy or full must not break the call off, whose answer
                # would be lost. The lease ends then, and who takes over looks the call up first.
                with contextlib.suppress(SaysoError):
                    due_at = await self._store.write(self._extend)
                    self.row = replace(self.row, due_at=due_at)
        finally:
            task.cancel()

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
