"""Schema versions on PostgreSQL: the same files, applied once each, in order."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources

import psycopg

from sayso.errors import Code, ConfigError
from sayso.store.migrations import (
    FORMAT_QUERY,
    Migration,
    MigrationPlan,
    applied_of,
    check_format,
    expected_at,
    format_number,
    migration_steps,
    missing_steps,
    newer_version,
    numbers_of,
    other_shape,
    read_migrations,
)
from sayso.store.postgres.connection import (
    OWNER_ROLE,
    SCHEMA,
    PgConnection,
    connect,
    connect_plainly,
)
from sayso.store.postgres.errors import is_lost, store_error, unreachable

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
        ConfigError: `store_unavailable`, `store_read_only`; before anything is changed
            `older_build`, and `store_version` when the database does not hold what its version
            makes.
        RetryableError: `store_busy`, when a table stays locked; nothing of that file is applied.
    """
    known = read_migrations("postgres") if migrations is None else migrations
    with connect_plainly(url) as connection:
        try:
            connection.execute("set lock_timeout = '60s'")
            connection.execute("select pg_advisory_lock(%s)", [MIGRATION_LOCK])
            _prepare(connection)
            before, ahead = _applied(connection)
            _check_made(connection, known, before, ahead)
            for step in missing_steps(known, before, ahead, only_pre=only_pre):
                _apply(connection, step, lock_timeout_s)
        except psycopg.Error as error:
            raise store_error(error) from error
    return before


def plan_migration(url: str) -> MigrationPlan:
    """What `migrate_postgres` would do; changes nothing.

    Raises:
        ConfigError: as `migrate_postgres`, and `store_version` for a version that is newer than
            this code.
    """
    known = read_migrations("postgres")
    with connect_plainly(url, writes=False) as connection:
        try:
            connection.execute("set default_transaction_read_only = on")
            made = connection.execute("select to_regclass(%s)", [f"{SCHEMA}.migration"]).fetchone()
            if made is None or made[0] is None:
                return MigrationPlan.of(known, 0)
            before, ahead = _applied(connection)
            if before > known[-1].number:
                raise newer_version(before, known[-1].number)
            _check_made(connection, known, before, ahead)
        except psycopg.Error as error:
            raise store_error(error) from error
    return MigrationPlan.of(known, before, ahead)


def _check_made(
    connection: PgConnection, known: Sequence[Migration], before: int, ahead: Set[int]
) -> None:
    """Refuse a database that does not hold what its version makes, where files are to come."""
    if not before:
        return
    check_format(_stored_format(connection))
    if missing_steps(known, before, ahead):
        other = other_than_made(connection, *expected_at(known, before, ahead))
        if other is not None:
            raise other_shape(before, other)


def check_version(connection: PgConnection, migrations: Sequence[Migration] | None = None) -> None:
    """Refuse a database whose version does not fit this code.

    A fleet is upgraded one worker after the other, so a newer database is taken as long as only
    `pre` files are new to this code, and an older one as long as only `post` files are missing.

    Raises:
        ConfigError: `older_build`, `store_version`.
        RetryableError: `store_unavailable`, when the connection breaks meanwhile.
    """
    known = read_migrations("postgres") if migrations is None else migrations
    try:
        rows = connection.execute("select number, name from migration order by number").fetchall()
        found = _stored_format(connection)
    except psycopg.Error as error:
        if is_lost(error):
            raise unreachable(str(error).strip()) from error
        raise store_error(error) from error
    if rows:
        check_format(found)
    (version, ahead), newest = applied_of(int(number) for number, _ in rows), known[-1].number
    if missing_steps(known, version, ahead, only_pre=True):
        raise ConfigError(
            Code.STORE_VERSION,
            f"the database has version {version}, this Sayso needs {newest}",
            next_step="run `sayso migrate`",
        )
    if any("_post_" in name for number, name in rows if number > newest):
        raise newer_version(version, newest)


def _prepare(connection: PgConnection) -> None:
    """Make the roles, the schema and the list of what was applied."""
    found = connection.execute("select to_regclass(%s)", [f"{SCHEMA}.migration"]).fetchone()
    if found is None or found[0] is None:
        file = resources.files("sayso.store") / "sql" / "roles.sql"
        with connection.transaction():
            connection.execute(file.read_bytes())


def _applied(connection: PgConnection) -> tuple[int, frozenset[int]]:
    rows = connection.execute(f"select number from {SCHEMA}.migration").fetchall()  # noqa: S608  # pyright: ignore[reportArgumentType, reportCallIssue]
    return applied_of(int(number) for (number,) in rows)


def _stored_format(connection: PgConnection) -> int:
    made = connection.execute("select to_regclass(%s)", [f"{SCHEMA}.meta"]).fetchone()
    if made is None or made[0] is None:
        return 0
    row = connection.execute(FORMAT_QUERY.format(meta=f"{SCHEMA}.meta")).fetchone()  # pyright: ignore[reportArgumentType, reportCallIssue]
    return format_number(None if row is None else row[0])


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
            "insert into migration (number, name) select unnest(%s::integer[]), %s",
            [list(numbers_of(migration)), migration.name],
        )


