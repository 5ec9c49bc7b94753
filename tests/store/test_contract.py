"""What `sayso.store.base` promises, on every store."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from functools import partial

import pytest

from sayso.errors import Code, ConfigError, IntegrityError
from sayso.store.base import Reader, SqlValue, Store, Transaction, integer, text

OpenStore = Callable[[], Store]
LONG_S = 30.0


def put(key: str, value: str = "v") -> Callable[[Transaction], int]:
    """A unit that stores one value, unless the key has one."""
    return lambda tx: tx.run("log.meta_insert", key=key, value=value)


def get(key: str) -> Callable[[Reader], str | None]:
    """A unit that reads it."""

    def work(reader: Reader) -> str | None:
        row = reader.one("log.meta", key=key)
        return None if row is None else text(row, "value")

    return work


def enter(seq: int, tenant: str = "main") -> Callable[[Transaction], int]:
    """A unit that appends a bare entry."""
    body = f'{{"kind":"k","seq":{seq},"tenant":"{tenant}"}}'
    return lambda tx: tx.run("log.append", tenant=tenant, seq=seq, body=body)


@pytest.mark.promise("store:durable")
async def test_what_was_written_is_read_by_every_other_connection(stores: OpenStore) -> None:
    """When `write` returns, everybody sees the unit."""
    first, second = stores(), stores()
    await first.write(put("k"))
    assert await second.read(get("k")) == "v"


@pytest.mark.promise("store:unit")
async def test_a_unit_that_fails_takes_back_only_itself(store: Store) -> None:
    """Units that share a commit do not share a fate."""

    def fail(tx: Transaction) -> None:
        put("bad")(tx)
        raise LookupError("no")

    results = await asyncio.gather(
        store.write(put("a")), store.write(fail), store.write(put("b")), return_exceptions=True
    )
    assert isinstance(results[1], LookupError)
    found = [await store.read(get(key)) for key in ("a", "bad", "b")]
    assert found == ["v", None, "v"]


async def test_units_run_in_the_order_in_which_they_were_handed_over(store: Store) -> None:
    """One after the other, so that each sees what the one before did."""
    ran: list[int] = []

    def note(tx: Transaction, at: int) -> None:
        ran.append(at)

    await asyncio.gather(*(store.write(partial(note, at=at)) for at in range(50)))
    assert ran == list(range(50))


async def test_counts_say_whether_a_compare_and_set_won(store: Store) -> None:
    """`run` returns how many rows it changed."""

    def lease(owner: str) -> Callable[[Transaction], int]:
        return lambda tx: tx.run(
            "connection.lease_first", tenant="t", connection="c", owner=owner, until=9, now=1
        )

    assert await store.write(lease("a")) == 1
    assert await store.write(lease("b")) == 0


async def test_what_has_to_change_one_row_fails_its_unit_alone(store: Store) -> None:
    """A `(one row)` statement that finds none takes its unit back, and no other one."""

    def close(tx: Transaction) -> None:
        put("bad")(tx)
        tx.run(
            "approval.move",
            tenant="t",
            id="no",
            revision=1,
            status="approved",
            updated_at=1,
            last_seq=1,
        )

    results = await asyncio.gather(
        store.write(put("a")), store.write(close), store.write(put("b")), return_exceptions=True
    )
    assert isinstance(results[1], IntegrityError)
    assert results[1].code is Code.TAMPERED
    found = [await store.read(get(key)) for key in ("a", "bad", "b")]
    assert found == ["v", None, "v"]


async def test_a_statement_that_fails_fails_its_own_unit(store: Store) -> None:
    """Although nobody waits for its answer, and the next unit of the commit reads."""

    def skip_an_index(tx: Transaction) -> None:
        put("bad")(tx)
        tx.run("log.append", tenant="t", seq=7, body="{}")

    def read_and_put(tx: Transaction) -> str | None:
        found = get("a")(tx)
        put("b")(tx)
        return found

    results = await asyncio.gather(
        store.write(put("a")),
        store.write(skip_an_index),
        store.write(read_and_put),
        return_exceptions=True,
    )
    assert isinstance(results[1], IntegrityError)
    assert results[2] == "v"
    found = [await store.read(get(key)) for key in ("a", "bad", "b")]
    assert found == ["v", None, "v"]


async def test_what_is_said_to_be_read_next_is_read_as_it_is_then(store: Store) -> None:
    """In any order and number, also what nobody reads; a write in between is seen."""

    def work(tx: Transaction) -> list[str | None]:
        put("one")(tx)
        for key in ("one", "two", "three", "one"):
            tx.ahead("log.meta", key=key)
        found = [get("two")(tx), get("one")(tx), get("one")(tx)]
        tx.ahead("log.meta", key="two")
        put("two")(tx)
        return [*found, get("two")(tx), get("three")(tx)]

    assert await store.write(work) == [None, "v", "v", "v", None]
    assert await store.write(work) == ["v", "v", "v", "v", None]


async def test_a_reader_may_say_what_it_reads_next(store: Store) -> None:
    """The same outside of a transaction, and for the units after one that left answers unread."""
    await store.write(put("one"))

    def work(reader: Reader) -> list[str | None]:
        for key in ("one", "two", "three"):
            reader.ahead("log.meta", key=key)
        return [get("two")(reader), get("one")(reader), get("one")(reader)]

    for _ in range(9):  # more than there are threads that read
        assert await store.read(work) == [None, "v", "v"]


async def test_one_query_is_answered_for_each_of_several_parameters(store: Store) -> None:
    """In their order, also twice the same and where there is nothing."""
    keys = ("b", "none", "a", "b")

    def add(tx: Transaction) -> list[int]:
        for key, count in (("a", 1), ("b", 2)):
            tx.run(
                "limits.add",
                owner="main",
                limit_id="l",
                key=key,
                currency="",
                bucket=7,
                count=count,
                held=0,
                settled=0,
            )
        return read(tx)

    def read(reader: Reader) -> list[int]:
        asked: list[Mapping[str, SqlValue]] = [
            {"owner": "main", "limit_id": "l", "key": key, "currency": "", "oldest": 7}
            for key in keys
        ]
        assert reader.each("limits.used", []) == []
        return [integer(row, "count") for row in reader.each("limits.used", asked)]

    assert await store.write(add) == [2, 0, 1, 2]
    assert await store.read(read) == [2, 0, 1, 2]


@pytest.mark.promise("store:no-gap")
@pytest.mark.parametrize("seq", [1, -1, 5])
async def test_an_entry_with_another_index_than_the_next_is_refused(store: Store, seq: int) -> None:
    """The log has no gap and no second entry at an index."""
    with pytest.raises(IntegrityError) as caught:
        await store.write(enter(seq))
    assert caught.value.code is Code.TAMPERED
    await store.write(enter(0))
    with pytest.raises(IntegrityError):
        await store.write(enter(0))


@pytest.mark.promise("store:no-gap")
async def test_each_tenant_has_its_own_indexes(store: Store) -> None:
    """One tree per tenant."""
    await store.write(enter(0, "a"))
    await store.write(enter(0, "b"))
    await store.write(enter(1, "a"))
    rows = await store.read(
        lambda reader: reader.all("log.bodies", tenant="a", from_seq=0, limit=10)
    )
    assert [integer(row, "seq") for row in rows] == [0, 1]


async def test_a_read_sees_one_moment(stores: OpenStore) -> None:
    """What is committed while a read runs is not in it."""
    store = stores()
    loop = asyncio.get_running_loop()

    def work(reader: Reader) -> list[str | None]:
        before = get("k")(reader)
        asyncio.run_coroutine_threadsafe(store.write(put("k")), loop).result(10)
        return [before, get("k")(reader)]

    assert await store.read(work) == [None, None]
    assert await store.read(get("k")) == "v"


async def test_work_before_the_commit_is_done_once_per_key(store: Store) -> None:
    """Units that share a commit share it; a unit that failed asks for nothing."""
    signed: list[str] = []

    def unit(key: str, *, fails: bool = False) -> Callable[[Transaction], None]:
        def work(tx: Transaction) -> None:
            tx.before_commit(key, lambda final: signed.append(key))
            if fails:
                raise LookupError

        return work

    await asyncio.gather(
        *(store.write(unit(key)) for key in ("x", "x", "y")), return_exceptions=True
    )
    assert set(signed) == {"x", "y"}
    assert len(signed) <= 3


@pytest.mark.promise("store:signed")
async def test_a_failure_before_the_commit_fails_every_unit_of_it(store: Store) -> None:
    """Without a signature there is no entry."""

    def fail(final: Transaction) -> None:
        raise ZeroDivisionError

    def work(tx: Transaction) -> None:
        put("k")(tx)
        tx.before_commit("sign", fail)

    with pytest.raises(ZeroDivisionError):
        await store.write(work)
    assert await store.read(get("k")) is None


async def test_the_version_changes_with_every_process_that_commits(stores: OpenStore) -> None:
    """Wake-ups: nobody misses a commit, whoever made it."""
    ours, theirs = stores(), stores()

    async def changed(since: int) -> int:
        async with asyncio.timeout(60):
            while (now := await ours.version()) == since:
                await asyncio.sleep(0)
            return now

    seen = await ours.version()
    await ours.write(put("a"))
    seen = await changed(seen)
    await theirs.write(put("b"))
    await changed(seen)


async def test_text_numbers_and_bytes_come_back_as_they_were(store: Store) -> None:
    """Every kind of value, at its ends; ids are ordered by their bytes."""
    frontier = bytes(range(256))

    def work(tx: Transaction) -> None:
        tx.run("log.head_insert", tenant="ä🦊'\"\\", size=2**53, frontier=frontier)
        tx.run("log.head_insert", tenant="Z", size=-1, frontier=b"")
        tx.run("log.head_insert", tenant="a", size=0, frontier=b"\x00")

    await store.write(work)
    row = await store.read(lambda reader: reader.one("log.head", tenant="ä🦊'\"\\"))
    assert row == {"size": 2**53, "frontier": frontier, "note": "", "vkey": None, "policy": None}
    rows = await store.read(lambda reader: reader.all("log.tenants"))
    assert [text(row, "tenant") for row in rows] == ["Z", "a", "ä🦊'\"\\"]


async def test_a_closed_store_says_so_and_finishes_what_it_was_handed(stores: OpenStore) -> None:
    """`close` waits for what waits."""
    store = stores()
    waiting = [asyncio.ensure_future(store.write(put(f"k{at}"))) for at in range(20)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*waiting)
    calls = (
        partial(store.write, put("late")),
        partial(store.read, get("k0")),
        partial(store.read, get("k0"), brief=True),
    )
    for call in calls:
        with pytest.raises(ConfigError) as caught:
            await call()
        assert caught.value.code is Code.STORE_UNAVAILABLE


async def test_whoever_closes_once_more_waits_as_well(stores: OpenStore) -> None:
    """No `close` returns before the database is let go of, and none does it twice."""
    store = stores()
    begun, go_on = threading.Event(), threading.Event()

    def hold(tx: Transaction) -> None:
        begun.set()
        assert go_on.wait(LONG_S)

    writing = asyncio.ensure_future(store.write(hold, brief=False))
    first = asyncio.ensure_future(store.close())
    await asyncio.to_thread(begun.wait, LONG_S)
    second = asyncio.ensure_future(store.close())
    for _ in range(20):
        await asyncio.to_thread(int)
    assert not first.done()
    assert not second.done()
    go_on.set()
    async with asyncio.timeout(LONG_S):
        await asyncio.gather(writing, first, second)
        await store.close()
