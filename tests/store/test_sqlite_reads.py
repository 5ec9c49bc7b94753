"""Who reads a SQLite file with which connection, and what closing does to it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from sayso.errors import ConfigError
from sayso.store.base import Reader, Row
from sayso.store.sqlite.store import SqliteStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    """A store with nothing in it."""
    opened = SqliteStore(tmp_path / "sayso.db", create=True)
    yield opened
    await opened.close()


def tenants(reader: Reader) -> list[Row]:
    """A unit that reads."""
    return reader.all("log.tenants")


def times_open(path: Path) -> int:
    """How often this process has the file open."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [link.readlink() for link in links].count(path)


def writers() -> int:
    """How many stores of this process are open."""
    return [thread.name for thread in threading.enumerate()].count("sayso-write")


async def test_a_loop_that_ends_leaves_no_connection_behind(store: SqliteStore) -> None:
    """As many connections as units that read at once, however many threads have asked."""

    def read_elsewhere() -> None:
        asyncio.run(store.read(tenants, brief=True))

    counts: list[int] = []
    for _ in range(3):
        thread = threading.Thread(target=read_elsewhere)
        thread.start()
        await asyncio.get_running_loop().run_in_executor(None, thread.join)
        counts.append(times_open(store.path))
    assert counts == [counts[0]] * 3


async def test_who_reads_and_reads_lets_others_have_their_turn(store: SqliteStore) -> None:
    """A brief unit needs no thread, so nothing else would make its task pause."""
    others: list[int] = []
    asyncio.get_running_loop().call_soon(others.append, 1)
    await store.read(tenants, brief=True)
    assert others == [1]


async def test_closing_takes_no_connection_from_a_unit(store: SqliteStore) -> None:
    """SQLite ends the process when a connection goes under the statement of another thread."""
    reading, closed = threading.Event(), threading.Event()

    def work(reader: Reader) -> list[Row]:
        reading.set()
        assert closed.wait(10)
        return tenants(reader)

    there = asyncio.get_running_loop().run_in_executor(
        None, lambda: asyncio.run(store.read(work, brief=True))
    )
    while not reading.is_set():
        await asyncio.sleep(0)
    await store.close()
    closed.set()
    assert await there == []
    assert times_open(store.path) == 0


async def test_closing_waits_for_units_that_read_and_not_on_the_loop(store: SqliteStore) -> None:
    """The loop goes on meanwhile, which the unit may be waiting for."""
    reading, goes_on = threading.Event(), threading.Event()

    def work(reader: Reader) -> list[Row]:
        reading.set()
        assert goes_on.wait(10)
        return tenants(reader)

    there = asyncio.create_task(store.read(work))
    while not reading.is_set():
        await asyncio.sleep(0)
    writing = writers()
    closing = asyncio.create_task(store.close())
    while writers() == writing:  # others may be those of a test that has failed
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert not closing.done()
    goes_on.set()
    await closing
    assert await there == []


async def test_a_store_whose_closing_was_cancelled_is_closed_all_the_same(
    store: SqliteStore,
) -> None:
    """Whoever closes it once more waits until it is."""
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait({closing})
    await store.close()
    assert times_open(store.path) == 0
    with pytest.raises(ConfigError):
        await store.version()
