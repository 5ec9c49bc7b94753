"""`sayso audit tiles`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sayso.surfaces.cli.log.folder import write_folder
from sayso.surfaces.cli.options import JsonOption, WorkspaceOption
from sayso.surfaces.cli.output import Out


def tiles(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Made, or brought up to the newest head.")
    ],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Write the log as static files that tools of others verify (C2SP tlog-tiles)."""
    return write_folder(
        Out(as_json=as_json),
        workspace,
        folder,
        lambda sayso: sayso.audit.tree.write(sayso.house.tenant, folder),
        noun="files",
        words="files",
    )
