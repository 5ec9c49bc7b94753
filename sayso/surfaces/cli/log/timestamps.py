"""`sayso audit timestamps`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sayso.surfaces.cli.log.folder import write_folder
from sayso.surfaces.cli.options import JsonOption, WorkspaceOption
from sayso.surfaces.cli.output import Out


def timestamps(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Made, or added to; nothing is replaced.")
    ],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Write each head with a time stamp, and the token beside it, for an auditor (RFC 3161)."""
    from sayso.sdk.log.timestamps import write_timestamps  # only this command needs it

    return write_folder(
        Out(as_json=as_json),
        workspace,
        folder,
        lambda sayso: write_timestamps(sayso, folder),
        noun="timestamps",
        words="time stamps",
    )
