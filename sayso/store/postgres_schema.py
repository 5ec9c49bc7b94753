"""Schema versions on PostgreSQL: the same numbered files, applied once each, in order."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import psycopg

from sayso.errors import Code, ConfigError
from sayso.store.migrations import Migration, other_shape, read_migrations
from sayso.store.postgres_connection import (
    OWNER_ROLE,
    SCHEMA,
    PgConnection,
    connect_plainly,
)
from sayso.store.postgres_errors import is_lost, store_error, unreachable
from sayso.store.postgres_setup import other_than_made

MIGRATION_LOCK = 0x53617954
LOCK_TIMEOUT_S = 5.0
"""How long a migration waits for a table; those behind it in the line wait as long."""


def migrate_postgres(
    url: str,
    *,
    only_pre: bool = False,
    migrations: Sequence[Migration] | None = None,
    lock_timeout_s: float = LOCK_TIMEOUT_S,
) -> int:
    """Bring a database to this code's version; returns the version it had.

    Args:
        url: of a login that may create roles and schemas, or for which that has been done.
        only_pre: stop before the first `post` file: what may run before new code is deployed.
        migrations: all there are; ours when None.
        lock_timeout_s: how long to wait for a table that others use.

    Guarantees: each file is applied in one transaction with its number, so that a crash leaves a
    version that exists; two processes at once apply it once. Workers never run this.

    Raises:
        ConfigError: `store_unavailable`, `store_read_only`; `store_version`, before anything is
            changed, when the database does not hold what its version makes.
        RetryableError: `store_busy`, when a table stays locked; nothing of that file is applied.
    """
    known = read_migrations("postgres") if migrations is None else migrations
    with connect_plainly(url) as connection:
        try:
            connection.execute("set lock_timeout = '60s'")
            connection.execute("select pg_advisory_lock(%s)", [MIGRATION_LOCK])
            _prepare(connection)
            before = _applied(connection)
            if 0 < before < len(known):
                other = other_than_made(connection, known[:before])
                if other is not None:
                    raise other_shape(before, other, "postgres")
            for migration in known[before:]:
                if only_pre and migration.phase == "post":
                    break
                _apply(connection, migration, lock_timeout_s)
        except psycopg.Error as error:
            raise store_error(error) from error
    return before


def check_version(connection: PgConnection, migrations: Sequence[Migration] | None = None) -> None:
    """Refuse a database whose version does not fit this code.

    A fleet is upgraded one worker after the other, so a newer database is taken as long as only
    `pre` files are new to this code, and an older one as long as only `post` files are missing.

    Raises:
        ConfigError: `store_version`.
        RetryableError: `store_unavailable`, when the connection breaks meanwhile.
    """
    known = read_migrations("postgres") if migrations is None else migrations
    try:
        rows = connection.execute("select number, name from migration order by number").fetchall()
    except psycopg.Error as error:
        if is_lost(error):
            raise unreachable(str(error).strip()) from error
        raise store_error(error) from error
    missing = known[len(rows) :]
    if any(migration.phase == "pre" for migration in missing):
        raise ConfigError(
            Code.STORE_VERSION,
            f"the database has version {len(rows)}, this Sayso needs {len(known)}",
            next_step="run `sayso migrate`",
        )
    if any("_post_" in name for _, name in rows[len(known) :]):
        raise ConfigError(
            Code.STORE_VERSION,
            f"the database has version {len(rows)}, this Sayso knows {len(known)}",
            next_step="upgrade Sayso",
        )


def _prepare(connection: PgConnection) -> None:
    """Make the roles, the schema and the list of what was applied."""
    found = connection.execute("select to_regclass(%s)", [f"{SCHEMA}.migration"]).fetchone()
    if found is None or found[0] is None:
        file = resources.files("sayso.store") / "sql" / "postgres" / "roles.sql"
        with connection.transaction():
            connection.execute(file.read_bytes())


def _applied(connection: PgConnection) -> int:
    row = connection.execute(f"select count(*) from {SCHEMA}.migration").fetchone()  # noqa: S608  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert row is not None
    return int(row[0])


def _apply(connection: PgConnection, migration: Migration, lock_timeout_s: float) -> None:
    with connection.transaction():
        connection.execute(
            f"set local role {OWNER_ROLE};"  # pyright: ignore[reportArgumentType, reportCallIssue]
            f"set local search_path to {SCHEMA}, pg_temp;"
            f"set local lock_timeout = '{round(lock_timeout_s * 1000)}ms';"
            "set local statement_timeout = 0;"
        )
        connection.execute(migration.sql.encode())
        connection.execute(
            "insert into migration (number, name) values (%s, %s)",
            [migration.number, migration.name],
        )
