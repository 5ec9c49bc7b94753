"""`sayso worker`."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import typer

from sayso.extras import installed_version
from sayso.logs import start_logging, teller
from sayso.sdk.background.chores import keeping, sealing, self_auditing
from sayso.sdk.background.patience import opened_patiently
from sayso.sdk.background.presence import Presence
from sayso.sdk.background.reload import Reloads
from sayso.sdk.background.worker import work_on, working
from sayso.sdk.client import Sayso
from sayso.sdk.databases.attending import attended
from sayso.sdk.wiring.tracing import service_of
from sayso.sdk.workspace import Workspace
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.workspace import run

app = typer.Typer()


@asynccontextmanager
async def upkeep(sayso: Sayso, presence: Presence) -> AsyncGenerator[None]:
    """What a worker does beside its work on one database."""
    async with keeping(sayso), sealing(sayso), self_auditing(sayso), presence.of(sayso):
        yield


@command(app)
def worker(
    here: Here,
    at_once: Annotated[
        int,
        typer.Option(
            "--at-once", metavar="N", min=1, max=1000, help="How many actions run here at once."
        ),
    ] = 32,
) -> None:
    """Carry out what is due, beside other workers, until told to end."""
    out = here.out
    loaded = Workspace.load(here.folder, os.environ)
    start_logging(loaded.settings.log, service_of(os.environ))
    tell = teller(loaded.settings.log, out.warn)

    def ready(engine: str) -> None:
        if out.as_json:
            told = {"pid": os.getpid(), "engine": engine, "at_once": at_once}
            out.document(told | {"version": installed_version()})
        else:
            words = f"Working, {at_once} at once ({engine}), until SIGTERM or Ctrl-C."
            out.line(f"{words} Sayso {installed_version()}.")

    presence = Presence("worker")

    @asynccontextmanager
    async def beside(sayso: Sayso) -> AsyncGenerator[None]:
        def opening(where: Workspace) -> Sayso:
            return Sayso(where, mode="decide", telemetry=sayso.container.telemetry)

        async with upkeep(sayso, presence), attended(sayso, opening, there):
            yield

    @asynccontextmanager
    async def there(sayso: Sayso) -> AsyncGenerator[None]:
        async with upkeep(sayso, Presence("worker")), working(sayso, at_once=at_once):
            yield

    async def serve() -> None:
        reloads = Reloads(loaded, loaded.folder, tell)
        async with opened_patiently(loaded, "decide", tell) as sayso:
            stop = asyncio.Event()
            loop = asyncio.get_running_loop()
            for told in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(told, stop.set)
            for line in await sayso.policy.notes():
                tell(line)
            await work_on(sayso, stop, beside=beside, reloads=reloads, at_once=at_once, ready=ready)

    run(serve())
