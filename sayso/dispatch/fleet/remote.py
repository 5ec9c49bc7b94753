"""The dispatcher of a process that runs nothing itself: `sayso serve` and the commands of a fleet.

Handing over is no task of its own: a trigger of the schema does it in the transaction that makes a
row due. What is left is to wait for the workers, for whoever wants to see the outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from sayso.actions.model.status import Status
from sayso.dispatch.base import Begin
from sayso.ids import Clock, Tenant, monotonic_s, to_micros
from sayso.store.base import Row, Store, integer_or_none, text

PATIENCE_S = 10.0
"""How long somebody is kept waiting for the fleet; what is not settled then goes on without them.
"""
FIRST_LOOK_S = 0.02
LONGEST_LOOK_S = 0.25
"""The pauses between two looks of one waiter; each look that follows a commit is a read."""


class RemoteDispatcher:
    """Leaves the work to the workers of the fleet.

    Args:
        patience_s: see `PATIENCE_S`.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        patience_s: float = PATIENCE_S,
        monotonic: Callable[[], float] = monotonic_s,
    ) -> None:
        self._store = store
        self._clock = clock
        self._patience_s = patience_s
        self._monotonic = monotonic

    @property
    def runs_here(self) -> bool:
        """No: what is proposed here is claimed by a worker."""
        return False

    def wake(self) -> None:
        """The commit was the wake."""

    async def run(self) -> None:
        """Do nothing until cancelled."""
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Nothing runs here."""

    def problem_with(self, noun: str, tenant: Tenant, item_id: str) -> None:
        """Nothing runs here, so the worker's log has it."""

    async def drain(self) -> None:
        """Nothing runs here."""

    async def adopt(
        self, noun: str, tenant: Tenant, item_id: str, work: Coroutine[Any, Any, bool]
    ) -> None:
        work.close()
        raise AssertionError("nothing is claimed where nothing runs")

    async def run_now(
        self, noun: str, tenant: Tenant, item_id: str, begin: Begin | None = None
    ) -> None:
        """Wait until a worker has taken the item as far as it goes now, `patience_s` at most."""
        deadline = self._monotonic() + self._patience_s
        seen, pause = -1, FIRST_LOOK_S
        while self._monotonic() < deadline:
            version = await self._store.version()
            if version != seen:
                seen = version
                row = await self._store.read(
                    lambda reader: reader.one(
                        f"dispatch.state_of_{noun}", tenant=tenant, id=item_id
                    )
                )
                if row is None or self._is_at_rest(noun, row):
                    return
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, LONGEST_LOOK_S)

    def _is_at_rest(self, noun: str, row: Row) -> bool:
        due_at = integer_or_none(row, "due_at")
        if due_at is None:
            return True
        if noun == "request" or text(row, "status") == Status.EXECUTING:
            return False  # due later only because a worker has it
        return due_at > to_micros(self._clock.now())
