"""The store on SQLite: WAL, synchronous FULL, one writer whose commits are shared.

Readers have connections of their own, one for each unit that runs now.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import TypeVar

from sayso.errors import Code, ConfigError, RetryableError, SaysoError
from sayso.store.base import ROOM_BYTES, Reader, Transaction
from sayso.store.migrations import MigrationPlan, read_migrations
from sayso.store.private_files import make_private_file
from sayso.store.sqlite.errors import is_busy, room_error, store_error
from sayso.store.sqlite.examination import examine_part, parts_of
from sayso.store.sqlite.schema import belongs_to_another, check_version, migrate, plan_migration
from sayso.store.sqlite.writer import LOOK_AGAIN_S, Brevity, SqliteReader, SqliteWriter
from sayso.store.units import Unit

T = TypeVar("T")

BUSY_TIMEOUT_S = 5.0
"""How long a writer waits for another process's commit before it says `store_busy`."""
_READERS = 2


class NotBriefError(Exception):
    """A unit was broken off that is not brief, and has to be run on a thread."""


class SqliteReaders:
    """Runs units that read, on whichever thread calls; one connection for each that runs now.

    Args:
        connect: opens one more connection.

    INVARIANT: a connection belongs to one unit at a time, and only who has it closes it: one that
    is closed under another thread's statement ends the process.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._changed = threading.Lock()

    def run(self, work: Callable[[Reader], T], brevity: Brevity | None = None) -> T:
        """Run a unit on one snapshot.

        Args:
            brevity: breaks it off when it takes too long; None lets it take its time.

        Raises:
            sqlite3.Error: the file cannot be read now.
        """
        connection = self._take()
        try:
            connection.execute("begin")
            try:
                with brevity.watch(connection) if brevity else nullcontext():
                    return work(SqliteReader(connection))
            finally:
                connection.execute("rollback")
        finally:
            self._put_back(connection)

    def run_briefly(self, work: Callable[[Reader], T]) -> T:
        """As `run`, for a unit that is said to be brief.

        Raises:
            NotBriefError: it is not; nothing has come of it.
            sqlite3.Error: the file cannot be read now.
        """
        brevity = Brevity()
        try:
            found = self.run(work, brevity)
        except sqlite3.Error as error:
            if not brevity.exceeded:
                raise
            raise NotBriefError from error
        if brevity.exceeded:  # the unit has caught what broke it off
            raise NotBriefError
        return found

    def close(self) -> None:
        """Close what is idle now, and the others as their units end."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> sqlite3.Connection:
        with self._changed:
            if self._idle:
                return self._idle.pop()
        connection = self._connect()
        connection.execute("pragma query_only = on")
        return connection

    def _put_back(self, connection: sqlite3.Connection) -> None:
        with self._changed:
            if not self._closed and not connection.in_transaction:
                self._idle.append(connection)
                return
        connection.close()


