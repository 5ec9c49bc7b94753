"""What the SQLite store adds to the contract: shared commits, and the errors of a file."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from sayso.errors import Code, ConfigError, IntegrityError, RetryableError, SaysoError
from sayso.store.base import Reader, SqlValue, Transaction, text
from sayso.store.sqlite.store import SqliteStore, open_connection

T = TypeVar("T")

# A token whose entry is not there: foreign keys are checked when the commit comes.
_ORPHAN: dict[str, SqlValue] = {
    "tenant": "main",
    "hash": b"h",
    "kind": "person",
    "holder": "maria",
    "scopes": "[]",
    "created_at": 0,
    "expires_at": 1,
    "last_seq": 77,
}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    """A store with nothing in it."""
    opened = SqliteStore(tmp_path / "sayso.db", create=True)
    yield opened
    await opened.close()


def put(key: str, value: str = "v") -> Callable[[Transaction], int]:
    """A unit that stores one value, unless the key has one."""
    return lambda tx: tx.run("log.meta_insert", key=key, value=value)


def get(key: str) -> Callable[[Reader], str | None]:
    """A unit that reads it."""

    def work(reader: Reader) -> str | None:
        row = reader.one("log.meta", key=key)
        return None if row is None else text(row, "value")

    return work


def orphan(tx: Transaction) -> None:
    """A unit whose foreign key is broken."""
    tx.run("token.insert", id="tok_1", **_ORPHAN)


class Gate:
    """Keeps the writing thread inside a unit, so that the next ones wait together."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def unit(self, tx: Transaction) -> None:
        """Wait until it is opened, a minute at most."""
        self.reached.set()
        assert self.opened.wait(60)

    async def shut(self, store: SqliteStore) -> asyncio.Future[None]:
        """Hand the unit over and wait until it runs."""
        waiting = asyncio.ensure_future(store.write(self.unit))
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(None, self.reached.wait, 60)
        return waiting


async def together(
    store: SqliteStore, *units: Callable[[Transaction], object]
) -> list[object | BaseException]:
    """Run the units in one group."""
    gate = Gate()
    first = await gate.shut(store)
    waiting = [asyncio.ensure_future(store.write(unit)) for unit in units]
    await asyncio.sleep(0)
    gate.opened.set()
    await first
    return await asyncio.gather(*waiting, return_exceptions=True)


async def test_units_that_wait_together_share_one_commit(store: SqliteStore) -> None:
    """Group commit (decision 2): a finisher runs once per commit, after all its units, in order."""
    ran: list[str] = []

    def unit(name: str) -> Callable[[Transaction], None]:
        def work(tx: Transaction) -> None:
            ran.append(name)
            tx.before_commit("sign", lambda final: ran.append("signed"))

        return work

    await together(store, *(unit(str(at)) for at in range(40)))
    assert ran == [*map(str, range(40)), "signed"]


async def test_what_a_failed_unit_asked_for_is_not_done(store: SqliteStore) -> None:
    """It takes back only itself (decision 2): also the work that it wanted before the commit."""
    done: list[str] = []

    def failing(tx: Transaction) -> None:
        put("bad")(tx)
        tx.before_commit("bad", lambda final: done.append("bad"))
        tx.before_commit("shared", lambda final: done.append("theirs"))
        raise LookupError("no")

    def good(tx: Transaction) -> int:
        tx.before_commit("shared", lambda final: done.append("ours"))
        return put("good")(tx)

    results = await together(store, put("a"), failing, good)
    assert [results[0], results[2]] == [1, 1]
    assert isinstance(results[1], LookupError)
    assert done == ["ours"]
    assert await store.read(get("bad")) is None
    assert await store.read(get("good")) == "v"


async def test_a_broken_foreign_key_is_the_fault_of_its_own_unit_only(store: SqliteStore) -> None:
    """It shows at the shared commit, and still takes back only itself (decision 2)."""
    results = await together(store, put("a"), orphan, put("b"))
    assert [results[0], results[2]] == [1, 1]
    assert isinstance(results[1], IntegrityError)
    assert results[1].code is Code.TAMPERED
    assert [await store.read(get(key)) for key in ("a", "b")] == ["v", "v"]


