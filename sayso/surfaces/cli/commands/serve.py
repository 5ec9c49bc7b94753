"""`sayso serve`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import Annotated

import typer

from sayso.errors import IntegrityError
from sayso.extras import installed_version
from sayso.logs import start_logging, teller
from sayso.sdk.audit.publishing import publishing
from sayso.sdk.background.chores import keeping, sealing, self_auditing
from sayso.sdk.background.patience import opened_patiently
from sayso.sdk.background.presence import Presence
from sayso.sdk.background.reload import Reloads
from sayso.sdk.client import Sayso
from sayso.sdk.wiring.tracing import service_of
from sayso.sdk.workspace import Workspace
from sayso.settings.surfaces import CONSOLE_PATH, SLACK_PATH
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.console_link import first_lines
from sayso.surfaces.cli.garbage import no_garbage_sought
from sayso.surfaces.cli.problem import problem_text
from sayso.surfaces.cli.workspace import run

app = typer.Typer()


@command(app)
def serve(
    here: Here,
    host: Annotated[
        str | None, typer.Option("--host", metavar="HOST", help="Else [http] host of sayso.toml.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="PORT",
            min=0,
            max=65_535,
            help="Else [http] port of sayso.toml; 0 takes any free one.",
        ),
    ] = None,
    allow_remote: Annotated[
        bool,
        typer.Option("--allow-remote", help="Other machines may reach it; put TLS in front."),
    ] = False,
) -> None:
    """Serve the console, HTTP and Slack, and run what is due."""
    starting = ExitStack()
    starting.enter_context(no_garbage_sought())
    from sayso.serving import listen
    from sayso.surfaces.site import serve_site

    out = here.out
    loaded = Workspace.load(here.folder, os.environ)
    section = loaded.settings.http
    start_logging(loaded.settings.log, service_of(os.environ))
    tell = teller(loaded.settings.log, out.warn)
    # The port first: nothing that is due may begin in a server that cannot serve.
    listener = listen(
        host or section.host,
        section.port if port is None else port,
        allow_remote=allow_remote,
    )

    first: str | None = None
    link = ""

    serving = asyncio.Event()

    def ready(url: str) -> None:
        starting.close()
        serving.set()
        slack = loaded.settings.slack is not None
        if out.as_json:
            told = {"url": url, "openapi": f"{url}/openapi.json", "slack": slack}
            out.document(told | {"version": installed_version()})
            return
        out.line(f"Serving {url} until Ctrl-C. Sayso {installed_version()}.")
        at = loaded.settings.console.url or url
        out.line(f"  The console      {at}{CONSOLE_PATH}/")
        for line in first_lines(at, first, link):
            out.line(line)
        out.line(f"  API description  {url}/openapi.json")
        if slack:
            out.line(f"  Slack            {url}{SLACK_PATH}")
        out.line("  a token          sayso token create --service NAME")

    presence = Presence("serve")

    @asynccontextmanager
    async def beside(sayso: Sayso) -> AsyncGenerator[None]:
        upkeep = (
            publishing(sayso),
            keeping(sayso, serving),
            sealing(sayso),
            self_auditing(sayso, serving),
        )
        async with AsyncExitStack() as stack:
            seen = presence if not sayso.workspace.database else Presence("serve")
            for part in (*upkeep, seen.of(sayso)):
                await stack.enter_async_context(part)
            yield

    async def work() -> None:
        nonlocal first, link
        reloads = Reloads(loaded, loaded.folder, tell)
        async with opened_patiently(loaded, "run", tell) as sayso:
            if not out.as_json:
                try:
                    first = await sayso.staff.first()
                    # Only to whoever looks: what is kept of these lines may be read by others.
                    link = await sayso.sessions.make_link(first) if first and out.tty else ""
                except IntegrityError as error:
                    # What is shown of a log that is accused, and its repair, needs a server.
                    tell(problem_text(error))
            sayso.warm_up()  # what cannot be made is said here, not with the first request
            for line in await sayso.policy.notes():
                tell(line)
            await serve_site(sayso, listener, ready, beside=beside, reloads=reloads)

    with starting, listener:
        run(work())
