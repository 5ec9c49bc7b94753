"""`sayso audit tiles`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sayso.errors import Code, ConfigError
from sayso.sdk.app import Sayso
from sayso.surfaces.cli.options import JsonOption, WorkspaceOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.place import find_workspace, run


def tiles(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Made, or brought up to the newest head.")
    ],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Write the log as static files that tools of others verify (C2SP tlog-tiles)."""
    out = Out(as_json=as_json)
    place = find_workspace(workspace)

    async def work() -> int:
        async with Sayso.open(place, act=False) as sayso:
            return await sayso.audit.tree.write(sayso.house.tenant, folder)

    try:
        count = run(work())
    except OSError as error:
        raise ConfigError(
            Code.INVALID_SETTING,
            f"`{folder}` cannot be written: {(error.strerror or '').lower()}",
            next_step="name a folder that this user can write",
        ) from error
    if as_json:
        out.document({"folder": str(folder.absolute()), "files": count})
    else:
        out.line(f"{count} files were written to {folder}")
    return 0
