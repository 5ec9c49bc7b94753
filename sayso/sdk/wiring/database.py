"""The database of a workspace: SQLite, or PostgreSQL where the extra is installed."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sayso.errors import Code, ConfigError
from sayso.extras import missing_extra
from sayso.sdk.workspace import Workspace
from sayso.store.base import Reader, Store
from sayso.store.migrations import MigrationPlan
from sayso.store.sqlite.store import SqliteStore, plan_file

if TYPE_CHECKING:
    from sayso.store.postgres.store import PostgresStore


def open_store(workspace: Workspace, *, create: bool = False, only_pre: bool = False) -> Store:
    """Open a workspace's database.

    Args:
        create: make or upgrade the schema first, instead of refusing another version.
        only_pre: of an upgrade only what the code of before goes on with.

    Raises:
        ConfigError: `missing_extra`, and whatever is wrong with the database.
        RetryableError: `store_busy`, `store_unavailable`.
    """
    fleet = is_fleet(workspace)
    if not is_postgres(workspace):
        if workspace.settings.store.replica is not None:
            raise ConfigError(
                Code.INVALID_SETTING,
                "`store.replica` is a standby of PostgreSQL, and `store.url` names a file",
                next_step="take `store.replica` out, or set `store.url` to its primary",
            )
        return SqliteStore(workspace.store_path, create=create, only_pre=only_pre)
    return _open_postgres(workspace, create=create, only_pre=only_pre, fleet=fleet)


def plan_migration(workspace: Workspace) -> MigrationPlan:
    """What bringing the database to this version would do; changes nothing.

    Raises:
        ConfigError: as `open_store`.
        RetryableError: `store_busy`, `store_unavailable`.
    """
    if is_postgres(workspace):
        try:
            from sayso.store.postgres.schema import plan_migration as plan  # needs an extra
        except ImportError as error:
            raise missing_postgres() from error
        return plan(workspace.store_url)
    return plan_file(workspace.store_path)


def is_fleet(workspace: Workspace) -> bool:
    """Whether what is due is run by the workers of a fleet.

    Raises:
        ConfigError: `invalid_setting`, when the rows are not on PostgreSQL.
    """
    if workspace.settings.dispatch.engine != "fleet":
        return False
    if not is_postgres(workspace):
        raise ConfigError(
            Code.INVALID_SETTING,
            "`dispatch.engine` is `fleet`, which needs PostgreSQL, and `store.url` names a file",
            next_step="set `store.url` to a postgresql:// URL, or `dispatch.engine` to `embedded`",
        )
    return True


def is_postgres(workspace: Workspace) -> bool:
    """Whether the workspace's rows are on PostgreSQL."""
    return workspace.store_url.startswith("postgres")


def store_name(workspace: Workspace) -> str:
    """What to call the database in a message; holds no secret."""
    return "PostgreSQL" if is_postgres(workspace) else workspace.store_path.name


def _open_postgres(
    workspace: Workspace, *, create: bool, only_pre: bool, fleet: bool
) -> PostgresStore:
    url, section = workspace.store_url, workspace.settings.store
    try:
        from sayso.store.postgres.replica import ReplicaPlan  # needs an extra
        from sayso.store.postgres.store import PostgresStore  # needs an extra
    except ImportError as error:
        raise missing_postgres() from error
    if create:
        from sayso.store.postgres.schema import migrate_postgres  # as above

        migrate_postgres(url, only_pre=only_pre)
        if fleet:
            _make_fleet(url)
    # The schema hands over what becomes due by a session of this setting.
    standby = workspace.replica_url
    replica = None
    if standby is not None:
        falls_back = section.replica_else == "primary"
        replica = ReplicaPlan(url=standby, most_s=section.replica_behind_s, falls_back=falls_back)
    settings = {"app.dispatch": "fleet"} if fleet else {}
    return PostgresStore(url, settings=settings, replica=replica)


def _make_fleet(url: str) -> None:
    """Make the engine's own tables, so that workers never change the schema."""
    from sayso.dispatch.fleet.contract import check_package

    check_package()
    from sayso.dispatch.fleet.schema import migrate_fleet  # needs an extra

    migrate_fleet(url)


@contextmanager
def open_snapshot(workspace: Workspace) -> Generator[Reader]:
    """One consistent snapshot of a PostgreSQL database, read on this thread.

    Raises:
        ConfigError: `missing_extra`, `store_unavailable`.
        RetryableError: `store_unavailable`.
    """
    try:
        from sayso.store.postgres.store import open_reader  # needs an extra
    except ImportError as error:
        raise missing_postgres() from error
    with open_reader(workspace.store_url) as reader:
        yield reader


def missing_postgres() -> ConfigError:
    """What to say where the extra is not installed."""
    return missing_extra("postgres", "PostgreSQL needs an optional part")
