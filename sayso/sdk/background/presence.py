"""How a process shows the others that it lives, and with what: a row that it renews."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import platform
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import orjson

from sayso.errors import SaysoError, logged
from sayso.ids import to_micros
from sayso.sdk.background.reload import LoadedView
from sayso.sdk.client import Sayso
from sayso.sdk.resources.processes import BEAT_S, Kind
from sayso.store.base import SqlValue, Transaction

logger = logging.getLogger("sayso.processes")
_FORGOTTEN_S = 24 * 3600


class Presence:
    """One process among the live ones, also through its reloads.

    Args:
        beat_s: how often its row is renewed.
    """

    def __init__(self, kind: Kind, *, beat_s: float = BEAT_S) -> None:
        self._kind: Kind = kind
        self._beat_s = beat_s
        self._id = ""
        self._started_at = 0
        self._open: list[Sayso] = []
        self._failed = False

    @asynccontextmanager
    async def of(self, sayso: Sayso) -> AsyncGenerator[None]:
        """Show what this workspace has loaded while the block runs, until another one is shown.

        Guarantees: where the row cannot be written, the process goes on all the same.
        """
        now = to_micros(sayso.now())
        if not self._id:
            self._id = sayso.container.ids.new("prc")
            self._started_at = now
            await self._write(sayso, "process.forget", before=now - _FORGOTTEN_S * 1_000_000)
        self._open.append(sayso)
        await self.beat(sayso)
        beating = asyncio.create_task(self._go_on(sayso), name="sayso presence")
        try:
            yield
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating
            was_shown = self._open[-1] is sayso
            self._open.remove(sayso)
            if not self._open:
                await self._write(sayso, "process.gone", id=self._id)
            elif was_shown:  # a reload that failed
                await self.beat(self._open[-1])

    async def beat(self, sayso: Sayso) -> None:
        """Renew the row."""
        loaded = sayso.loaded
        await self._write(
            sayso,
            "process.put",
            id=self._id,
            kind=self._kind,
            host=platform.node()[:200],
            pid=os.getpid(),
            started_at=self._started_at,
            beat_at=to_micros(sayso.now()),
            **_columns(loaded),
        )

    async def _go_on(self, sayso: Sayso) -> None:
        while True:
            await asyncio.sleep(self._beat_s)
            if self._open[-1] is sayso:
                await self.beat(sayso)

    async def _write(self, sayso: Sayso, statement: str, **values: SqlValue) -> None:
        def work(tx: Transaction) -> None:
            tx.run(statement, **values)

        try:
            await sayso.container.store.write(work, about=sayso.container.tenant)
        except SaysoError as error:
            if not self._failed:  # once, and not with each beat
                logger.warning("this process cannot say that it lives: %s", logged(error))
            self._failed = True
        else:
            self._failed = False


def _columns(loaded: LoadedView) -> dict[str, SqlValue]:
    return {
        "version": loaded.version,
        "settings": loaded.settings,
        "connectors": loaded.connectors_sha256,
        "actions": orjson.dumps(sorted(loaded.actions)).decode(),
        "policy": loaded.policy,
        "policy_sha256": loaded.policy_sha256,
        "not_reloaded": loaded.not_reloaded,
    }
