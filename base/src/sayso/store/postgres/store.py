"""The store on PostgreSQL: one writer of a tenant at a time in the whole fleet."""

from __future__ import annotations

import asyncio
import logging
import selectors
import socket
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import psycopg

from sayso.errors import Code, ConfigError, SaysoError
from sayso.store.base import Reader, Transaction, integer
from sayso.store.postgres.connection import (
    AUDITOR_ROLE,
    PgConnection,
    connect,
    connect_plainly,
)
from sayso.store.postgres.errors import (
    ConnectionLostError,
    logged_with_state,
    read_only,
    store_error,
)
from sayso.store.postgres.examination import examine_part, read_parts
from sayso.store.postgres.lines import WriterLines
from sayso.store.postgres.replica import OwnRead, Replica, ReplicaPlan
from sayso.store.postgres.schema import check_version, migrate_postgres
from sayso.store.postgres.session import PostgresSession
from sayso.store.postgres.transaction import PostgresReader
from sayso.store.postgres.writer import CHANNEL, PostgresWriter, patiently
from sayso.store.queries import Statement
from sayso.store.replica import looking_now
from sayso.store.units import Unit

logger = logging.getLogger("sayso.store")
T = TypeVar("T")

_READERS = 4
WRITERS = 4
"""So many tenants are written for at once by one process, on a connection each."""
BUSY_TIMEOUT_S = 5.0
_READ_IDLE_TIMEOUT_S = 300
"""An export writes files between its queries, and holds nobody up."""
_BEGIN = Statement(
    name="~snapshot", sql="begin transaction isolation level repeatable read, read only"
)
_END = Statement(name="~end", sql="rollback")
_IS_AUDITOR = "select pg_has_role(current_user, %s, 'member')"
_TIME = Statement(
    name="~time", sql="select (extract(epoch from clock_timestamp()) * 1000000)::bigint as now"
)


