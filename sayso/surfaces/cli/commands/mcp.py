"""`sayso mcp`."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Annotated

import typer

from sayso.audit.entry import Actor, ActorKind
from sayso.extras import missing_extra
from sayso.logs import start_logging, teller
from sayso.sdk.background.chores import self_auditing
from sayso.sdk.background.presence import Presence
from sayso.sdk.background.reload import Reloads
from sayso.sdk.client import Sayso
from sayso.sdk.wiring.tracing import service_of
from sayso.sdk.workspace import Workspace
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.options import AssuranceOption
from sayso.surfaces.cli.problem import usage
from sayso.surfaces.cli.workspace import requester, run, subject_of

app = typer.Typer()

_MCP = Actor(kind=ActorKind.SERVICE, id="mcp")


@command(app)
def mcp(
    here: Here,
    subject: Annotated[
        str | None,
        typer.Option(
            "--subject",
            "-s",
            metavar="ID",
            help="Over stdio: the verified customer of this process.",
        ),
    ] = None,
    assurance: AssuranceOption = "verified",
    conversation: Annotated[
        str,
        typer.Option(
            "--conversation",
            metavar="NAME",
            help="Over stdio: equal calls are one action within it.",
        ),
    ] = "",
    http: Annotated[
        bool,
        typer.Option("--http", help="Serve streamable HTTP at /mcp; tokens and headers say who."),
    ] = False,
    host: Annotated[str, typer.Option("--host", metavar="HOST")] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option("--port", metavar="PORT", min=0, max=65_535, help="0 takes any free one."),
    ] = 8392,
    allow_remote: Annotated[
        bool,
        typer.Option("--allow-remote", help="Other machines may reach it; put TLS in front."),
    ] = False,
) -> None:
    """Serve the actions to MCP clients, over stdio or HTTP."""
    if http and (subject is not None or conversation):
        raise usage(
            "over HTTP each call names its customer in a header",
            "leave out --subject and --conversation; see docs/how-to/use-mcp.md",
        )
    if not http and subject is None:
        raise usage(
            "over stdio a process serves one customer, and none is named",
            "pass --subject ID, or --http",
        )
    if find_spec("mcp") is None:
        raise missing_extra("mcp", "the package `mcp` is not installed")
    from sayso.serving import listen
    from sayso.surfaces.mcp import serve_http, serve_stdio

    out = here.out
    loaded = Workspace.load(here.folder, os.environ)
    start_logging(loaded.settings.log, service_of(os.environ))
    tell = teller(loaded.settings.log, out.warn)
    reloads, presence = Reloads(loaded, loaded.folder, tell), Presence("mcp")
    if subject is not None:
        customer = subject_of(subject, assurance)

        async def talk() -> None:
            async with Sayso(loaded) as sayso:
                sayso.warm_up()
                who = await requester(sayso, _MCP)
                await serve_stdio(
                    sayso,
                    subject=customer,
                    requester=who,
                    conversation=conversation,
                    beside=presence.of,
                    reloads=reloads,
                )

        # A thread waits for standard input, and nothing wakes it: so Ctrl-C ends the process as
        # SIGTERM does. What it had begun is looked up by whoever opens the workspace next.
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            run(talk())
        finally:
            signal.signal(signal.SIGINT, before)
        return

    def ready(url: str) -> None:
        if out.as_json:
            out.document({"url": f"{url}/mcp"})
            return
        out.line(f"Serving MCP at {url}/mcp until Ctrl-C.")
        out.line("  a token  sayso token create --service NAME")

    @asynccontextmanager
    async def beside(sayso: Sayso) -> AsyncGenerator[None]:
        async with self_auditing(sayso), presence.of(sayso):
            yield

    with listen(host, port, allow_remote=allow_remote) as listener:

        async def serve() -> None:
            async with Sayso(loaded) as sayso:
                sayso.warm_up()
                await serve_http(sayso, listener, ready, beside=beside, reloads=reloads)

        run(serve())
