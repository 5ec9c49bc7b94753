"""Moves a workspace's rows to another database: from SQLite to PostgreSQL, back, or to another."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from pydantic import ValidationError

from sayso.errors import Code, ConfigError, RefusedError
from sayso.frozen import replace
from sayso.ids import Clock
from sayso.sdk.resources.processes import STALE_S, ProcessResource
from sayso.sdk.wiring.database import is_postgres, missing_postgres, open_store, plan_migration
from sayso.sdk.workspace import Workspace
from sayso.settings.store import StoreSection
from sayso.store.sqlite.transfer import fill_file, hold_file
from sayso.store.transfer import Origin, Progress, Target, Transferred, transfer


def with_store(workspace: Workspace, url: str) -> Workspace:
    """The same workspace with its rows elsewhere.

    Args:
        url: as `[store] url`.

    Raises:
        ConfigError: `invalid_setting`.
    """
    store = workspace.settings.store
    try:
        section = StoreSection.model_validate({**store.model_dump(), "url": url})
    except ValidationError as error:
        # NOTE: without the value, which may hold a password.
        raise ConfigError(
            Code.INVALID_SETTING,
            f"`--to` is no database: {error.errors(include_input=False)[0]['msg']}",
            next_step="write it as in `[store] url`: sqlite:///FILE, or env:NAME of a variable that"
            " holds postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        ) from None
    settings = workspace.settings.model_copy(update={"store": section})
    return replace(workspace, settings=settings)


async def check_can_move(workspace: Workspace, target: Workspace, clock: Clock) -> None:
    """Refuse to copy a database that is of another version, or that a process uses.

    Raises:
        ConfigError: `store_version`, and as `open_store`; `invalid_setting`, for the same database.
        RefusedError: `store_in_use`.
    """
    if workspace.store_url == target.store_url:
        raise ConfigError(
            Code.INVALID_SETTING,
            "`--to` names the very database that is to be copied",
            next_step="name a new, empty one",
        )
    plan = plan_migration(workspace)
    if plan.pending:
        raise ConfigError(
            Code.STORE_VERSION,
            f"the database has version {plan.version}, and is not at its end",
            next_step="run `sayso migrate`, then copy",
        )
    store = open_store(workspace)
    try:
        live = [one for one in await ProcessResource(store, clock).list() if not one.is_stale]
    finally:
        await store.close()
    if live:
        names = ", ".join(one.name for one in live)
        raise RefusedError(
            Code.STORE_IN_USE,
            f"{names} {'uses' if len(live) == 1 else 'use'} the database",
            next_step=f"end every server, worker and MCP server, then copy; one that was killed is"
            f" taken for alive until {STALE_S:g} s after its last word ({live[-1].beat_at})",
        )


def copy_rows(workspace: Workspace, target: Workspace, progress: Progress) -> Transferred:
    """Copy every row while nobody can write; all of them are there at the end, or none.

    Guarantees: nothing in the workspace's own database is changed. After a crash the target says
    `store_half_copied` to everybody, and another call begins anew.

    Raises:
        ConfigError: `store_not_empty`, `store_version`, `store_read_only`, `missing_extra`,
            `damaged`, when a table reads otherwise than it was written.
        RetryableError: `store_busy`, when somebody writes; `store_unavailable`.
    """
    with _held(workspace) as origin, _filled(target) as filled:
        return transfer(origin, filled, progress)


@contextmanager
def _held(workspace: Workspace) -> Generator[Origin]:
    if not is_postgres(workspace):
        with hold_file(workspace.store_path) as origin:
            yield origin
        return
    try:
        from sayso.store.postgres.transfer import hold_database  # needs an extra
    except ImportError as error:
        raise missing_postgres() from error
    with hold_database(workspace.store_url) as origin:
        yield origin


@contextmanager
def _filled(workspace: Workspace) -> Generator[Target]:
    if not is_postgres(workspace):
        with fill_file(workspace.store_path) as target:
            yield target
        return
    try:
        from sayso.store.postgres.transfer import fill_database  # needs an extra
    except ImportError as error:
        raise missing_postgres() from error
    with fill_database(workspace.store_url) as target:
        yield target
