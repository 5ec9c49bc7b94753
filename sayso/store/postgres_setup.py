"""How a PostgreSQL database is set up: its version, what guards its log, and its durability."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from sayso.store.migrations import Migration, read_migrations
from sayso.store.postgres_connection import SCHEMA, PgConnection, connect
from sayso.store.postgres_errors import store_error

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
        version: how many migrations are applied, of those that this code knows.
        commits: the server's default of `synchronous_commit`; ours is never weaker than `on`.
        missing: guards that are not there, or are switched off.
        shared: tables whose rows are not held to one tenant, though they have one.
        deleters: roles, beside the owner, that may change or delete entries of the log.
    """

    server: str
    login: str
    version: int
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
        "select current_setting('server_version'), session_user, s.reset_val,"
        " (select count(*) from migration) from pg_settings s where s.name = 'synchronous_commit'"
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
        version=int(row[3]),
        commits=str(row[2]),
        missing=tuple(sorted(expected_guards() - {str(name) for (name,) in there})),
        shared=tuple(str(name) for (name,) in shared),
        deleters=tuple(str(name) for (name,) in deleters),
    )


def expected_guards() -> set[str]:
    """The triggers that a database of this version has."""
    found: set[str] = set()
    for migration in read_migrations("postgres"):
        for what, name in _GUARD.findall(migration.sql.lower()):
            (found.add if what == "create" else found.discard)(name)
    return found


def other_than_made(connection: PgConnection, migrations: Sequence[Migration]) -> str | None:
    """What a database lacks, or has otherwise, of what these files have made.

    Args:
        connection: of the owner.
        migrations: those that are applied, lowest first.

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
        if (kind, name) not in there or columns not in there[kind, name]:
            return f"{kind} `{name}`"
    return None