async def test_a_constraint_that_breaks_is_an_integrity_error(store: SqliteStore) -> None:
    """`tampered`, whichever statement found it: in the unit, before the commit, or at it."""

    def twice(tx: Transaction) -> None:
        tx.run("log.head_insert", tenant="t", size=0, frontier=b"")
        tx.run("log.head_insert", tenant="t", size=0, frontier=b"")

    def before(tx: Transaction) -> None:
        tx.before_commit("k", twice)

    for unit in (twice, before, orphan):
        with pytest.raises(IntegrityError) as caught:
            await store.write(unit)
        assert caught.value.code is Code.TAMPERED
        assert isinstance(caught.value.__cause__, sqlite3.IntegrityError)
    assert await store.read(lambda reader: reader.all("log.tenants")) == []


async def test_a_statement_that_is_wrong_harms_nobody_else(store: SqliteStore) -> None:
    """A missing parameter is one unit's mistake (decision 2)."""
    results = await together(store, put("a"), lambda tx: tx.run("log.meta_insert"), put("b"))
    assert [results[0], results[2]] == [1, 1]
    assert isinstance(results[1], SaysoError)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, StopIteration, LookupError])
async def test_whatever_a_unit_raises_reaches_its_waiter(
    store: SqliteStore, kind: type[BaseException]
) -> None:
    """No exception ends the writing thread, and nobody waits for ever."""

    def work(tx: Transaction) -> None:
        put("bad")(tx)
        raise kind

    with pytest.raises(BaseException) as caught:
        await bounded(store.write(work))
    error = caught.value
    assert isinstance(error, kind) or isinstance(error.__cause__, kind)
    assert await store.write(put("k")) == 1
    assert await store.read(get("bad")) is None


async def bounded(waiting: Awaitable[T]) -> T:
    """Wait a minute at most."""
    async with asyncio.timeout(60):
        return await waiting


async def test_the_last_waiter_hears_although_one_raised_stop_iteration(store: SqliteStore) -> None:
    """An exception that no future takes must not silence the units answered after it."""

    def stop(tx: Transaction) -> None:
        next(iter(()))

    async with asyncio.timeout(60):
        results = await together(store, stop, put("k"))
    assert isinstance(results[0], RuntimeError)
    assert results[1] == 1


async def test_a_unit_whose_waiter_is_cancelled_before_its_turn_does_not_run(
    store: SqliteStore,
) -> None:
    """Who was told that it was cancelled finds nothing stored."""
    gate = Gate()
    first = await gate.shut(store)
    waiting = asyncio.ensure_future(store.write(put("cancelled")))
    later = asyncio.ensure_future(store.write(put("k")))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    gate.opened.set()
    await first
    await later
    assert await store.read(get("cancelled")) is None


async def test_a_unit_that_is_cancelled_while_it_waits_for_a_lock_does_not_run(
    tmp_path: Path,
) -> None:
    """The same when the writer has it in hand and another process holds the file."""
    begun = threading.Event()

    def watch(statement: str) -> None:
        if statement == "begin immediate":
            begun.set()

    path = tmp_path / "sayso.db"
    store = SqliteStore(path, create=True, prepare=lambda writer: writer.set_trace_callback(watch))
    other = open_connection(path, create=False)
    other.execute("begin immediate")
    waiting = asyncio.ensure_future(store.write(put("cancelled")))
    assert await asyncio.get_running_loop().run_in_executor(None, begun.wait, 10)
    waiting.cancel()
    await asyncio.wait([waiting])
    other.execute("rollback")
    other.close()
    assert await store.write(put("k")) == 1
    assert await store.read(get("cancelled")) is None
    await store.close()


