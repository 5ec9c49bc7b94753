"""Working: an open workspace carries out whatever is due, until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from datetime import timedelta

from sayso.dispatch.embedded import EmbeddedDispatcher
from sayso.sdk.background.reload import Reloads, following
from sayso.sdk.client import Sayso
from sayso.sdk.webhooks.sender import WebhookSender
from sayso.sdk.wiring.database import is_fleet
from sayso.sdk.workspace import Workspace

GRACE_S = 25.0
"""How long calls that are under way may still take when a worker is told to end."""


async def work(
    sayso: Sayso,
    stop: asyncio.Event,
    *,
    at_once: int = 32,
    ready: Callable[[str], None] = lambda engine: None,
) -> None:
    """Run what is due, in this process or beside other workers, until `stop` is set.

    Args:
        sayso: open, with `work=False`.
        at_once: how many actions and requests run here at the same time.
        ready: told once the first look has been begun: `embedded`, `dbos`, or `sweep` where the
            fleet's engine cannot be used, which is logged.

    Guarantees: when it returns, what was running is done, or was given up after `GRACE_S` seconds
    and is found by whoever looks next.

    Raises:
        ConfigError: `missing_extra`; or no planner can be made of the settings.
    """
    sayso.container.agent.ready()
    async with _calling_webhooks(sayso), _looking_after_desks(sayso):
        if is_fleet(sayso.workspace):
            await _work_in_fleet(sayso, stop, at_once, ready)
        else:
            await _work_alone(sayso, stop, at_once, ready)


@contextlib.asynccontextmanager
async def working(sayso: Sayso, *, at_once: int = 32) -> AsyncGenerator[None]:
    """`work`, while the block runs."""
    stop = asyncio.Event()
    task = asyncio.create_task(work(sayso, stop, at_once=at_once), name="sayso works")
    try:
        yield
    finally:
        stop.set()
        await task


async def work_on(
    sayso: Sayso,
    stop: asyncio.Event,
    *,
    beside: Callable[[Sayso], contextlib.AbstractAsyncContextManager[None]],
    reloads: Reloads,
    at_once: int = 32,
    ready: Callable[[str], None] = lambda engine: None,
) -> None:
    """`work`, and go on with changed settings and connectors by SIGHUP and by noticing.

    Args:
        beside: runs beside the work, anew with each reload.

    Guarantees: a workspace that cannot be opened changes nothing. Where one can, what runs is ended
    as at a stop before the new one takes up anything; other workers go on meanwhile.
    """
    turn = _Turn(sayso, stop, at_once, ready)

    async def reload(workspace: Workspace) -> None:
        telemetry = turn.sayso.container.telemetry
        fresh = Sayso(workspace, mode="decide", telemetry=telemetry)
        try:
            await fresh.__aenter__()
            fresh.container.agent.ready()
        except BaseException:
            await fresh.__aexit__(None, None, None)
            raise
        fresh.reloads = reloads
        await turn.give_way_to(fresh)

    sayso.reloads = reloads
    async with following(reloads, reload):
        await turn.run(beside)


class _Turn:
    """The workspace that works, until another one takes its place."""

    def __init__(
        self, sayso: Sayso, stop: asyncio.Event, at_once: int, ready: Callable[[str], None]
    ) -> None:
        self.sayso = sayso
        self._stop = stop
        self._at_once = at_once
        self._ready = ready
        self._next: Sayso | None = None
        self._over = asyncio.Event()
        self._begun = asyncio.Event()

    async def give_way_to(self, fresh: Sayso) -> None:
        """Have another workspace go on; returns once it does, or everything ends."""
        self._next = fresh
        self._begun.clear()
        self._over.set()
        await self._begun.wait()

    async def run(
        self, beside: Callable[[Sayso], contextlib.AbstractAsyncContextManager[None]]
    ) -> None:
        """Work until `stop`."""
        stopping = asyncio.create_task(self._hear())
        try:
            while True:
                async with beside(self.sayso):
                    await work(self.sayso, self._over, at_once=self._at_once, ready=self._is_ready)
                if self._next is None or self._stop.is_set():
                    return
                self._over.clear()
                before, self.sayso, self._next = self.sayso, self._next, None
                await before.__aexit__(None, None, None)
        finally:
            self._begun.set()
            stopping.cancel()
            for opened in (self.sayso, self._next):
                if opened is not None:
                    await opened.__aexit__(None, None, None)

    async def _hear(self) -> None:
        await self._stop.wait()
        self._over.set()

    def _is_ready(self, engine: str) -> None:
        self._begun.set()
        ready, self._ready = self._ready, _say_nothing
        ready(engine)


def _say_nothing(engine: str) -> None:
    """Of what is told once."""


@contextlib.asynccontextmanager
async def _calling_webhooks(sayso: Sayso) -> AsyncGenerator[None]:
    sender = asyncio.create_task(WebhookSender(sayso.container, sayso.workspace).run())
    try:
        yield
    finally:
        sender.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sender


@contextlib.asynccontextmanager
async def _looking_after_desks(sayso: Sayso) -> AsyncGenerator[None]:
    """As a server does; which of them reads a desk is decided by leases in the store."""
    desks = sayso.workspace.settings.desk
    if not desks or sayso.workspace.database:  # desks are of the workspace's own tenant
        yield
        return
    from sayso.sdk.desk.loop import DeskLoop  # most workspaces have no desk

    attending = asyncio.create_task(DeskLoop(sayso.container, desks).run(), name="sayso desks")
    try:
        yield
    finally:
        attending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await attending


async def _work_alone(
    sayso: Sayso, stop: asyncio.Event, at_once: int, ready: Callable[[str], None]
) -> None:
    container = sayso.container
    dispatcher = EmbeddedDispatcher(
        container.store, container.handlers, container.clock, at_once, grace_s=GRACE_S
    )
    running = asyncio.create_task(dispatcher.run())
    ready("embedded")
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    for task in (running, waiting):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _work_in_fleet(
    sayso: Sayso, stop: asyncio.Event, at_once: int, ready: Callable[[str], None]
) -> None:
    from sayso.dispatch.fleet.contract import check_package

    check_package()
    from sayso.dispatch.fleet.engine import DbosEngine  # needs an extra
    from sayso.dispatch.fleet.worker import FleetWorker

    container = sayso.container
    url = sayso.workspace.store_url
    worker = FleetWorker(
        container.store,
        container.handlers,
        container.clock,
        lambda worker: DbosEngine(url, worker.deliver, at_once),
        knows=container.connectors.knows,
        at_once=at_once,
        keep=timedelta(minutes=sayso.workspace.settings.dispatch.keep_minutes),
        grace_s=GRACE_S,
    )
    await worker.run(stop, lambda: ready("dbos" if worker.has_engine else "sweep"))
