"""Lost connections and restarts: what `write` says is what the database holds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator
from functools import partial

import pytest
from support.faults.points import Points
from support.faults.postgres import PostgresCutter, Side, cutting_proxy, end_connections
from support.postgres import FAST
from support.postgres_server import PostgresServer, run_postgres

from sayso.errors import Code, RetryableError
from sayso.store.base import Reader, Transaction
from sayso.store.postgres.store import PostgresStore


@pytest.fixture(scope="module")
def own_server() -> Generator[PostgresServer]:
    """A server that these tests may restart."""
    with run_postgres(settings=FAST) as server:
        yield server


@pytest.fixture
def url(own_server: PostgresServer) -> str:
    """Its database."""
    return own_server.url()


def put(tx: Transaction, key: str) -> None:
    """A unit of a few statements, some of which nobody waits for."""
    assert tx.one("log.meta", key=key) is None
    tx.run("log.meta_insert", key=key, value="v")
    assert tx.one("log.meta", key=key) is not None


def has(reader: Reader, key: str) -> bool:
    """Whether it is stored."""
    return reader.one("log.meta", key=key) is not None


@pytest.mark.parametrize("side", ["request", "answer"])
async def test_a_lost_commit_is_looked_up_before_anybody_is_answered(
    own_server: PostgresServer, side: Side
) -> None:
    """The connection breaks while it commits: the database is asked whether it did."""
    with cutting_proxy(own_server) as cutter:
        store = PostgresStore(cutter.url(), create=True)
        key = f"commit-{side}"
        cutter.passing = Points(cutter.strike(side), name="Bind ~commit", at=1)
        if side == "answer":
            await store.write(lambda tx: put(tx, key))
        else:
            with pytest.raises(RetryableError) as caught:
                await store.write(lambda tx: put(tx, key))
            assert caught.value.code is Code.STORE_UNAVAILABLE
        assert cutter.cuts == 1
        assert await store.read(lambda reader: has(reader, key)) == (side == "answer")
        await store.close()


@pytest.mark.parametrize("side", ["request", "answer"])
async def test_a_connection_cut_at_any_message_never_makes_write_lie(
    own_server: PostgresServer, side: Side
) -> None:
    """Every message that a unit sends is cut once: stored if and only if `write` returned."""
    with cutting_proxy(own_server) as cutter:
        store = PostgresStore(cutter.url(), create=True)
        await store.write(lambda tx: put(tx, f"prepared-{side}"))
        cutter.passing = points = Points()
        await store.write(lambda tx: put(tx, f"counted-{side}"))
        messages = points.counted
        outcomes = [await _cut_at(store, cutter, at, side) for at in range(1, messages + 1)]
        assert cutter.cuts == messages
        assert True in outcomes
        assert False in outcomes
        await store.close()


async def _cut_at(store: PostgresStore, cutter: PostgresCutter, at: int, side: Side) -> bool:
    key = f"{side}-{at}"
    await store.write(lambda tx: None)
    cutter.passing = Points(cutter.strike(side), at=at)
    try:
        await store.write(lambda tx: put(tx, key))
    except RetryableError:
        stored = False
    else:
        stored = True
    cutter.passing = Points()
    assert await store.read(lambda reader: has(reader, key)) == stored
    return stored


@pytest.mark.parametrize("side", ["request", "answer"])
async def test_a_connection_that_breaks_while_it_is_made_can_be_made_again(
    own_server: PostgresServer, url: str, side: Side
) -> None:
    """Each message of its set-up is cut once: try again, it says; no setting is wrong."""
    await PostgresStore(url, create=True).close()
    with cutting_proxy(own_server) as cutter:
        opened: PostgresStore | None = None
        tries = 0
        while opened is None:
            tries += 1
            cutter.passing = Points(cutter.strike(side), at=tries)
            with contextlib.suppress(RetryableError):
                opened = PostgresStore(cutter.url())
        assert cutter.cuts == tries - 1 > 6
        cutter.passing = Points()
        await opened.close()


async def test_units_that_had_not_run_are_run_after_the_connection_is_back(
    own_server: PostgresServer, url: str
) -> None:
    """Only what had begun fails; the rest of the group waits for the new connection."""
    store = PostgresStore(url, create=True)
    ran: list[int] = []

    def unit(tx: Transaction, at: int) -> None:
        ran.append(at)
        if at == 1:
            end_connections(own_server)
        put(tx, f"later-{at}")

    results = await asyncio.gather(
        *(store.write(partial(unit, at=at)) for at in range(4)), return_exceptions=True
    )
    assert ran == [0, 1, 2, 3]
    kinds = [type(result) for result in results]
    assert kinds[1] is RetryableError
    assert kinds[2:] == [type(None), type(None)]
    for at, kind in enumerate(kinds):
        found = await store.read(partial(has, key=f"later-{at}"))
        assert found == (kind is type(None))
    await store.close()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_restarted_server_is_found_again(
    own_server: PostgresServer, url: str, mode: str
) -> None:
    """Between statements: nobody notices, readers, writers and listeners alike."""
    store = PostgresStore(url, create=True)
    await store.write(lambda tx: put(tx, f"before-{mode}"))
    await store.version()
    await asyncio.to_thread(own_server.restart, "immediate" if mode == "immediate" else "fast")
    assert await store.read(lambda reader: has(reader, f"before-{mode}"))
    await store.write(lambda tx: put(tx, f"after-{mode}"))
    assert await store.read(lambda reader: has(reader, f"after-{mode}"))
    await store.close()


async def test_a_reader_is_begun_again_only_while_it_has_read_nothing(
    own_server: PostgresServer, url: str
) -> None:
    """What a unit did with an answer is done; before the first one it has done nothing."""
    store = PostgresStore(url, create=True)
    await store.write(lambda tx: put(tx, "read"))
    begun: list[str] = []

    def cut_before(reader: Reader) -> bool:
        begun.append("before")
        if len(begun) == 1:
            end_connections(own_server)
        return has(reader, "read")

    def cut_between(reader: Reader) -> bool:
        begun.append("between")
        found = has(reader, "read")
        end_connections(own_server)
        return found and has(reader, "read")

    assert await store.read(cut_before)
    with pytest.raises(RetryableError) as caught:
        await store.read(cut_between)
    assert caught.value.code is Code.STORE_UNAVAILABLE
    assert begun == ["before", "before", "between"]
    assert await store.read(lambda reader: has(reader, "read"))
    await store.close()


async def test_a_server_that_crashes_in_the_middle_keeps_what_was_answered(
    own_server: PostgresServer, url: str
) -> None:
    """Units under way while it crashes: each is stored if and only if `write` returned."""
    store = PostgresStore(url, create=True)

    async def one(at: int) -> tuple[str, bool]:
        key = f"crash-{at}"
        try:
            await store.write(lambda tx: put(tx, key))
        except RetryableError:
            return key, False
        return key, True

    async def many() -> list[tuple[str, bool]]:
        found: list[tuple[str, bool]] = []
        for start in range(0, 2000, 20):
            found += await asyncio.gather(*(one(at) for at in range(start, start + 20)))
        return found

    working = asyncio.create_task(many())
    await asyncio.to_thread(own_server.restart, "immediate")
    said = await working
    for key, stored in said:
        assert await store.read(partial(has, key=key)) == stored, key
    assert any(stored for _, stored in said)
    await store.close()


async def test_the_version_moves_by_itself_while_nobody_listens(
    own_server: PostgresServer, url: str
) -> None:
    """Whoever waits for a change looks at the database itself until the listener is back."""
    store = PostgresStore(url, create=True, busy_timeout_s=0.2)
    await asyncio.to_thread(own_server.stop)
    try:
        assert await store.version() != await store.version()
        with pytest.raises(RetryableError) as caught:
            await store.read(lambda reader: has(reader, "x"))
        assert caught.value.code is Code.STORE_UNAVAILABLE
    finally:
        await asyncio.to_thread(own_server.start)
        await store.close()
