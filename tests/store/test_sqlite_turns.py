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
from sayso.store.sqlite.store import SqliteStore, open_connection
from sayso.store.sqlite.writer import MAX_BRIEF
from sayso.store.units import MAX_GROUP, Unit, WaitingUnits


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


MANY = 2000


def many_rows(tx: Transaction) -> None:
    """Rows that one statement looks through, and others that one deletes."""
    for at in range(MANY):
        put(f"old{at}")(tx)
        names = {"tenant": "main", "ref": f"r{at}", "pseudonym": "sub_1"}
        tx.run("personal.seal", **names, nonce=b"n", ciphertext=b"c")


def look_through(reader: Reader) -> None:
    """A statement of some ten thousand steps of SQLite's machine."""
    assert reader.one("log.signing_key") is None


def long_unit(ran: list[bool]) -> Callable[[Reader], str]:
    """A unit of half a million steps; notes whether it ran here."""
    here = threading.get_ident()

    def work(reader: Reader) -> str:
        ran.append(threading.get_ident() == here)
        for _ in range(40):
            look_through(reader)
        return "done"

    return work


@pytest.mark.promise("store:brief")
async def test_a_unit_that_is_not_brief_after_all_is_run_again_on_the_thread(
    store: SqliteStore, watch: Watch
) -> None:
    """The loop must not wait for it, and nothing of the first try is left (docs/decisions/0019)."""
    await store.write(many_rows)
    ran: list[bool] = []
    much = long_unit(ran)
    order: list[str] = []

    def long_one(tx: Transaction) -> int:
        order.append("long")
        tx.before_commit("mine", lambda final: order.append("signed"))
        return put("long")(tx) if much(tx) else 0

    def last_one(tx: Transaction) -> int:
        order.append("last")
        return put("last")(tx)

    written = await asyncio.gather(
        store.write(put("first"), brief=True),
        store.write(long_one, brief=True),
        store.write(last_one, brief=True),
    )
    assert list(written) == [1, 1, 1]  # each key was free: what ran first is taken back
    assert ran == [True, False]
    assert order == ["long", "long", "last", "signed"]
    assert watch.count("commit") == 2


@pytest.mark.promise("store:brief")
async def test_a_statement_that_changes_much_is_no_brief_one_either(
    store: SqliteStore, watch: Watch
) -> None:
    """SQLite takes the whole transaction back where such a one is broken off."""
    await store.write(many_rows)
    here = threading.get_ident()
    ran: list[bool] = []

    def forget(tx: Transaction) -> int:
        ran.append(threading.get_ident() == here)
        return tx.run("erasure.delete_texts", tenant="main", pseudonym="sub_1", limit=99_999)

    forgotten = await asyncio.gather(
        store.write(put("k"), brief=True), store.write(forget, brief=True)
    )
    assert list(forgotten) == [1, MANY]
    assert ran == [True, False]
    assert await store.read(get("k"), brief=True) == "v"


@pytest.mark.promise("store:brief")
async def test_a_read_that_is_not_brief_after_all_goes_to_a_thread(store: SqliteStore) -> None:
    """As a unit that writes does; also where the unit itself would have caught it."""
    await store.write(many_rows)
    ran: list[bool] = []
    much = long_unit(ran)

    def catches(reader: Reader) -> str:
        try:
            return much(reader)
        except sqlite3.Error:
            return "broken off"

    assert await store.read(much, brief=True) == "done"
    assert await store.read(catches, brief=True) == "done"
    assert ran == [True, False] * 2


async def test_brief_units_are_counted_each_for_itself(store: SqliteStore) -> None:
    """A group of them may take longer than any of them."""
    await store.write(many_rows)
    here = threading.get_ident()
    ran: list[bool] = []

    def work(tx: Transaction) -> None:
        ran.append(threading.get_ident() == here)
        look_through(tx)

    await asyncio.gather(*(store.write(work, brief=True) for _ in range(MAX_BRIEF)))
    assert ran == [True] * MAX_BRIEF


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
    assert await here.run_in_executor(None, reached.wait, 60)
    for name in ("a", "b"):
        await here.run_in_executor(None, lose, name)
    opened.set()
    await first
    async with asyncio.timeout(60):
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
    assert await asyncio.get_running_loop().run_in_executor(None, reached.wait, 60)
    count = MAX_GROUP * 2 + 1
    waiting = [asyncio.ensure_future(store.write(put(f"k{at}"), brief=True)) for at in range(count)]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(store.close())
    for _ in range(200):
        await asyncio.sleep(0)
    assert not closing.done()
    opened.set()
    async with asyncio.timeout(60):
        assert await asyncio.gather(*waiting) == [1] * count
        await first
        await closing


async def test_the_loops_of_waiting_units_are_known_without_a_look_at_each() -> None:
    """As long as one of theirs waits, and no longer: a loop that has ended must not be kept."""
    units = WaitingUnits()

    async def add(count: int) -> list[Unit]:
        loop = asyncio.get_running_loop()
        made = [
            Unit(work=get("k"), tenant=None, brief=True, future=loop.create_future(), loop=loop)
            for _ in range(count)
        ]
        assert all(map(units.add, made))
        return made

    here = asyncio.get_running_loop()
    await add(2)
    there = await here.run_in_executor(None, lambda: asyncio.run(add(2)))
    assert units.loops() == {here, there[0].loop}
    first = units.take_some(2)
    assert units.loops() == {there[0].loop}
    units.put_back(first)
    first[0].future.cancel()
    assert units.loops() == {here, there[0].loop}
    assert units.take_some(2) == [first[1], there[0]]
    assert units.loops() == {there[0].loop}
    units.join([])
    assert units.loops() == set()
    await add(1)
    assert len(units.take_all()) == 1
    assert units.loops() == set()