class SqliteStore:
    """One SQLite file, shared by any number of processes on one machine.

    Args:
        path: the file; `migrate_store` makes it first.
        create: make or upgrade the schema now, instead of refusing another version.
        only_pre: of an upgrade only what the code of before goes on with.
        busy_timeout_s: how long a writer waits for another process's commit before it says
            `store_busy`.
        prepare: given the writing connection once it is open, such as to limit the file's size.

    Raises:
        ConfigError: `not_a_database`, `older_build`, `store_version`, `store_unavailable`,
            `store_read_only`, `store_full`.
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
        only_pre: bool = False,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        prepare: Callable[[sqlite3.Connection], None] = lambda connection: None,
    ) -> None:
        self._path = path
        connection = open_connection(path, create=create, busy_timeout_s=busy_timeout_s)
        try:
            if create:
                migrate(connection, only_pre=only_pre)
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
        self._closed = False
        self._damage: SaysoError | None = None
        self._watching = threading.Lock()
        self._at_once = SqliteReaders(
            partial(open_connection, path, create=False, busy_timeout_s=0)
        )
        self._patient = SqliteReaders(partial(open_connection, path, create=False))
        self._threads = ThreadPoolExecutor(_READERS, thread_name_prefix="sayso-read")
        self._writer = SqliteWriter(
            connection,
            busy_timeout_s=busy_timeout_s,
            in_our_words=self._in_our_words,
        )

    @property
    def path(self) -> Path:
        """The database file."""
        return self._path

    async def write(
        self,
        work: Callable[[Transaction], T],
        *,
        tenant: str | None = None,
        about: str | None = None,
        brief: bool = False,
    ) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        unit = Unit(work=work, tenant=tenant, brief=brief, future=future, loop=loop)
        if not self._writer.add(unit):
            raise _closed()
        return await future

    async def read(
        self, work: Callable[[Reader], T], *, tenant: str | None = None, brief: bool = False
    ) -> T:
        if self._closed:
            raise _closed()
        if brief:
            # Else a task that reads and reads would keep the loop from everything else.
            await asyncio.sleep(0)
            try:
                return self._read_by(self._at_once.run_briefly, work)
            except NotBriefError:
                pass
            except RetryableError as error:
                if error.code is not Code.STORE_BUSY:
                    raise  # of the unit's own
        loop = asyncio.get_running_loop()
        try:
            reading = loop.run_in_executor(self._threads, self._read_by, self._patient.run, work)
        except RuntimeError as error:  # another loop has closed the store since we looked
            raise _closed() from error
        return await reading

    async def version(self) -> int:
        # NOTE: data_version counts per connection, so one connection must answer every time. It
        # reads shared memory only, in microseconds, so no thread is worth it.
        try:
            with self._watching:
                return int(self._watcher.execute("pragma data_version").fetchone()[0])
        except sqlite3.Error as error:
            raise store_error(error, self._path) from error

    async def scrub(self, *, rewrite: bool = False) -> bool:
        """See `sayso.store.base.Scrubbed`.

        Raises:
            RetryableError: `store_busy`. ConfigError: `store_full`, with `rewrite` only.
        """
        if self._closed:
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

    @property
    def damage(self) -> SaysoError | None:
        """See `sayso.store.base.Examined`."""
        return self._damage

    def forget_damage(self) -> None:
        """See `sayso.store.base.Examined`."""
        self._damage = None

    async def parts(self) -> Sequence[str]:
        """See `sayso.store.base.Examined`."""
        return await asyncio.to_thread(self._examining, partial(parts_of, size=self._size()))

    async def examine(self, part: str) -> None:
        """See `sayso.store.base.Examined`."""
        await asyncio.to_thread(self._examining, partial(examine_part, part=part))

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def _examining(self, work: Callable[[sqlite3.Connection], T]) -> T:
        # A connection of its own, since one that has read a page keeps it.
        connection = open_connection(self._path, create=False)
        try:
            return work(connection)
        except sqlite3.Error as error:
            raise self._in_our_words(error) from error
        finally:
            connection.close()

    def _in_our_words(self, error: sqlite3.Error) -> SaysoError:
        meant = store_error(error, self._path, opened=True)
        if meant.code is Code.DAMAGED:
            self._damage = meant
        return meant

    async def check_room(self) -> None:
        """See `sayso.store.base.Roomed`."""
        await asyncio.to_thread(self._take_room)

    def _take_room(self) -> None:
        try:
            # Without a name, and unbuffered: the disk says at once whether it takes it.
            with tempfile.TemporaryFile(dir=self._path.absolute().parent, buffering=0) as file:
                file.write(bytes(ROOM_BYTES))
        except OSError as error:
            raise room_error(error, self._path) from error

    async def close(self) -> None:
        self._closed = True
        self._writer.refuse_more()
        await asyncio.get_running_loop().run_in_executor(None, self._finish)

    def _finish(self) -> None:
        """Blocks; whoever closes once more waits as well."""
        self._writer.finish()
        self._threads.shutdown(wait=True)
        self._at_once.close()
        self._patient.close()
        with self._watching:
            self._watcher.close()

    def _read_by(self, run: Callable[[Callable[[Reader], T]], T], work: Callable[[Reader], T]) -> T:
        try:
            return run(work)
        except sqlite3.Error as error:
            raise self._in_our_words(error) from error


def _closed() -> ConfigError:
    return ConfigError(Code.STORE_UNAVAILABLE, "the database is closed")


def plan_file(path: Path) -> MigrationPlan:
    """What making or upgrading a file would do; changes nothing, and makes none.

    Raises:
        ConfigError: as `SqliteStore`.
        RetryableError: `store_busy`.
    """
    if not path.exists() or not path.stat().st_size:
        return MigrationPlan(version=0, pending=tuple(read_migrations("sqlite")))
    with closing(open_connection(path, create=False)) as connection:
        try:
            connection.execute("pragma query_only = on")
            if belongs_to_another(connection):
                check_version(connection, path)
            return plan_migration(connection)
        except sqlite3.Error as error:
            raise store_error(error, path) from error


def open_connection(
    path: Path, *, create: bool, busy_timeout_s: float = BUSY_TIMEOUT_S
) -> sqlite3.Connection:
    """Open the file with the settings that durability rests on.

    Raises:
        ConfigError: `store_unavailable`, `store_read_only`, `store_full`, `not_a_database`.
    """
    mode = "rwc" if create else "rw"
    if create:
        make_private_file(path)
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
        # What is overwritten or deleted is zeroed in the file: docs/how-to/erase-a-customer.md
        # rests on it.
        connection.execute("pragma secure_delete = on")
        if create and not belongs_to_another(connection):
            _use_wal(connection, busy_timeout_s)
    except sqlite3.Error as error:
        connection.close()
        raise store_error(error, path) from error
    return connection


def _use_wal(connection: sqlite3.Connection, patience_s: float) -> None:
    """Switch a new file to WAL, which another process may be doing in this very moment."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError as error:
            # NOTE: SQLite waits for nobody here, whatever its busy_timeout.
            if not is_busy(error) or time.monotonic() >= deadline:
                raise
            time.sleep(LOOK_AGAIN_S)
        else:
            return


def _set_up_writer(connection: sqlite3.Connection) -> None:
    """After a migration, whose sorting may need more than memory holds."""
    # Each savepoint keeps the pages that it changes. In a temporary file, rows of customers would
    # stand outside of the database, and a full disk there would stop the writer.
    connection.execute("pragma temp_store = memory")
    # 16 MiB: what a group of units changes is not written twice because it did not fit.
    connection.execute("pragma cache_size = -16384")
    # The writer looks again itself: SQLite's own waiting would hold up an event loop.
    connection.execute("pragma busy_timeout = 0")
