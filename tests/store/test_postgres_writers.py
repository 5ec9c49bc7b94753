"""Several writing processes on one PostgreSQL database, and processes that are killed."""

from __future__ import annotations

import asyncio
import random
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pytest

from sayso.errors import Code, RetryableError
from sayso.store.base import Transaction, text
from sayso.store.postgres.connection import connect_plainly
from sayso.store.postgres.store import PostgresStore
from sayso.store.postgres.writer import WRITER_LOCK

WORKER = Path(__file__).with_name("postgres_worker.py")
KILLS = 20
LONG_S = 60.0


async def start(url: str, name: str, count: int) -> Process:
    """A worker process."""
    return await asyncio.create_subprocess_exec(
        sys.executable, str(WORKER), url, name, str(count), stdout=PIPE
    )


async def told(process: Process) -> list[int]:
    """The whole lines that a worker has printed until its end."""
    assert process.stdout is not None
    said = (await process.stdout.read()).decode()
    await process.wait()
    return [int(line) for line in said[: said.rfind("\n") + 1].split()]


async def stored(url: str) -> list[str]:
    """Who wrote each entry of the shared log, by index."""
    store = PostgresStore(url)
    rows = await store.read(
        lambda reader: reader.all("log.rows_to_verify", tenant="shared", seq=0, limit=1_000_000)
    )
    await store.close()
    assert [row["seq"] for row in rows] == list(range(len(rows)))
    return [text(row, "actor") for row in rows]


async def test_two_processes_never_get_the_same_index(postgres_url: str) -> None:
    """Read, then write, in two processes at once: one writer at a time in the whole fleet."""
    processes = [await start(postgres_url, name, 60) for name in ("a", "b")]
    numbers = [await told(process) for process in processes]
    owners = await stored(postgres_url)
    assert sorted(numbers[0] + numbers[1]) == list(range(120))
    assert [owners[seq] for seq in numbers[0]] == ["a"] * 60


async def test_a_killed_writer_loses_nothing_that_it_was_told(postgres_url: str) -> None:
    """kill -9 at 20 random moments: what was answered is stored, and the others go on at once."""
    pause = random.Random(9)
    answers: dict[str, list[int]] = {}
    for batch in range(KILLS // 4):
        names = [f"w{batch}-{at}" for at in range(4)]
        processes = [await start(postgres_url, name, 100_000) for name in names]
        for process in processes:
            await first_lines(process, pause.randrange(1, 6))
            process.kill()
        for name, process in zip(names, processes, strict=True):
            answers[name] = await told(process)
    assert len(answers) == KILLS
    owners = await stored(postgres_url)
    for name, numbers in answers.items():
        assert {owners[seq] for seq in numbers} <= {name}
    assert len(set(flat(answers.values()))) == len(list(flat(answers.values())))


async def first_lines(process: Process, count: int) -> None:
    """Wait until a worker has printed some lines."""
    assert process.stdout is not None
    for _ in range(count):
        async with asyncio.timeout(LONG_S):
            await process.stdout.readline()


def flat(lists: Iterable[list[int]]) -> Iterable[int]:
    """All numbers of all lists."""
    return (number for numbers in lists for number in numbers)


def commits(url: str) -> int:
    """How many transactions the server has committed in this database by sessions that ended."""
    with connect_plainly(url) as connection:
        while connection.execute(OTHERS).fetchone() != (0,):
            continue
        row = connection.execute(
            "select xact_commit from pg_stat_database where datname = current_database()"
        ).fetchone()
    assert row is not None
    return int(row[0])


OTHERS = (
    "select count(*) from pg_stat_activity where datname = current_database()"
    " and pid <> pg_backend_pid()"
)


def put(tx: Transaction, key: str) -> None:
    """A unit of one statement."""
    tx.run("log.meta_insert", key=key, value="v")


async def test_units_that_wait_together_share_commits(postgres_url: str) -> None:
    """1,000 units that wait for one lock: a handful of commits, counted by the server."""
    before = commits(postgres_url)
    store = PostgresStore(postgres_url, busy_timeout_s=LONG_S)
    with connect_plainly(postgres_url) as other, other.transaction():
        other.execute("select pg_advisory_xact_lock(%s)", [WRITER_LOCK])
        writing = [
            asyncio.ensure_future(store.write(partial(put, key=f"k{at}"))) for at in range(1000)
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*writing)
    await store.close()
    made = commits(postgres_url) - before
    assert 4 <= made <= 32, made  # each with its notice, which is one of its own


async def test_a_writer_that_waits_too_long_says_busy(postgres_url: str) -> None:
    """Another process holds the lock for longer than we wait; nothing of the unit ran."""
    store = PostgresStore(postgres_url, busy_timeout_s=0.2)
    ran: list[int] = []
    with connect_plainly(postgres_url) as other:
        other.execute("select pg_advisory_lock(%s)", [WRITER_LOCK])
        with pytest.raises(RetryableError) as caught:
            await store.write(lambda tx: ran.append(1))
        other.execute("select pg_advisory_unlock(%s)", [WRITER_LOCK])
    assert caught.value.code is Code.STORE_BUSY
    assert ran == []
    await store.write(lambda tx: ran.append(2))
    assert ran == [2]
    await store.close()


WAITS = (
    "select count(*) from pg_locks join pg_database on pg_database.oid = database"
    " where datname = current_database() and locktype = 'advisory' and not granted"
)


async def test_units_that_come_while_the_lock_is_waited_for_share_its_commit(
    postgres_url: str,
) -> None:
    """A process takes its turn with all that waits by then, not with what came first."""
    store = PostgresStore(postgres_url, busy_timeout_s=LONG_S)
    with connect_plainly(postgres_url) as other:
        other.execute("select pg_advisory_lock(%s)", [WRITER_LOCK])
        waiting = [asyncio.ensure_future(store.write(partial(put, key="first")))]
        await asyncio.sleep(0)
        while other.execute(WAITS).fetchone() != (1,):
            continue
        more = (store.write(partial(put, key=f"later-{at}")) for at in range(7))
        waiting += [asyncio.ensure_future(one) for one in more]
        await asyncio.sleep(0)
        other.execute("select pg_advisory_unlock(%s)", [WRITER_LOCK])
        await asyncio.gather(*waiting)
        marks = other.execute("select number from sayso.commit_mark").fetchall()
    assert marks == [(1,)]
    await store.close()
