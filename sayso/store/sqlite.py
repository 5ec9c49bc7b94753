"""The store on SQLite: WAL, synchronous FULL, one writing thread whose commits are shared."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sayso.errors import Code, ConfigError, IntegrityError, RetryableError, SaysoError
from sayso.store.base import Reader, Row, SqlValue, Transaction
from sayso.store.migrations import belongs_to_another, check_version, migrate
from sayso.store.queries import named_queries, numbered_queries
from sayso.store.units import Outcome, Shared, Unit, WaitingUnits, answer, not_one_row

logger = logging.getLogger("sayso.store")
T = TypeVar("T")

BUSY_TIMEOUT_S = 5.0
"""How long a writer waits for another process's commit before it says `store_busy`."""
_LOOK_AGAIN_MS = 2
"""SQLite looks again after 1 ms, twice; then we look whether the time is up."""
_READERS = 2
# Errors that come from what one unit asked for, not from the file.
_OWN_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
)


class _SqliteReader:
    """Named queries on one connection."""

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


def _as_row(row: sqlite3.Row) -> Row:
    return dict(zip(row.keys(), row, strict=True))


class _SqliteTransaction(_SqliteReader):
    """One unit of work inside the writer's commit."""

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


class SqliteStore:
    """One SQLite file, shared by any number of processes on one machine.

    Args:
        path: the file; `migrate_store` makes it first.
        create: make or upgrade the schema now, instead of refusing another version.
        busy_timeout_s: how long a writer waits for another process's commit before it says
            `store_busy`.
        prepare: given the writing connection once it is open, such as to limit the file's size.

    Raises:
        ConfigError: `not_a_store`, `store_version`, `store_unavailable`, `store_read_only`.
        RetryableError: `store_busy`.

    Guarantees: units run one after the other in the order in which they were handed over; those
    that wait together share one commit (one fsync). A crash loses only units whose `write` has not
    returned. A unit whose waiter is cancelled before its turn does not run.
    """

    def __init__(
        self,
        path: Path,
        *,
        create: bool = False,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        prepare: Callable[[sqlite3.Connection], None] = lambda connection: None,
    ) -> None:
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        connection = open_connection(path, create=create, busy_timeout_s=busy_timeout_s)
        try:
            if create:
                migrate(connection)
            check_version(connection, path)
            _set_up_writer(connection)
            prepare(connection)
            self._watcher = open_connection(path, create=False)
        except sqlite3.Error as error:
            connection.close()
            raise store_error(error, path) from error
        except SaysoError:
            connection.close()
            raise
        self._units = WaitingUnits()
        self._local = threading.local()
        self._reader_connections: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="sayso-read")
        self._writer = threading.Thread(
            target=self._write_loop, args=(connection,), name="sayso-write", daemon=True
        )
        self._writer.start()

    @property
    def path(self) -> Path:
        """The database file."""
        return self._path

    async def write(self, work: Callable[[Transaction], T], *, tenant: str | None = None) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if not self._units.add(Unit(work=work, tenant=tenant, future=future, loop=loop)):
            raise _closed()
        return await future

    async def read(self, work: Callable[[Reader], T], *, tenant: str | None = None) -> T:
        if self._units.closed:
            raise _closed()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read_now, work)

    async def version(self) -> int:
        # NOTE: data_version counts per connection, so one connection must answer every time. It
        # reads shared memory only, in microseconds, so no thread is worth it.
        try:
            return int(self._watcher.execute("pragma data_version").fetchone()[0])
        except sqlite3.Error as error:
            raise store_error(error, self._path) from error

    async def scrub(self, *, rewrite: bool = False) -> bool:
        """See `sayso.store.scrubbing.Scrubbed`.

        Raises:
            RetryableError: `store_busy`. ConfigError: `store_full`, with `rewrite` only.
        """
        if self._units.closed:
            raise _closed()
        return await asyncio.to_thread(self._scrub_now, rewrite)

    def _scrub_now(self, rewrite: bool) -> bool:
        connection = open_connection(self._path, create=False)
        try:
            if rewrite:
                connection.execute("vacuum")
            # NOTE: TRUNCATE waits for readers of older states, and says when it could not.
            busy = connection.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
        except sqlite3.Error as error:
            raise store_error(error, self._path) from error
        finally:
            connection.close()
        return int(busy) == 0

    async def close(self) -> None:
        if self._units.closed:
            return
        self._units.close()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._writer.join)
        self._readers.shutdown(wait=True)
        for connection in (*self._reader_connections, self._watcher):
            connection.close()

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = open_connection(self._path, create=False)
            connection.execute("pragma query_only = on")
            self._local.connection = connection
            self._reader_connections.append(connection)
        return connection

    def _read_now(self, work: Callable[[Reader], T]) -> T:
        try:
            connection = self._reader()
            connection.execute("begin")
            try:
                return work(_SqliteReader(connection))
            finally:
                connection.execute("rollback")
        except sqlite3.Error as error:
            raise store_error(error, self._path) from error

    def _write_loop(self, connection: sqlite3.Connection) -> None:
        while group := self._units.take():
            answer(self._commit(connection, group, join=self._units.join))
        connection.close()

    def _commit(
        self,
        connection: sqlite3.Connection,
        group: list[Unit],
        *,
        join: Callable[[list[Unit]], None] = lambda group: None,
    ) -> list[Outcome]:
        done: list[Outcome] = []
        transaction = _SqliteTransaction(connection)
        try:
            self._begin(connection)
            join(group)
            done.extend(
                _run_unit(connection, transaction, unit)
                for unit in group
                if not unit.future.cancelled()
            )
            for finish in transaction.shared.finishers.values():
                finish(transaction)
            connection.execute("commit")
        except BaseException as error:  # noqa: BLE001  (every waiter must hear of it)
            _roll_back(connection)
            if isinstance(error, sqlite3.IntegrityError) and len(group) > 1:
                # Foreign keys are checked at the commit, which does not say whose is broken.
                return [one for unit in group for one in self._commit(connection, [unit])]
            own = {id(outcome.unit): outcome.error for outcome in done}
            done = [Outcome(unit=unit, error=own.get(id(unit)) or error) for unit in group]
        return [self._in_our_words(outcome) for outcome in done]

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Take the turn of all writers on the file, once the other processes let it go.

        NOTE: SQLite itself looks again after up to 100 ms, so that with several busy processes one
        that is unlucky waits for seconds while others come and go.
        """
        deadline = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                connection.execute("begin immediate")
            except sqlite3.OperationalError as error:
                is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not is_busy or time.monotonic() > deadline:
                    raise
            else:
                return

    def _in_our_words(self, outcome: Outcome) -> Outcome:
        if not isinstance(outcome.error, sqlite3.Error):
            return outcome
        meant = store_error(outcome.error, self._path)
        meant.__cause__ = outcome.error
        return Outcome(unit=outcome.unit, error=meant)


def _run_unit(
    connection: sqlite3.Connection, transaction: _SqliteTransaction, unit: Unit
) -> Outcome:
    """Run one unit in a savepoint, so that its failure takes back only itself."""
    before = transaction.shared.copy()
    connection.execute("savepoint unit")
    try:
        result = unit.work(transaction)
    except BaseException as error:  # handed to the caller, whatever it is
        of_the_file = isinstance(error, sqlite3.Error) and not isinstance(error, _OWN_ERRORS)
        if of_the_file or not connection.in_transaction:
            raise  # a full disk takes the whole transaction back: nobody in the group may go on
        connection.execute("rollback to unit")
        connection.execute("release unit")
        transaction.shared = before
        return Outcome(unit=unit, error=error)
    connection.execute("release unit")
    return Outcome(unit=unit, result=result)


def _roll_back(connection: sqlite3.Connection) -> None:
    try:
        if connection.in_transaction:
            connection.execute("rollback")
    except sqlite3.Error as error:  # the waiters hear of what came before
        logger.warning("a transaction could not be rolled back: %s", error)


def _closed() -> ConfigError:
    return ConfigError(Code.STORE_UNAVAILABLE, "the database is closed")


def open_connection(
    path: Path, *, create: bool, busy_timeout_s: float = BUSY_TIMEOUT_S
) -> sqlite3.Connection:
    """Open the file with the settings that durability rests on.

    Raises:
        ConfigError: `store_unavailable`, `store_read_only`.
    """
    mode = "rwc" if create else "rw"
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=busy_timeout_s,
            cached_statements=256,
        )
    except sqlite3.Error as error:
        raise store_error(error, path) from error
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("pragma foreign_keys = on")
        # INVARIANT: FULL, or a power loss could forget an intent whose call has left already.
        connection.execute("pragma synchronous = full")
        # What is overwritten or deleted is zeroed in the file: docs/erasure.md rests on it.
        connection.execute("pragma secure_delete = on")
        if create and not belongs_to_another(connection):
            connection.execute("pragma journal_mode = wal")
    except sqlite3.Error as error:
        connection.close()
        raise store_error(error, path) from error
    return connection


def _set_up_writer(connection: sqlite3.Connection) -> None:
    """After a migration, whose sorting may need more than memory holds."""
    # Each savepoint keeps the pages that it changes. In a temporary file, rows of customers would
    # stand outside of the database, and a full disk there would stop the writer.
    connection.execute("pragma temp_store = memory")
    # 16 MiB: what a group of units changes is not written twice because it did not fit.
    connection.execute("pragma cache_size = -16384")
    connection.execute(f"pragma busy_timeout = {_LOOK_AGAIN_MS}")


def store_error(error: sqlite3.Error, path: Path) -> SaysoError:
    """Say what SQLite's error means for the caller."""
    reason = str(error)
    name = path.name
    if isinstance(error, sqlite3.IntegrityError):
        return IntegrityError(
            Code.TAMPERED,
            "the database refused a write that contradicts it",
            next_step="run `sayso audit verify`",
            detail=reason,
        )
    if "locked" in reason or "busy" in reason:
        return RetryableError(
            Code.STORE_BUSY,
            f"the database `{name}` is locked by another program",
            next_step="close the program that holds it, then try again",
            detail=reason,
        )
    code, problem, step = Code.STORE_UNAVAILABLE, "cannot be used", "check the path and the disk"
    if "readonly" in reason or "read-only" in reason:
        code, problem = Code.STORE_READ_ONLY, "cannot be written"
        step = "give this user write access to the file and its folder"
    elif "full" in reason:
        code, problem, step = Code.STORE_FULL, "has no room left", "free some disk space"
    elif "not a database" in reason or "malformed" in reason:
        code, problem = Code.NOT_A_STORE, "is no usable SQLite file"
        step = "point `store.url` at a Sayso database, or restore it from a backup"
    elif "unable to open" in reason:
        step = "run `sayso init` here first, or check the path and its permissions"
    return ConfigError(code, f"the database `{name}` {problem}", next_step=step, detail=reason)