_GUARD = re.compile(r"^(create|drop) trigger (\w+)", re.MULTILINE)
_MADE = re.compile(
    r"^(create|drop) (?:unique )?(table|index|trigger) (\w+)(?: on \w+ (\([\w, ]+\)))?",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSetup:
    """What an operator wants to know about the database behind a workspace.

    Attributes:
        server: the server's version.
        login: who connects; rows are read and written as `sayso_app`.
        version: the highest number of a file that is applied.
        format: see `FORMAT`; 0 where the database says none.
        commits: the server's default of `synchronous_commit`; ours is never weaker than `on`.
        missing: guards that are not there, or are switched off.
        shared: tables whose rows are not held to one tenant, though they have one.
        deleters: roles, beside the owner, that may change or delete entries of the log.
    """

    server: str
    login: str
    version: int
    format: int
    commits: str
    missing: tuple[str, ...]
    shared: tuple[str, ...]
    deleters: tuple[str, ...]


@contextmanager
def open_setup(url: str) -> Generator[PgConnection]:
    """A connection as workers have it, for looking only, at the rows of all tenants.

    Raises:
        ConfigError: `store_unavailable`, `store_version` when nothing was migrated yet.
        RetryableError: `store_unavailable`.
    """
    with connect(url, writes=False) as connection:
        try:
            connection.execute("set default_transaction_read_only = on; set app.tenant = '*'")
            yield connection
        except psycopg.Error as error:
            raise store_error(error) from error


def read_setup(connection: PgConnection) -> PostgresSetup:
    """Look at the catalogs; reads no row of a customer."""
    row = connection.execute(
        "select current_setting('server_version'), session_user, s.reset_val"
        " from pg_settings s where s.name = 'synchronous_commit'"
    ).fetchone()
    assert row is not None
    there = connection.execute(
        "select tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid"
        " where c.relnamespace = %s::regnamespace and not tgisinternal and tgenabled <> 'D'",
        [SCHEMA],
    ).fetchall()
    shared = connection.execute(
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid"
        " where c.relnamespace = %s::regnamespace and c.relkind = 'r' and a.attname = 'tenant'"
        " and not (c.relrowsecurity and c.relforcerowsecurity) order by 1",
        [SCHEMA],
    ).fetchall()
    deleters = connection.execute(
        "select distinct coalesce(r.rolname, 'public') from pg_class c"
        " cross join aclexplode(c.relacl) a left join pg_roles r on r.oid = a.grantee"
        " where c.oid = to_regclass(%s) and a.grantee <> c.relowner"
        " and a.privilege_type in ('UPDATE', 'DELETE', 'TRUNCATE') order by 1",
        [f"{SCHEMA}.log_entry"],
    ).fetchall()
    return PostgresSetup(
        server=str(row[0]),
        login=str(row[1]),
        version=_applied(connection)[0],
        format=_stored_format(connection),
        commits=str(row[2]),
        missing=tuple(sorted(expected_guards() - {str(name) for (name,) in there})),
        shared=tuple(str(name) for (name,) in shared),
        deleters=tuple(str(name) for (name,) in deleters),
    )


def expected_guards() -> set[str]:
    """The triggers that a database of this version has."""
    found: set[str] = set()
    for migration in migration_steps(read_migrations("postgres"), 0):
        for what, name in _GUARD.findall(migration.sql.lower()):
            (found.add if what == "create" else found.discard)(name)
    return found


def other_than_made(
    connection: PgConnection, migrations: Sequence[Migration], free: Set[tuple[str, str]]
) -> str | None:
    """What a database lacks, or has otherwise, of what these files have made.

    Args:
        connection: of the owner.
        migrations: those that are applied, lowest first.
        free: the parts that may be otherwise, as (kind, name).

    Returns:
        Such as ``index `request_due` ``: the first table, index or trigger that is not there by its
        name, or whose columns are others; None when all are.
    """
    made: dict[tuple[str, str], str] = {}
    for migration in migrations:
        for what, kind, name, columns in _MADE.findall(migration.sql.lower()):
            made.pop((kind, name), None)
            if what == "create":
                made[kind, name] = columns if kind == "index" else ""
    rows = connection.execute(
        "select 'table', tablename::text, '' from pg_tables where schemaname = %(schema)s union all"
        " select 'index', indexname, indexdef from pg_indexes where schemaname = %(schema)s"
        " union all select 'trigger', tgname, '' from pg_trigger t"
        " join pg_class c on c.oid = t.tgrelid where c.relnamespace = %(schema)s::regnamespace",
        {"schema": SCHEMA},
    ).fetchall()
    there = {(str(kind), str(name)): str(text) for kind, name, text in rows}
    for (kind, name), columns in made.items():
        if (kind, name) in free:
            continue
        if (kind, name) not in there or columns not in there[kind, name]:
            return f"{kind} `{name}`"
    return None
