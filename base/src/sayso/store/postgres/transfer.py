"""A PostgreSQL database as where rows are copied from, and where they are copied to."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from sayso.store.migrations import COPYING
from sayso.store.postgres.connection import (
    OWNER_ROLE,
    SCHEMA,
    PgConnection,
    connect,
    connect_plainly,
)
from sayso.store.postgres.errors import store_error
from sayso.store.postgres.schema import LOCK_TIMEOUT_S, check_version, migrate_postgres
from sayso.store.postgres.transaction import ALL_TENANTS
from sayso.store.postgres.writer import WRITER_LOCK
from sayso.store.transfer import Origin, Table, Target, Values, Whose, refuse_unless_empty

_AT_ONCE = 2000
"""So many rows are asked for at a time."""
_COLUMNS = """
    select c.relname, a.attname, a.attidentity <> '',
        coalesce(array_position(i.indkey::smallint[], a.attnum), -1), a.attgenerated <> ''
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
        and not a.attisdropped
    left join pg_index i on i.indrelid = c.oid and i.indisprimary
    where c.relnamespace = %s::regnamespace and c.relkind = 'r'
    order by c.oid, a.attnum
"""


class _Database:
    """The tables of a database, read in one transaction at the rows of all tenants."""

    def __init__(self, connection: PgConnection) -> None:
        self._connection = connection

    def tables(self) -> Mapping[str, Table]:
        found: dict[str, list[tuple[str, int, bool]]] = {}
        rows = self._connection.execute(_COLUMNS, [SCHEMA]).fetchall()
        for table, column, _, nth, made in rows:
            found.setdefault(str(table), []).append((str(column), int(nth), bool(made)))
        return {name: _table(name, columns) for name, columns in found.items()}

    def identities(self) -> list[tuple[str, str]]:
        """The columns whose values the database counts, each with its table."""
        rows = self._connection.execute(_COLUMNS, [SCHEMA]).fetchall()
        return [(str(table), str(column)) for table, column, counted, *_ in rows if counted]

    def count(self, table: str, whose: Whose | None = None) -> int:
        words = sql.SQL("select count(*) from {}{}").format(_named(table), _where(whose))
        row = self._connection.execute(words, whose[1:] if whose else ()).fetchone()
        assert row is not None
        return int(row[0])

    def rows(
        self,
        table: str,
        columns: Sequence[str],
        order: Sequence[str],
        whose: Whose | None = None,
    ) -> Iterator[Values]:
        words = sql.SQL("select {} from {}{} order by {}").format(
            _listed(columns), _named(table), _where(whose), _listed(order)
        )
        with self._connection.cursor("rows") as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(words, whose[1:] if whose else ())
            yield from cursor

    def delete(self, table: str, whose: Whose) -> None:
        words = sql.SQL("delete from {}{}").format(_named(table), _where(whose))
        self._connection.execute(words, whose[1:])

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Values]) -> None:
        words = sql.SQL("insert into {} ({}) overriding system value values ({})").format(
            _named(table), _listed(columns), sql.SQL(", ").join([sql.Placeholder()] * len(columns))
        )
        with self._connection.cursor() as cursor:
            cursor.executemany(words, rows)


def _table(name: str, columns: Sequence[tuple[str, int, bool]]) -> Table:
    reads = tuple(column for column, _, _ in columns)
    writes = tuple(column for column, _, made in columns if not made)
    key = tuple(column for nth, column in sorted((nth, one) for one, nth, _ in columns) if nth >= 0)
    return Table(name=name, reads=reads, writes=writes, key=key)


def _where(whose: Whose | None) -> sql.Composable:
    if whose is None:
        return sql.SQL("")
    return sql.SQL(" where {} = %s").format(sql.Identifier(whose[0]))


def _named(table: str) -> sql.Identifier:
    return sql.Identifier(SCHEMA, table)


def _listed(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


@contextmanager
def hold_database(url: str, *, patience_s: float = LOCK_TIMEOUT_S) -> Generator[Origin]:
    """A database that nobody else writes while the block runs; nothing in it is changed.

    Args:
        patience_s: how long to wait for whoever writes it now.

    Raises:
        RetryableError: `store_busy`, when somebody writes it now; `store_unavailable`.
        ConfigError: as `connect`.
    """
    patient = {
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "lock_timeout": f"{round(patience_s * 1000)}ms",
    }
    with connect(url, settings=patient) as connection:
        try:
            # INVARIANT: before the snapshot, or a commit in between would not be in it.
            connection.execute("select pg_advisory_lock(%s)", [WRITER_LOCK])
            connection.execute("begin transaction isolation level repeatable read, read only")
            _at_all_tenants(connection)
            yield _Database(connection)
            connection.execute("rollback")
        except psycopg.Error as error:
            raise store_error(error) from error


@contextmanager
def read_database(url: str) -> Generator[Origin]:
    """One snapshot of a database, which others go on writing.

    Raises:
        RetryableError: `store_unavailable`.
        ConfigError: as `connect`.
    """
    patient = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
    with connect(url, settings=patient) as connection:
        try:
            connection.execute("begin transaction isolation level repeatable read, read only")
            _at_all_tenants(connection)
            yield _Database(connection)
            connection.execute("rollback")
        except psycopg.Error as error:
            raise store_error(error) from error


@contextmanager
def change_database(url: str) -> Generator[Target]:
    """A database in which the block changes what it likes: all of it is there at the end, or none.

    Guards stand aside meanwhile, and nobody else writes.

    Args:
        url: of a login that may migrate it.

    Raises:
        ConfigError: `store_version`, `store_read_only`, `store_unavailable`.
        RetryableError: `store_busy`, `store_unavailable`.
    """
    with connect(url) as looked:
        check_version(looked)
    with connect_plainly(url) as connection:
        try:
            connection.execute(f"set lock_timeout = '{round(LOCK_TIMEOUT_S * 1000)}ms'".encode())
            with connection.transaction(), _unguarded(connection) as target:
                yield target
        except psycopg.Error as error:
            raise store_error(error) from error


@contextmanager
def _unguarded(connection: PgConnection) -> Generator[_Database]:
    """Have no trigger look on, in this transaction, and nobody else write."""
    _as_owner(connection)
    connection.execute("select pg_advisory_xact_lock(%s)", [WRITER_LOCK])
    target = _Database(connection)
    # What a pruned log has left fits no guard that judges a new row by those before it.
    for table in target.tables():
        words = sql.SQL("alter table {} disable trigger user").format(_named(table))
        connection.execute(words)
    yield target
    # Those of the keys are looked at now: no table with a check to come is altered.
    connection.execute("set constraints all immediate")
    connection.execute("select guard_tables()")


@contextmanager
def fill_database(url: str) -> Generator[Target]:
    """An empty database that has all the rows that the block inserts, or none.

    Args:
        url: of a login that may migrate it.

    Guarantees: until its end, and after a crash, whoever opens the database meets
    `store_half_copied`, and another call begins anew. Row security and every guard hold at the
    end as `sayso migrate` made them.

    Raises:
        ConfigError: `store_not_empty`, `store_version`, `store_read_only`, `store_unavailable`.
        RetryableError: `store_busy`, `store_unavailable`.
    """
    with connect_plainly(url) as connection:
        try:
            connection.execute(f"set lock_timeout = '{round(LOCK_TIMEOUT_S * 1000)}ms'".encode())
            _begin(connection, url)
            with connection.transaction(), _unguarded(connection) as target:
                yield target
                for table, column in target.identities():
                    _count_on(connection, table, column)
                connection.execute("delete from meta where key = %s", [COPYING])
        except psycopg.Error as error:
            raise store_error(error) from error


def _begin(connection: PgConnection, url: str) -> None:
    """Make the tables, and the mark that rows are on their way."""
    made = connection.execute("select to_regclass(%s)", [f"{SCHEMA}.meta"]).fetchone()
    if made is not None and made[0] is not None:
        with connection.transaction():
            _as_owner(connection)
            connection.execute("delete from meta where key = %s", [COPYING])
    migrate_postgres(url)
    with connection.transaction():
        _as_owner(connection)
        refuse_unless_empty(_Database(connection))
        connection.execute("insert into meta (key, value) values (%s, '')", [COPYING])


def _as_owner(connection: PgConnection) -> None:
    """Have the transaction act as the owner of the tables, at the rows of all tenants."""
    words = f"set local role {OWNER_ROLE}; set local search_path to {SCHEMA}, pg_temp"
    connection.execute(words.encode())
    _at_all_tenants(connection)


def _at_all_tenants(connection: PgConnection) -> None:
    connection.execute("select set_config('app.tenant', %s, true)", [ALL_TENANTS])


def _count_on(connection: PgConnection, table: str, column: str) -> None:
    """Have the database count on behind the highest value that is there."""
    words = sql.SQL(
        "select setval(pg_get_serial_sequence({}, {}), coalesce(max({}), 1), max({}) is not null)"
        " from {}"
    ).format(
        f"{SCHEMA}.{table}", column, sql.Identifier(column), sql.Identifier(column), _named(table)
    )
    connection.execute(words)
