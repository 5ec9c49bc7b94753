"""`sayso resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.show import show_stop

app = typer.Typer()


@command(app)
def resume(
    here: Here, stop_id: Annotated[str, typer.Argument(metavar="ID", help="The stop, stp_….")]
) -> None:
    """Let what is stopped go on: one asks, another confirms."""
    found = here.read(lambda sayso: sayso.stops.resume(stop_id, token=here.token, via="cli"))
    here.show(found, show_stop)
