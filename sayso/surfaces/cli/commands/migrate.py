"""`sayso migrate`."""

from __future__ import annotations

import os

import typer

from sayso.sdk.workspace import Workspace
from sayso.store.migrations import schema_version
from sayso.store.sqlite import SqliteStore
from sayso.surfaces.cli.options import JsonOption, WorkspaceOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.place import find_workspace, run

app = typer.Typer()


@app.command()
def migrate(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Bring the database to this version."""
    out = Out(as_json=as_json)
    path = Workspace.load(find_workspace(workspace), os.environ).store_path

    async def work() -> None:
        store = SqliteStore(path, create=True)
        await store.close()

    out.note("bringing the database to this version …")
    run(work())
    if as_json:
        out.document({"database": str(path), "version": schema_version()})
    else:
        out.line(f"{path.name} has version {schema_version()}.")
    return 0
