"""A SQLite file as where rows are copied from, and where they are copied to."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from sayso.store.migrations import COPYING
from sayso.store.sqlite.errors import store_error
from sayso.store.sqlite.schema import check_version, migrate
from sayso.store.sqlite.store import BUSY_TIMEOUT_S, open_connection
from sayso.store.transfer import Origin, Table, Target, Values, Whose, refuse_unless_empty


class _File:
    """The tables of a file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = None
        self._connection = connection

    def tables(self) -> Mapping[str, Table]:
        found = self._connection.execute(
            "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
            " order by rowid"
        ).fetchall()
        return {name: self._table(name) for (name,) in found}

    def _table(self, name: str) -> Table:
        columns = self._connection.execute(
            "select name, pk, hidden from pragma_table_xinfo(?) order by cid", (name,)
        ).fetchall()
        keyed = sorted((nth, column) for column, nth, _ in columns if nth)
        return Table(
            name=name,
            reads=tuple(column for column, _, _ in columns),
            writes=tuple(column for column, _, hidden in columns if not hidden),
            key=tuple(column for _, column in keyed),
        )

    def count(self, table: str, whose: Whose | None = None) -> int:
        where, given = _where(whose)
        words = f"select count(*) from {table}{where}"  # noqa: S608
        (found,) = self._connection.execute(words, given).fetchone()
        return int(found)

    def rows(
        self,
        table: str,
        columns: Sequence[str],
        order: Sequence[str],
        whose: Whose | None = None,
    ) -> Iterator[Values]:
        where, given = _where(whose)
        named, ordered = ", ".join(columns), ", ".join(order)
        words = f"select {named} from {table}{where} order by {ordered}"  # noqa: S608
        return self._connection.execute(words, given)

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Values]) -> None:
        places = ", ".join("?" * len(columns))
        words = f"insert into {table} ({', '.join(columns)}) values ({places})"  # noqa: S608
        self._connection.executemany(words, rows)

    def delete(self, table: str, whose: Whose) -> None:
        where, given = _where(whose)
        self._connection.execute(f"delete from {table}{where}", given)  # noqa: S608


def _where(whose: Whose | None) -> tuple[str, tuple[str, ...]]:
    return ("", ()) if whose is None else (f" where {whose[0]} = ?", (whose[1],))


@contextmanager
def hold_file(path: Path, *, patience_s: float = BUSY_TIMEOUT_S) -> Generator[Origin]:
    """A file that nobody else writes while the block runs; nothing in it is changed.

    Args:
        patience_s: how long to wait for whoever writes it now.

    Raises:
        RetryableError: `store_busy`, when somebody writes it now.
        ConfigError: as `open_connection`.
    """
    opened = open_connection(path, create=False, busy_timeout_s=patience_s)
    with closing(opened) as connection:
        try:
            connection.execute("begin immediate")
            yield _File(connection)
            connection.execute("rollback")
        except sqlite3.Error as error:
            raise store_error(error, path) from error


@contextmanager
def read_file(path: Path) -> Generator[Origin]:
    """One snapshot of a file, which others go on writing.

    Raises:
        RetryableError: `store_busy`.
        ConfigError: as `open_connection`.
    """
    with closing(open_connection(path, create=False)) as connection:
        try:
            connection.execute("begin")
            yield _File(connection)
            connection.execute("rollback")
        except sqlite3.Error as error:
            raise store_error(error, path) from error


@contextmanager
def change_file(path: Path) -> Generator[Target]:
    """A file in which the block changes what it likes: all of it is there at the end, or nothing.

    Guards stand aside meanwhile, and nobody else writes.

    Raises:
        ConfigError: `store_version`, and as `open_connection`. RetryableError: `store_busy`.
    """
    with closing(open_connection(path, create=False)) as connection:
        try:
            check_version(connection, path)
            connection.execute("begin immediate")
            connection.execute("pragma defer_foreign_keys = on")
            with _unguarded(connection):
                yield _File(connection)
            connection.execute("commit")
        except sqlite3.Error as error:
            raise store_error(error, path) from error


@contextmanager
def _unguarded(connection: sqlite3.Connection) -> Generator[None]:
    """Have no trigger look on, in this transaction."""
    # What a pruned log has left fits no guard that judges a new row by those before it.
    guards = connection.execute(
        "select name, sql from sqlite_master where type = 'trigger' order by rowid"
    ).fetchall()
    for name, _ in guards:
        connection.execute(f"drop trigger {name}")
    yield
    for _, made in guards:
        connection.execute(made)


@contextmanager
def fill_file(path: Path) -> Generator[Target]:
    """A new file, or an empty one, that has all the rows that the block inserts, or none.

    Guarantees: until its end, and after a crash, whoever opens the file meets `store_half_copied`,
    and another call begins anew.

    Raises:
        ConfigError: `store_not_empty`, `not_a_database`, `store_version`, `store_full`.
        RetryableError: `store_busy`.
    """
    with closing(open_connection(path, create=True)) as connection:
        try:
            _begin(connection, path)
            connection.execute("begin immediate")
            with _unguarded(connection):
                yield _File(connection)
            connection.execute("delete from meta where key = ?", (COPYING,))
            connection.execute("commit")
        except sqlite3.Error as error:
            raise store_error(error, path) from error


def _begin(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables, and the mark that rows are on their way."""
    there = _File(connection).tables()
    if "meta" in there:
        connection.execute("delete from meta where key = ?", (COPYING,))
    migrate(connection)
    check_version(connection, path)
    connection.execute("begin immediate")
    try:
        refuse_unless_empty(_File(connection))
        connection.execute("insert into meta (key, value) values (?, '')", (COPYING,))
        connection.execute("commit")
    finally:
        if connection.in_transaction:
            connection.execute("rollback")
