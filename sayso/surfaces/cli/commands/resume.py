"""`sayso resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from sayso.surfaces.cli.options import JsonOption, WorkspaceOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import OK
from sayso.surfaces.cli.show import show_stop
from sayso.surfaces.cli.workspace import find_workspace, person_token, read_workspace

app = typer.Typer()


@app.command()
def resume(
    stop_id: Annotated[str, typer.Argument(metavar="ID", help="The stop, stp_….")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Let what is stopped go on: one asks, another confirms."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    token = person_token(folder)
    found = read_workspace(
        folder, lambda sayso: sayso.stops.resume(stop_id, token=token, via="cli")
    )
    if as_json:
        out.document(found)
    else:
        show_stop(out, found)
    return OK
