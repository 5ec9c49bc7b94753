"""Named queries on a connection to SQLite, as a store's units see them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager

from sayso.store.base import Row, SqlValue, Transaction
from sayso.store.queries import named_queries, numbered_queries
from sayso.store.units import Shared, not_one_row


class SqliteReader:
    """Named queries on one connection."""

    writes = False

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sql = named_queries()

    def one(self, query: str, /, **params: SqlValue) -> Row | None:
        row: sqlite3.Row | None = self._connection.execute(self._sql[query], params).fetchone()
        return None if row is None else _as_row(row)

    def all(self, query: str, /, **params: SqlValue) -> list[Row]:
        cursor = self._connection.execute(self._sql[query], params)
        return [_as_row(row) for row in cursor.fetchall()]

    def ahead(self, query: str, /, **params: SqlValue) -> None:
        return None  # there is no server to wait for

    def recall(self, key: object) -> object | None:
        return None


def _as_row(row: sqlite3.Row) -> Row:
    return dict(zip(row.keys(), row, strict=True))


class SqliteTransaction(SqliteReader):
    """One unit of work inside the writer's commit."""

    writes = True

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.shared = Shared()

    def run(self, query: str, /, **params: SqlValue) -> int:
        count = self._connection.execute(self._sql[query], params).rowcount
        if count != 1 and numbered_queries()[query].is_checked:
            raise not_one_row(query)
        return count

    def before_commit(self, key: str, work: Callable[[Transaction], None]) -> None:
        self.shared.finishers.setdefault(key, work)

    def recall(self, key: object) -> object | None:
        return self.shared.memory.get(key)

    def remember(self, key: object, value: object) -> None:
        self.shared.memory[key] = value


_TICK = 9_973
"""In steps of SQLite's machine. A prime, since SQLite looks at few places of a program whether it
is time: else a loop could always be at another one."""
_MOST_TICKS = 5
"""Some two milliseconds."""


class Brevity:
    """Breaks off the statements of a unit that is not brief after all.

    Steps are counted, not time: a busy machine makes no unit longer than it is. Rows that are
    handed out count for little: what a brief unit reads row by row has a limit of its own.

    Attributes:
        exceeded: whether a unit was broken off, and has to be run again where it may take its time.
    """

    def __init__(self) -> None:
        self.exceeded = False
        self._ticks = 0

    @contextmanager
    def watch(self, connection: sqlite3.Connection) -> Generator[None]:
        """Count what a connection does meanwhile.

        NOTE: SQLite takes back the whole transaction when it breaks off a statement that writes.
        """
        connection.set_progress_handler(self._tick, _TICK)
        try:
            yield
        finally:
            connection.set_progress_handler(None, 0)

    def begin_unit(self) -> None:
        """What was counted is another unit's."""
        self._ticks = 0

    def _tick(self) -> int:
        self._ticks += 1
        if self._ticks < _MOST_TICKS:
            return 0
        self.exceeded = True
        return 1
