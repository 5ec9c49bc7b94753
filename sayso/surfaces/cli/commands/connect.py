"""`sayso connect NAME`."""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser
from typing import Annotated

import typer

from sayso.ids import SystemClock
from sayso.sdk.connectors.connect import TerminalPerson, connect_account, shown_account
from sayso.sdk.connectors.fin import CONVERSATION, USER, make_fin_connector
from sayso.sdk.workspace import Workspace
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.problem import usage
from sayso.surfaces.cli.workspace import run

app = typer.Typer()


@command(app)
def connect(
    here: Here,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A connector or a connection of sayso.toml.")
    ],
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the provider's page here.")
    ] = True,
    fin: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Also let Intercom's Fin propose through Sayso, at this address of your server.",
        ),
    ] = None,
    fin_token: Annotated[
        str,
        typer.Option(metavar="REFERENCE", help="The service's token that Fin shows to Sayso."),
    ] = "env:SAYSO_FIN_TOKEN",  # noqa: S107  (a reference, and no token)
) -> None:
    """Connect an account, and see whose it is."""
    out = here.out
    if fin is not None and name != "intercom":
        raise usage("only Intercom has Fin", "run `sayso connect intercom --fin URL`")

    def show(url: str) -> None:
        out.warn(f"Open this address and agree:\n  {url}")
        if browser and sys.stdin.isatty():
            webbrowser.open(url)

    async def paste() -> str:
        if not sys.stdin.isatty():
            raise usage("nobody is there to paste an address", "run it in a terminal")
        return await asyncio.to_thread(input, "The address that you were led to: ")

    loaded = Workspace.load(here.folder, os.environ)
    found = run(
        connect_account(loaded, SystemClock(), name, TerminalPerson(show=show, paste=paste))
    )
    made = None
    if fin is not None:
        made = run(make_fin_connector(loaded, SystemClock(), fin, fin_token))
    if out.as_json:
        account = found.account
        out.document(
            {
                "name": found.name,
                "connection": found.connection,
                "account": None
                if account is None
                else {"id": account.id, "title": account.title, "live": account.live},
                "expires_at": None if found.expires_at is None else found.expires_at.isoformat(),
                "fin": None if made is None else {"id": made.id, "state": made.state},
            }
        )
        return
    out.line(shown_account(found))
    if found.expires_at is not None:
        out.line(f"its token is refreshed by itself before {found.expires_at:%Y-%m-%d %H:%M} UTC")
    if made is not None:
        done = "brought up to date" if made.changed else "made"
        out.line(f"the data connector {made.id} ({made.state}) is {done}")
        out.line("next: in Intercom, Settings > Integrations > Data connectors:")
        out.line(f"  put the attribute User ID in place of {USER} in the body,")
        out.line(f"  the conversation's id in place of {CONVERSATION}, try it, and set it live")
