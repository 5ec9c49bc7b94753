"""`sayso console`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from sayso.errors import Code, RefusedError
from sayso.sdk.client import Sayso
from sayso.sdk.workspace import Workspace
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.console_link import console_link, only_person
from sayso.surfaces.cli.workspace import run

app = typer.Typer()


@command(app)
def console(
    here: Here,
    person: Annotated[
        str | None,
        typer.Option("--person", metavar="ID", help="Who opens it, as in sayso.toml."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="Of `sayso serve`; else as [http] says."),
    ] = None,
) -> None:
    """Print a link that opens the console once, within ten minutes."""
    out = here.out
    loaded = Workspace.load(here.folder, os.environ)
    who = person or only_person(loaded)
    if who is None:
        raise RefusedError(
            Code.INVALID_INPUT,
            "several people may open the console",
            next_step="say who, such as `--person maria`",
        )
    section = loaded.settings.http
    at = url or loaded.settings.console.url or f"http://{section.host}:{section.port}"

    async def make() -> str:
        async with Sayso(loaded, mode="read") as sayso:
            return await sayso.sessions.make_link(who)

    link = console_link(at.rstrip("/"), run(make()))
    if out.as_json:
        out.document({"person": who, "link": link})
    else:
        out.line(link)