class PostgresStore:
    """One PostgreSQL database, shared by any number of processes and machines.

    Args:
        url: `postgresql://…`; several hosts are tried until one takes writes.
        create: make or upgrade the schema first, instead of refusing another version.
        busy_timeout_s: how long a writer waits for the commits of others before it says
            `store_busy`, and a reader for a server that went away.
        settings: of the writing session, for what the schema itself looks at.
        only_reads: open it for reading alone, with sessions that the server holds to that.
        replica: a standby from which is read for calls that only look (`sayso.store.replica`).

    Raises:
        ConfigError: `store_version`, `store_unavailable`, `store_read_only`, `invalid_setting`.
        RetryableError: `store_unavailable`, while the server cannot be reached.

    Guarantees: units about one tenant run one after the other in all processes, those of one
    process in the order in which they were handed over, and those that wait together share one
    commit. A unit that is about no tenant in particular, or that reaches beyond its own, runs
    beside no other. A crash, of this
    process or of the server, loses only units whose `write` has not returned. A unit whose
    connection breaks fails with `store_unavailable` and is not stored; where the connection breaks
    while it commits, the database is asked whether it did.
    """

    def __init__(
        self,
        url: str,
        *,
        create: bool = False,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        settings: Mapping[str, str] = {},
        only_reads: bool = False,
        replica: ReplicaPlan | None = None,
    ) -> None:
        self._url = url
        self._only_reads = only_reads
        self._replica = None if replica is None else _replica_of(replica, self._read_own)
        self._settings = settings
        self._busy_timeout_s = busy_timeout_s
        if create:
            migrate_postgres(url)
        # Or the caller hears at once why there is none.
        session = _open_checked(url) if only_reads else self._open_writer()
        self._damage: SaysoError | None = None
        self._lines = WriterLines(WRITERS, self._add_writer)
        self._writers: list[PostgresWriter] = []
        self._threads: list[threading.Thread] = []
        self._listener = Listener(lambda: connect(url), CHANNEL, is_own=self._is_own)
        self._closing = threading.Lock()
        self._let_go = False
        self._local = threading.local()
        self._reading: list[PostgresSession] = []
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="sayso-read")
        if only_reads:
            self._reading.append(session)
            return
        self._lines.enter()
        self._add_writer(session)

    async def write(
        self,
        work: Callable[[Transaction], T],
        *,
        tenant: str | None = None,
        about: str | None = None,
        brief: bool = False,
    ) -> T:
        if self._only_reads:
            raise read_only("it was opened for reading alone")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        unit = Unit(work=work, tenant=tenant, about=about, brief=brief, future=future, loop=loop)
        if not self._lines.add(unit):
            raise _closed()
        try:
            done = await future
        except SaysoError as error:
            self._noted(error)
            raise
        call = looking_now()
        if call is not None and call.age_s is None:
            call.wrote = True
        return done

    async def read(
        self,
        work: Callable[[Reader], T],
        *,
        tenant: str | None = None,
        brief: bool = False,
    ) -> T:
        call = looking_now()
        if self._replica is None or call is None or brief:
            return await self._read_own(work, tenant)
        return await self._replica.read(call, work, tenant)

    async def _read_own(self, work: Callable[[Reader], T], tenant: str | None) -> T:
        return await self._on_thread(partial(self._read_now, work, tenant))

    async def replica_age(self) -> int | None:
        """See `sayso.store.replica.Replicated`."""
        return None if self._replica is None else await self._replica.age()

    async def version(self) -> int:
        return self._listener.number()

    async def time(self) -> int:
        """Microseconds since 1970, UTC, by the server's clock."""
        return await self._on_thread(self._time_now)

    @property
    def damage(self) -> SaysoError | None:
        """See `sayso.store.base.Examined`."""
        return self._damage

    def forget_damage(self) -> None:
        """See `sayso.store.base.Examined`."""
        self._damage = None

    async def parts(self) -> Sequence[str]:
        """See `sayso.store.base.Examined`."""
        return await self._on_thread(partial(self._told, partial(read_parts, self._url)))

    async def examine(self, part: str) -> None:
        """See `sayso.store.base.Examined`."""
        await self._on_thread(partial(self._told, partial(examine_part, self._url, part)))

    def _noted(self, meant: BaseException) -> BaseException:
        if isinstance(meant, SaysoError) and meant.code is Code.DAMAGED:
            self._damage = meant
        return meant

    async def check_room(self) -> None:
        """See `sayso.store.base.Roomed`."""

        def work(reader: Reader) -> None:
            reader.one("room.little_memory")
            reader.one("room.take")

        await self.read(work)

    async def close(self) -> None:
        self._lines.close()
        if self._replica is not None:
            await self._replica.close()
        await asyncio.get_running_loop().run_in_executor(None, self._shut_down)

    def _shut_down(self) -> None:
        """Blocks; whoever closes once more waits as well."""
        with self._closing:
            if self._let_go:
                return
            for thread in self._threads:
                thread.join()
            self._readers.shutdown(wait=True)
            for session in self._reading:
                session.close()
            self._listener.close()
            self._let_go = True

    async def _on_thread(self, work: Callable[[], T]) -> T:
        """What the work gives, on a thread for readers."""
        if self._lines.closed:
            raise _closed()
        try:
            reading = asyncio.get_running_loop().run_in_executor(self._readers, work)
        except RuntimeError as error:  # another loop has closed the store since we looked
            raise _closed() from error
        return await reading

    def _committed(self) -> None:
        self._listener.grow()

    def _is_own(self, pid: int) -> bool:
        return any(writer.backend_pid == pid for writer in self._writers)

    def _add_writer(self, session: PostgresSession | None = None) -> None:
        writer = PostgresWriter(self._open_writer, self._lines, self._committed, session)
        self._writers.append(writer)
        thread = threading.Thread(target=writer.run, name="sayso-write", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _open_writer(self) -> PostgresSession:
        waits = {"lock_timeout": f"{round(self._busy_timeout_s * 1000)}ms"}
        connection = connect(self._url, settings={**waits, **self._settings})
        try:
            check_version(connection)
        except BaseException:
            connection.close()
            raise
        return PostgresSession(connection)

    def _begin_read(self) -> PostgresSession:
        """This thread's session in a fresh snapshot; a connection that has died is replaced."""
        session: PostgresSession | None = getattr(self._local, "session", None)
        if session is None or session.is_lost:
            session = _open_session(self._url, only_reads=self._only_reads)
            self._local.session = session
            self._reading = [known for known in self._reading if not known.is_lost]
            self._reading.append(session)
        try:
            session.take_up()
        except psycopg.Error as error:  # of a unit that is over
            logger.debug("a snapshot ended with: %s", logged_with_state(error))
        session.begin(_BEGIN)
        return session

    def _time_now(self) -> int:
        def work(session: PostgresSession) -> int:
            return integer(session.rows(session.send(_TIME))[0], "now")

        return self._told(lambda: self._in_snapshot(work))

    def _read_now(self, work: Callable[[Reader], T], tenant: str | None) -> T:
        def attempt() -> T | ConnectionLostError:
            reader: PostgresReader | None = None

            def read(session: PostgresSession) -> T:
                nonlocal reader
                reader = PostgresReader(session, tenant)
                return work(reader)

            try:
                return self._in_snapshot(read)
            except ConnectionLostError as error:
                # A unit that has read nothing may be begun again; another may have done something
                # with what it read.
                if reader is None or not reader.has_read:
                    raise
                return error

        done = self._told(attempt)
        if isinstance(done, ConnectionLostError):
            raise store_error(done) from done
        return done

    def _told(self, attempt: Callable[[], T]) -> T:
        """Try while the server is away, and say in our words why it did not work."""
        try:
            return patiently(attempt, patience_s=self._busy_timeout_s)
        except Exception as error:
            meant = self._noted(store_error(error))
            if meant is error:
                raise
            raise meant from error

    def _in_snapshot(self, work: Callable[[PostgresSession], T]) -> T:
        session = self._begin_read()
        try:
            done = work(session)
        except BaseException:
            _end(session)
            raise
        try:
            session.leave(_END)
        except (psycopg.Error, ConnectionLostError):  # what was read stays true
            _end(session)
        return done


def _closed() -> ConfigError:
    return ConfigError(Code.STORE_UNAVAILABLE, "the database is closed")


@contextmanager
def open_reader(url: str, *, auditor: bool = False) -> Generator[Reader]:
    """One consistent snapshot on a connection of its own, for this thread; closed at the end.

    Errors of the database become errors of ours, as with `PostgresStore.read`.

    Args:
        auditor: act as `sayso_auditor`, if the login may, and take a server that only reads.
    """
    session = _open_auditor(url) if auditor else _open_session(url)
    try:
        session.send(_BEGIN)
        session.sync()
        yield PostgresReader(session, None)
    except (psycopg.Error, ConnectionLostError) as error:
        raise store_error(error) from error
    finally:
        session.close()


def _open_session(url: str, *, only_reads: bool = False) -> PostgresSession:
    settings = {"idle_in_transaction_session_timeout": f"{_READ_IDLE_TIMEOUT_S}s"}
    if only_reads:
        settings["default_transaction_read_only"] = "on"
    return PostgresSession(connect(url, writes=not only_reads, settings=settings))


def _open_checked(url: str) -> PostgresSession:
    settings = {"default_transaction_read_only": "on"}
    connection = connect(url, writes=False, settings=settings)
    try:
        check_version(connection)
    except BaseException:
        connection.close()
        raise
    return PostgresSession(connection)


def _replica_of(plan: ReplicaPlan, own: OwnRead) -> Replica:
    def opening() -> PostgresStore:
        # It is not waited for: whoever looks is answered by the primary.
        return PostgresStore(plan.url, only_reads=True, busy_timeout_s=0.0)

    return Replica(plan, opening, own)


def _open_auditor(url: str) -> PostgresSession:
    with connect_plainly(url, writes=False) as connection:
        found = connection.execute(_IS_AUDITOR, (AUDITOR_ROLE,)).fetchone()
    settings = {"idle_in_transaction_session_timeout": f"{_READ_IDLE_TIMEOUT_S}s"}
    if found and found[0]:
        settings["role"] = AUDITOR_ROLE
    return PostgresSession(connect(url, writes=False, settings=settings))


def _end(session: PostgresSession) -> None:
    """Let go of the snapshot, after an error too."""
    for _ in range(2):
        if session.is_lost:
            return
        try:
            session.send(_END)
            session.sync()
        except psycopg.Error:  # told by the unit already; the sync has cleared it
            _clear(session)
        except ConnectionLostError:
            return
        else:
            return


def _clear(session: PostgresSession) -> None:
    try:
        session.sync()
    except (psycopg.Error, ConnectionLostError):
        return


logger = logging.getLogger("sayso.store")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class Listener:
    """A number that grows with each commit; a thread listens once somebody asks for it.

    While the listening connection is down the number grows with each call, so that whoever waits
    for a change looks at the database itself.

    Args:
        connect: opens a connection in autocommit mode.
        channel: what to listen to.
        is_own: whether the notices of that process of the server are of no use to this one.
    """

    def __init__(
        self, connect: Callable[[], PgConnection], channel: str, is_own: Callable[[int], bool]
    ) -> None:
        self._connect = connect
        self._channel = channel
        self._is_own = is_own
        self._lock = threading.Lock()
        self._number = 0
        self._listening = False
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._wake_up, self._woken = socket.socketpair()

    def number(self) -> int:
        """The number now."""
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name="sayso-listen", daemon=True)
                self._thread.start()
            if not self._listening:
                self._number += 1
            return self._number

    def grow(self) -> None:
        """Count a commit of this process."""
        with self._lock:
            self._number += 1

    def close(self) -> None:
        """Stop listening and wait for the thread."""
        self._closing.set()
        self._wake_up.send(b"x")
        if self._thread is not None:
            self._thread.join()
        self._wake_up.close()
        self._woken.close()

    def _run(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._closing.is_set():
            try:
                with self._connect() as connection:
                    connection.execute(f"listen {self._channel}")  # pyright: ignore[reportArgumentType, reportCallIssue]
                    self._set_listening(True)
                    pause = _FIRST_PAUSE_S
                    self._listen(connection)
            except (psycopg.Error, SaysoError, OSError) as error:
                logger.info("not listening to the database: %s", logged_with_state(error))
            finally:
                self._set_listening(False)
            self._closing.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _set_listening(self, listening: bool) -> None:
        # Commits in between were not heard, so the number grows with every change of this.
        with self._lock:
            self._listening = listening
            self._number += 1

    def _listen(self, connection: PgConnection) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(connection.fileno(), selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._closing.is_set():
                selector.select()
                for notice in connection.notifies(timeout=0):
                    if not self._is_own(notice.pid):
                        self.grow()
