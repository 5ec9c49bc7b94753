"""`sayso audit timestamps`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sayso.errors import Code, ConfigError
from sayso.sdk.app import Sayso
from sayso.surfaces.cli.options import JsonOption, WorkspaceOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.place import find_workspace, run


def timestamps(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Made, or added to; nothing is replaced.")
    ],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Write each head with a time stamp, and the token beside it, for an auditor (RFC 3161)."""
    from sayso.sdk.timestamps import write_timestamps  # only this command needs it

    out = Out(as_json=as_json)
    place = find_workspace(workspace)

    async def work() -> int:
        async with Sayso.open(place, act=False) as sayso:
            return await write_timestamps(sayso, folder)

    try:
        count = run(work())
    except OSError as error:
        raise ConfigError(
            Code.INVALID_SETTING,
            f"`{folder}` cannot be written: {(error.strerror or '').lower()}",
            next_step="name a folder that this user can write",
        ) from error
    if as_json:
        out.document({"folder": str(folder.absolute()), "timestamps": count})
    else:
        out.line(f"{count} time stamps were written to {folder}")
    return 0
