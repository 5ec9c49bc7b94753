"""Brief units: run on the event loop that hands them over, and nothing there waits for them."""

from __future__ import annotations

import asyncio
import contextvars
import sqlite3
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from sayso.errors import Code, ConfigError, RetryableError
from sayso.store.base import Reader, Transaction, text
from sayso.store.sqlite import SqliteStore, open_connection
from sayso.store.sqlite_writer import MAX_BRIEF
from sayso.store.units import MAX_GROUP


class Watch:
    """Which thread ran which statement of the writer."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, int]] = []

    def on(self, writer: sqlite3.Connection) -> None:
        """Begin to watch."""
        writer.set_trace_callback(lambda sql: self.ran.append((sql, threading.get_ident())))

    def threads(self, statement: str) -> set[int]:
        """Where a statement ran."""
        return {thread for sql, thread in self.ran if sql == statement}

    def count(self, statement: str) -> int:
        """How often it ran."""
        return [sql for sql, _ in self.ran].count(statement)


@pytest.fixture
def watch() -> Watch:
    """Watches the writer of `store`."""
    return Watch()


@pytest.fixture
async def store(tmp_path: Path, watch: Watch) -> AsyncGenerator[SqliteStore]:
    """A store with nothing in it."""
    opened = SqliteStore(tmp_path / "sayso.db", create=True, prepare=watch.on)
    yield opened
    await opened.close()


def put(key: str) -> Callable[[Transaction], int]:
    """A unit that stores a value, unless the key has one."""
    return lambda tx: tx.run("log.meta_insert", key=key, value="v")


def get(key: str) -> Callable[[Reader], str | None]:
    """A unit that reads it."""

    def work(reader: Reader) -> str | None:
        row = reader.one("log.meta", key=key)
        return None if row is None else text(row, "value")

    return work


async def test_a_brief_unit_runs_here_and_its_commit_does_not(
    store: SqliteStore, watch: Watch
) -> None:
    """What waits for the disk, and for a signer, must not hold up everybody else."""
    here = threading.get_ident()
    ran: dict[str, int] = {}

    def work(tx: Transaction) -> None:
        ran["unit"] = threading.get_ident()
        tx.before_commit("sign", lambda final: ran.update(sign=threading.get_ident()))

    await store.write(work, brief=True)
    assert ran["unit"] == here
    assert ran["sign"] != here
    assert watch.threads("begin immediate") == {here}
    assert here not in watch.threads("commit")


async def test_any_other_unit_runs_on_the_thread(store: SqliteStore, watch: Watch) -> None:
    """Also where a brief one shares its commit, and in the order in which they came."""
    here = threading.get_ident()
    ran: list[tuple[str, bool]] = []

    def unit(name: str) -> Callable[[Transaction], None]:
        return lambda tx: ran.append((name, threading.get_ident() == here))

    await asyncio.gather(
        store.write(unit("first"), brief=True),
        store.write(unit("long")),
        store.write(unit("last"), brief=True),
    )
    assert ran == [("first", False), ("long", False), ("last", False)]
    assert watch.count("commit") == 1


async def test_a_brief_unit_does_not_wait_for_another_process_here(
    store: SqliteStore, watch: Watch
) -> None:
    """The loop goes on while the file is locked, and the unit runs once it is not."""
    other = open_connection(store.path, create=False)
    other.execute("begin immediate")
    waiting = asyncio.create_task(store.write(put("k"), brief=True))
    while watch.count("begin immediate") < 5:
        await asyncio.sleep(0)
    assert not waiting.done()
    other.execute("rollback")
    other.close()
    assert await waiting == 1
    assert await store.read(get("k"), brief=True) == "v"


async def test_the_loop_gets_its_turn_between_many_brief_units(
    store: SqliteStore, watch: Watch
) -> None:
    """However many wait, so many run before everything else on the loop has its turn."""
    await asyncio.gather(*(store.write(put(f"k{at}"), brief=True) for at in range(MAX_BRIEF * 3)))
    assert watch.count("commit") == 3


async def test_units_of_two_loops_share_one_writer(store: SqliteStore) -> None:
    """Each loop is told of its own; whichever has the turn runs what the other has added."""

    async def write_some(name: str) -> list[int]:
        written: list[int] = []
        for at in range(0, 200, 4):
            keys = [f"{name}-{number}" for number in range(at, at + 4)]
            written += await asyncio.gather(
                *(store.write(put(key), brief=at % 3 > 0) for key in keys)
            )
        return written

    there = asyncio.get_running_loop().run_in_executor(
        None, lambda: asyncio.run(write_some("there"))
    )
    assert await write_some("here") == [1] * 200
    assert await there == [1] * 200
    found = [await store.read(get(f"{name}-199")) for name in ("here", "there")]
    assert found == ["v", "v"]


async def test_a_unit_sees_nothing_of_its_caller_but_its_transaction(store: SqliteStore) -> None:
    """Else the spans of one caller would be told of the units of another."""
    mine = contextvars.ContextVar("mine", default="nobody")
    mine.set("somebody")
    assert await store.write(lambda tx: mine.get(), brief=True) == "nobody"


async def test_a_brief_unit_that_was_cancelled_does_not_run(store: SqliteStore) -> None:
    """Nobody would hear of it."""
    waiting = asyncio.ensure_future(store.write(put("cancelled"), brief=True))
    other = asyncio.ensure_future(store.write(put("k"), brief=True))
    asyncio.get_running_loop().call_soon(waiting.cancel)
    await asyncio.wait([waiting, other])
    assert waiting.cancelled()
    assert await store.read(get("cancelled"), brief=True) is None
    assert await store.read(get("k"), brief=True) == "v"


async def test_a_full_disk_fails_everybody_in_the_group(tmp_path: Path) -> None:
    """`store_full`, whoever of them needed the room; then the writer goes on."""
    writers: list[sqlite3.Connection] = []
    store = SqliteStore(tmp_path / "sayso.db", create=True, prepare=writers.append)
    pages = writers[0].execute("pragma page_count").fetchone()[0]
    writers[0].execute(f"pragma max_page_count = {pages}")

    def much(tx: Transaction) -> int:
        return tx.run("log.meta_insert", key="much", value="v" * 1_000_000)

    results = await asyncio.gather(
        store.write(put("a"), brief=True),
        store.write(much, brief=True),
        store.write(put("b"), brief=True),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [ConfigError] * 3
    assert {result.code for result in results if isinstance(result, ConfigError)} == {
        Code.STORE_FULL
    }
    writers[0].execute("pragma max_page_count = 100000")
    assert await store.read(get("a"), brief=True) is None
    assert await store.write(much, brief=True) == 1
    await store.close()


async def test_a_brief_read_that_finds_the_file_locked_waits_on_a_thread(
    store: SqliteStore,
) -> None:
    """As while SQLite mends the index of its journal; the loop goes on meanwhile."""
    here = threading.get_ident()
    where: list[bool] = []

    def work(reader: Reader) -> str | None:
        where.append(threading.get_ident() == here)
        if where[-1]:
            raise sqlite3.OperationalError("database is locked")
        return get("k")(reader)

    await store.write(put("k"), brief=True)
    assert await store.read(work, brief=True) == "v"
    assert where == [True, False]


async def test_a_brief_read_says_what_is_wrong_with_it(store: SqliteStore) -> None:
    """Another error than a lock is no reason to try it again."""
    ran: list[int] = []

    def work(reader: Reader) -> None:
        ran.append(1)
        raise RetryableError(Code.PROVIDER_RATE_LIMITED, "not now")

    with pytest.raises(RetryableError):
        await store.read(work, brief=True)
    assert ran == [1]


async def test_units_of_loops_that_ended_are_run_and_the_turn_goes_on(store: SqliteStore) -> None:
    """Nobody else need write for it; and of several such loops each is looked after."""
    reached, opened = threading.Event(), threading.Event()

    def hold(tx: Transaction) -> None:
        reached.set()
        assert opened.wait(10)

    def lose(name: str) -> None:
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda loop, context: None)  # its task never ends
        lost.append(loop.create_task(store.write(put(name), brief=True)))
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    lost: list[asyncio.Task[int]] = []
    first = asyncio.ensure_future(store.write(hold))
    here = asyncio.get_running_loop()
    assert await here.run_in_executor(None, reached.wait, 10)
    for name in ("a", "b"):
        await here.run_in_executor(None, lose, name)
    opened.set()
    await first
    async with asyncio.timeout(10):
        while await store.read(get("b"), brief=True) is None:
            await asyncio.sleep(0)
        assert await store.write(put("k"), brief=True) == 1


async def test_closing_waits_for_its_turn_and_serves_every_group(store: SqliteStore) -> None:
    """However many wait, and while a commit is under way."""
    reached, opened = threading.Event(), threading.Event()

    def hold(tx: Transaction) -> None:
        reached.set()
        assert opened.wait(10)

    first = asyncio.ensure_future(store.write(hold))
    assert await asyncio.get_running_loop().run_in_executor(None, reached.wait, 10)
    count = MAX_GROUP * 2 + 1
    waiting = [asyncio.ensure_future(store.write(put(f"k{at}"), brief=True)) for at in range(count)]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(store.close())
    for _ in range(200):
        await asyncio.sleep(0)
    assert not closing.done()
    opened.set()
    async with asyncio.timeout(10):
        assert await asyncio.gather(*waiting) == [1] * count
        await first
        await closing