async def test_units_that_come_while_the_lock_is_waited_for_share_its_commit(
    tmp_path: Path,
) -> None:
    """Whoever waits for another process waits once, not once for each group."""
    begun = threading.Event()
    said: list[str] = []

    def watch(statement: str) -> None:
        said.append(statement)
        if statement == "begin immediate":
            begun.set()

    path = tmp_path / "sayso.db"
    store = SqliteStore(path, create=True, prepare=lambda writer: writer.set_trace_callback(watch))
    other = open_connection(path, create=False)
    other.execute("begin immediate")
    waiting = [asyncio.ensure_future(store.write(put("first")))]
    assert await asyncio.get_running_loop().run_in_executor(None, begun.wait, 10)
    waiting += [asyncio.ensure_future(store.write(put(f"later-{at}"))) for at in range(7)]
    await asyncio.sleep(0)
    other.execute("rollback")
    other.close()
    assert await asyncio.gather(*waiting) == [1] * 8
    assert said.count("commit") == 1
    await store.close()


async def test_a_store_with_only_cancelled_units_goes_on(store: SqliteStore) -> None:
    """A line of cancelled units is no end of the writing thread."""
    gate = Gate()
    first = await gate.shut(store)
    waiting = [asyncio.ensure_future(store.write(put(f"k{at}"))) for at in range(300)]
    await asyncio.sleep(0)
    for unit in waiting:
        unit.cancel()
    await asyncio.wait(waiting)
    gate.opened.set()
    await first
    assert await store.write(put("after")) == 1


async def test_a_unit_of_a_loop_that_ended_is_stored_and_disturbs_nobody(
    store: SqliteStore,
) -> None:
    """A closed loop cannot be told; the writing thread goes on."""
    gate = Gate()
    first = await gate.shut(store)

    def lose() -> None:
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda loop, context: None)  # its task never ends
        writing = loop.create_task(store.write(put("lost")))
        loop.run_until_complete(asyncio.sleep(0))
        lost.append(writing)
        loop.close()

    lost: list[asyncio.Task[int]] = []
    await asyncio.get_running_loop().run_in_executor(None, lose)
    gate.opened.set()
    await first
    assert await store.write(put("k")) == 1
    assert await store.read(get("lost")) == "v"


