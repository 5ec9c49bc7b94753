"""`sayso migrate`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from sayso.sdk.client import Sayso
from sayso.sdk.wiring.database import is_postgres, open_store, plan_migration, store_name
from sayso.sdk.workspace import Workspace
from sayso.store.migrations import migration_steps, read_migrations
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.workspace import run

if TYPE_CHECKING:
    from sayso.store.migrations import MigrationPlan

app = typer.Typer()


@command(app)
def migrate(
    here: Here,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what would be done, and do nothing.")
    ] = False,
    only_pre: Annotated[
        bool,
        typer.Option("--only-pre", help="Only what the code that runs now goes on with."),
    ] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print what makes a new database, and do nothing.")
    ] = False,
) -> None:
    """Bring the database to this version."""
    out = here.out
    loaded = Workspace.load(here.folder, os.environ)
    if sql:
        steps = migration_steps(read_migrations("postgres" if is_postgres(loaded) else "sqlite"), 0)
        words = "".join(step.sql for step in steps)
        if out.as_json:
            out.document({"sql": words})
        else:
            out.line(words)
        return
    if loaded.settings.store.databases and not plan:
        _migrate_others(out, loaded, only_pre)
    name = str(store_name(loaded) if is_postgres(loaded) else loaded.store_path)
    planned = plan_migration(loaded)
    todo = planned.before_deploy if only_pre else planned.pending
    if not plan:
        out.note("bringing the database to this version …")
        run(_migrate(loaded, only_pre))
    version = planned.version if plan or not todo else todo[-1].number
    if out.as_json:
        rest = planned.pending[0 if plan else len(todo) :]
        pending = [{"name": one.name, "phase": one.phase} for one in rest]
        out.document({"database": name, "version": version, "pending": pending})
        return
    out.line(f"{store_name(loaded)} has version {version}.")
    if plan:
        _show_plan(out, planned)
    elif len(todo) < len(planned.pending):
        out.line(f"{len(planned.pending) - len(todo)} to come, which need the new code everywhere.")
        out.line("next: replace the servers and workers one by one, then run `sayso migrate`")


def _migrate_others(out: Out, home: Workspace, only_pre: bool) -> None:
    """Bring the other databases to this version, and each the operator's log."""
    from sayso.sdk.databases.names import database_names  # most workspaces have one
    from sayso.sdk.databases.transfers import copy_operator

    run(_migrate(home, only_pre))
    if not only_pre:
        run(_begin_log(home))
    for name in database_names(home)[1:]:
        out.note(f"bringing `{name}` to this version …")
        other = home.in_database(name)
        run(_migrate(other, only_pre))
        if not only_pre and copy_operator(home, other):
            out.line(f"`{name}` has a copy of the operator's log now.")


async def _begin_log(home: Workspace) -> None:
    """Have the operator's log say what the files say of people and the policy, where it is new."""
    async with Sayso(home, mode="decide") as sayso:
        assert sayso.container.drafts is not None, "of one that decides"
        await sayso.container.drafts.begin()


async def _migrate(workspace: Workspace, only_pre: bool) -> None:
    store = open_store(workspace, create=True, only_pre=only_pre)
    await store.close()


def _show_plan(out: Out, planned: MigrationPlan) -> None:
    if not planned.pending:
        out.line("Nothing is to be done.")
        return
    early = len(planned.before_deploy)
    for number, migration in enumerate(planned.pending):
        when = "while the old code runs" if number < early else "once the new code runs everywhere"
        out.line(f"  {migration.name}  {when}")
    if early:
        out.line("next: make a backup, then run `sayso migrate --only-pre`")
    else:
        out.line("next: replace the servers and workers one by one, then run `sayso migrate`")
