"""`sayso resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.show import show_stop
from sayso.surfaces.cli.workspace import read_workspace

app = typer.Typer()


@command(app)
def resume(
    here: Here, stop_id: Annotated[str, typer.Argument(metavar="ID", help="The stop, stp_….")]
) -> None:
    """Let what is stopped go on: one asks, another confirms."""
    out = here.out
    folder = here.folder
    token = here.token
    found = read_workspace(
        folder, lambda sayso: sayso.stops.resume(stop_id, token=token, via="cli")
    )
    if out.as_json:
        out.document(found)
    else:
        show_stop(out, found)