async def test_close_serves_what_waits_and_refuses_what_comes_after(tmp_path: Path) -> None:
    """`close` finishes what was handed over; then reads and writes say that it is closed."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    gate = Gate()
    first = await gate.shut(store)
    waiting = [asyncio.ensure_future(store.write(put(f"k{at}"))) for at in range(20)]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(store.close())
    await asyncio.sleep(0)
    gate.opened.set()
    await closing
    await first
    assert await asyncio.gather(*waiting) == [1] * 20
    for late in (lambda: store.write(put("late")), lambda: store.read(get("k"))):
        with pytest.raises(ConfigError) as caught:
            await late()
        assert caught.value.code is Code.STORE_UNAVAILABLE
    with pytest.raises(ConfigError):
        await store.version()
    await store.close()


async def test_a_commit_is_on_the_disk_before_anybody_hears_of_it(tmp_path: Path) -> None:
    """Durability: WAL, synchronous FULL (2) and foreign keys, on every connection that writes."""
    opened: list[sqlite3.Connection] = []
    store = SqliteStore(tmp_path / "sayso.db", create=True, prepare=opened.append)
    again = SqliteStore(tmp_path / "sayso.db", prepare=opened.append)
    for connection in opened:
        found = [
            connection.execute(f"pragma {name}").fetchone()[0]
            for name in ("synchronous", "journal_mode", "foreign_keys")
        ]
        assert found == [2, "wal", 1]
    assert len(opened) == 2
    await store.close()
    await again.close()


async def test_what_a_unit_changes_is_written_to_no_other_file(tmp_path: Path) -> None:
    """A savepoint's pages are customers' rows too (docs/how-to/erase-a-customer.md)."""
    writers: list[sqlite3.Connection] = []
    store = SqliteStore(tmp_path / "sayso.db", create=True, prepare=writers.append)
    await store.write(lambda transaction: fill(writers[0], "old"))

    opened = await store.write(lambda transaction: fill(writers[0], "new"))

    assert opened > {"sayso.db", "sayso.db-wal"}
    assert not {name for name in opened if "etilqs" in name}
    await store.close()


def fill(connection: sqlite3.Connection, word: str) -> set[str]:
    """Change two megabytes; returns the names of the files that are open by then."""
    connection.execute("create table if not exists filling (id integer primary key, word text)")
    connection.executemany(
        "insert or replace into filling values (?, ?)",
        ((number, word * 400) for number in range(2000)),
    )
    links = Path("/proc/self/fd").iterdir()
    return {link.readlink().name for link in links if link.is_symlink()}


async def test_a_file_that_is_locked_for_too_long_is_busy(tmp_path: Path) -> None:
    """`store_busy`, retryable, and nothing half done (errors.md)."""
    path = tmp_path / "sayso.db"
    store = SqliteStore(path, create=True, busy_timeout_s=0.05)
    other = open_connection(path, create=False)
    other.execute("begin immediate")
    results = await asyncio.gather(
        store.write(put("a")), store.write(put("b")), return_exceptions=True
    )
    for result in results:
        assert isinstance(result, RetryableError)
        assert result.code is Code.STORE_BUSY
    other.execute("rollback")
    other.close()
    assert await store.read(get("a")) is None
    assert await store.write(put("a")) == 1
    await store.close()


async def test_a_writer_goes_on_once_another_process_lets_the_file_go(tmp_path: Path) -> None:
    """It looks every millisecond, and does not wait longer the longer it has waited."""
    path = tmp_path / "sayso.db"
    writers: list[sqlite3.Connection] = []
    store = SqliteStore(path, create=True, prepare=writers.append)
    assert writers[0].execute("pragma busy_timeout").fetchone()[0] == 0
    other = open_connection(path, create=False)
    other.execute("begin immediate")
    tried: list[str] = []
    writers[0].set_trace_callback(tried.append)
    waiting = asyncio.create_task(store.write(put("a")))
    while tried.count("begin immediate") < 5:
        await asyncio.sleep(0)
    assert not waiting.done()
    other.execute("rollback")
    assert await waiting == 1
    other.close()
    await store.close()


async def test_a_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """`store_read_only`; reading goes on (errors.md)."""
    path = tmp_path / "sayso.db"
    store = SqliteStore(path, create=True)
    await store.write(put("k"))
    await store.close()
    store = SqliteStore(path, prepare=lambda writer: set_pragma(writer, "query_only = on"))
    with pytest.raises(ConfigError) as caught:
        await store.write(put("other"))
    assert caught.value.code is Code.STORE_READ_ONLY
    assert await store.read(get("k")) == "v"
    await store.close()


def set_pragma(connection: sqlite3.Connection, words: str) -> None:
    """Run one pragma."""
    connection.execute(f"pragma {words}").fetchall()


async def test_a_full_disk_loses_nothing_and_work_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    """`store_full`: nothing of the group is half done, and nothing needs a restart (errors.md)."""
    writers: list[sqlite3.Connection] = []
    store = SqliteStore(tmp_path / "sayso.db", create=True, prepare=writers.append)
    await store.write(put("before"))
    pages = int(writers[0].execute("pragma page_count").fetchone()[0])
    set_pragma(writers[0], f"max_page_count = {pages}")
    results = await together(store, put("a"), put("big", "x" * 1_000_000), put("b"))
    failed = [result for result in results if isinstance(result, BaseException)]
    assert failed
    for error in failed:
        assert isinstance(error, ConfigError)
        assert error.code is Code.STORE_FULL
    for key, result in zip(("a", "big", "b"), results, strict=True):
        stored = await store.read(get(key))
        assert (stored is None) == isinstance(result, BaseException), key
    assert await store.read(get("before")) == "v"
    set_pragma(writers[0], "max_page_count = 1073741823")
    assert await store.write(put("big", "x" * 1_000_000)) == 1
    await store.close()
