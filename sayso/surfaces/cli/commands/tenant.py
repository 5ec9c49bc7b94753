"""`sayso tenant …`: in which database each tenant is, and moving one."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from sayso.errors import Code, ConfigError
from sayso.sdk.client import Sayso
from sayso.sdk.workspace import DATABASE_VARIABLE, Workspace
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import usage
from sayso.surfaces.cli.workspace import CLI, opened_databases, run

if TYPE_CHECKING:
    from sayso.sdk.databases.mover import Mover
    from sayso.sdk.databases.open_ones import Databases
    from sayso.sdk.views.tenants import Moved, TenantPlace

app = typer.Typer(help="Tenants in several databases: show where they are, move one.")
_SAYS = {
    "leaving": "takes no new work; waiting for what is under way …",
    "idle": "copying …",
    "copied": "verifying the copy …",
    "moved": "the log has ended here …",
}
TenantArgument = Annotated[str, typer.Argument(metavar="TENANT", help="Its name.")]


@app.callback()
def tenant() -> None:
    """Tenants in several databases: show where they are, move one."""


@command(app)
def show(
    here: Here,
    named: Annotated[
        str | None, typer.Argument(metavar="TENANT", help="One of them; all unless named.")
    ] = None,
) -> None:
    """Say in which database each tenant is, and whether it is being moved."""

    async def work() -> list[TenantPlace]:
        async with _databases(here) as databases:
            return await databases.places([named] if named else None)

    def words(out: Out, found: list[TenantPlace]) -> None:
        rows = [[one.tenant, one.database, _state(one), f"{one.entries:,}"] for one in found]
        out.table(["tenant", "database", "state", "entries"], rows)

    here.show(run(work()), words)


@command(app)
def move(
    here: Here,
    named: TenantArgument,
    to: Annotated[
        str, typer.Option("--to", metavar="NAME", help="A database of [store.databases], or home.")
    ] = "",
    stay: Annotated[
        bool, typer.Option("--stay", help="Have it stay after all, where a move was begun.")
    ] = False,
    new: Annotated[
        bool, typer.Option("--new", help="A tenant of whom nothing is there yet begins there.")
    ] = False,
    wait_s: Annotated[
        float,
        typer.Option("--wait", metavar="S", min=0, help="Seconds for what is under way to end."),
    ] = 30.0,
) -> None:
    """Move a tenant to another database; killed at any time, the same command goes on."""
    if stay == bool(to):
        raise usage("say where to", "give --to NAME, or --stay")
    out = here.out

    def tell(step: str) -> None:
        if step in _SAYS:
            out.note(f"{named}: {_SAYS[step]}")

    async def work() -> Moved | None:
        async with (
            _databases(here) as databases,
            _mover(databases, named, to, wait_s, tell) as mover,
        ):
            if stay:
                await mover.stay()
                return None
            return await mover.move(new=new)

    moved = run(work())
    if out.as_json:
        out.document({"tenant": named} | ({} if moved is None else moved.model_dump()))
    elif moved is None:
        out.line(f"{named} stays, and takes new work.")
    elif not moved.had_log:
        out.line(f"{named} begins in {moved.target}.")
    else:
        out.line(f"{named} is in {moved.target}, and goes on there.")
        if moved.size:
            out.line(f"{moved.rows:,} rows were copied; its log had {moved.size:,} entries.")


def _state(one: TenantPlace) -> str:
    return f"{one.state} for {one.to}" if one.state == "leaving" else one.state


@asynccontextmanager
async def _databases(here: Here) -> AsyncGenerator[Databases]:
    if os.environ.get(DATABASE_VARIABLE):
        raise ConfigError(
            Code.INVALID_SETTING,
            f"`{DATABASE_VARIABLE}` names one database, and the directory is about all",
            next_step="unset it",
        )
    loaded = Workspace.load(here.folder, os.environ)
    if not loaded.settings.store.databases:
        raise ConfigError(
            Code.INVALID_SETTING,
            "the workspace has one database",
            next_step='set `[store] tenants = "directory"`, and name others in [store.databases]',
        )
    async with Sayso(loaded, mode="read") as home, opened_databases(home, "read") as databases:
        yield databases


@asynccontextmanager
async def _mover(
    databases: Databases, tenant: str, to: str, wait_s: float, tell: Callable[[str], None]
) -> AsyncGenerator[Mover]:
    from sayso.sdk.databases.mover import Mover  # brings the verifier along

    source = await databases.place_of(tenant)
    becomes = to or source
    async with databases.named(source) as was, databases.named(becomes) as target:
        yield Mover(
            databases.home,
            (source, was),
            (becomes, target),
            tenant,
            CLI,
            wait_s=wait_s,
            passing=tell,
        )
