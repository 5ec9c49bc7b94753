"""`sayso migrate`."""

from __future__ import annotations

import os

import typer

from sayso.sdk.database import is_postgres, open_store, store_name
from sayso.sdk.workspace import Workspace
from sayso.store.migrations import schema_version
from sayso.surfaces.cli.options import JsonOption, WorkspaceOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.workspace import find_workspace, run

app = typer.Typer()


@app.command()
def migrate(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Bring the database to this version."""
    out = Out(as_json=as_json)
    loaded = Workspace.load(find_workspace(workspace), os.environ)
    version = schema_version("postgres" if is_postgres(loaded) else "sqlite")
    name = str(store_name(loaded) if is_postgres(loaded) else loaded.store_path)

    async def work() -> None:
        store = open_store(loaded, create=True)
        await store.close()

    out.note("bringing the database to this version …")
    run(work())
    if as_json:
        out.document({"database": name, "version": version})
    else:
        out.line(f"{store_name(loaded)} has version {version}.")
    return 0
