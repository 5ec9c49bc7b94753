"""Working: an open workspace carries out whatever is due, until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from datetime import timedelta

from sayso.dispatch.embedded import EmbeddedDispatcher
from sayso.sdk.client import Sayso
from sayso.sdk.database import is_fleet
from sayso.sdk.webhooks.sender import WebhookSender

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
    async with _calling_webhooks(sayso):
        if is_fleet(sayso.workspace):
            await _work_in_fleet(sayso, stop, at_once, ready)
        else:
            await _work_alone(sayso, stop, at_once, ready)


@contextlib.asynccontextmanager
async def _calling_webhooks(sayso: Sayso) -> AsyncGenerator[None]:
    sender = asyncio.create_task(WebhookSender(sayso.container, sayso.workspace).run())
    try:
        yield
    finally:
        sender.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sender


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
        at_once=at_once,
        keep=timedelta(minutes=sayso.workspace.settings.dispatch.keep_minutes),
        grace_s=GRACE_S,
    )
    await worker.run(stop, lambda: ready("dbos" if worker.has_engine else "sweep"))
