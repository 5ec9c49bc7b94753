"""Several tenants write at once on PostgreSQL, and what reaches beyond a tenant runs alone."""

from __future__ import annotations

import asyncio
import random
import secrets
import sys
import threading
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator, Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from audit.small_log import plain_entry, signer_of

from sayso.audit.authority.keyring import Keyring
from sayso.audit.authority.log_directory import Follower
from sayso.audit.log import AuditLog
from sayso.errors import SaysoError
from sayso.ids import Tenant
from sayso.store.base import Reader, Row, SqlValue, Store, Transaction, text
from sayso.store.postgres.store import PostgresStore
from sayso.store.postgres.transaction import ReachesBeyondError
from sayso.store.queries import numbered_queries
from sayso.testing.clock import FakeClock

pytestmark = pytest.mark.promise("tenants:beside")

WORKER = Path(__file__).with_name("postgres_worker.py")
LONG_S = 60.0
BESIDE = {
    # Read of the operator's log by each claim: entries are only added, and pruned alone.
    "log.head",
    "log.bodies",
    "segment.of_tenant",
    # One row, sealed for itself.
    "authority.note",
    # One row by its number; row-level security shows those of the tenant that is held.
    "outbox.lease",
    "outbox.sent",
    "outbox.keep",
    # Each process writes its own row, and all of them hold the same tenant.
    "process.put",
    "process.gone",
    "process.forget",
}


@pytest.fixture
async def opened(postgres_url: str) -> AsyncGenerator[Callable[[], PostgresStore]]:
    """Opens the database, again and again: each call is what another process would have."""
    stores: list[PostgresStore] = []

    def open_store() -> PostgresStore:
        stores.append(PostgresStore(postgres_url, busy_timeout_s=LONG_S))
        return stores[-1]

    yield open_store
    for store in stores:
        await store.close()


def append(tx: Transaction, tenant: str) -> int:
    """The next entry of a tenant's log; its index."""
    seq = len(tx.all("log.bodies", tenant=tenant, from_seq=0, limit=1_000_000))
    tx.run("log.append", tenant=tenant, seq=seq, body='{"kind":"x"}')
    return seq


def sizes(reader: Reader) -> dict[str, int]:
    """How many entries each log has."""
    tenants = [text(row, "tenant") for row in reader.all("log.tenants_to_verify")]
    return {
        tenant: len(reader.all("log.bodies", tenant=tenant, from_seq=0, limit=1_000_000))
        for tenant in tenants
    }


def rows_of(reader: Reader, tenant: str) -> list[Row]:
    """The entries of a tenant's log."""
    return reader.all("log.rows_to_verify", tenant=tenant, seq=0, limit=1_000_000)


class Held:
    """A unit that has begun, and ends when it is let go."""

    def __init__(self, store: Store, tenant: str | None) -> None:
        self._begun, self._go = threading.Event(), threading.Event()
        self.done = asyncio.ensure_future(store.write(self._work, about=tenant))

    def _work(self, tx: Transaction) -> None:
        tx.one("log.head", tenant="a")
        self._begun.set()
        assert self._go.wait(LONG_S)

    async def begun(self) -> Held:
        """Wait until it runs."""
        assert await asyncio.to_thread(self._begun.wait, LONG_S)
        return self

    async def end(self) -> None:
        """Let it commit."""
        self._go.set()
        await self.done


@pytest.mark.parametrize("same_process", [True, False])
async def test_tenants_do_not_wait_for_each_other(
    opened: Callable[[], PostgresStore], *, same_process: bool
) -> None:
    """While a unit about one tenant stands still, units about another one are committed."""
    first = opened()
    second = first if same_process else opened()
    held = await Held(first, "a").begun()
    async with asyncio.timeout(LONG_S):
        assert await second.write(partial(append, tenant="b"), about="b") == 0
        assert await second.write(partial(append, tenant="b"), tenant="b") == 1
    waiting = asyncio.ensure_future(second.write(partial(append, tenant="a"), about="a"))
    await second.write(partial(append, tenant="c"), about="c")
    assert not waiting.done()
    await held.end()
    assert await waiting == 0


@pytest.mark.parametrize("same_process", [True, False])
async def test_what_names_no_tenant_runs_beside_nobody(
    opened: Callable[[], PostgresStore], *, same_process: bool
) -> None:
    """It waits for every tenant's unit, and every tenant's unit waits for it."""
    first = opened()
    second = first if same_process else opened()
    held = await Held(first, "a").begun()
    alone = asyncio.ensure_future(second.write(partial(append, tenant="b")))
    await asyncio.wait([alone], timeout=0.2)
    assert not alone.done()
    await held.end()
    assert await alone == 0
    held = await Held(first, None).begun()
    beside = asyncio.ensure_future(second.write(partial(append, tenant="b"), about="b"))
    await asyncio.wait([beside], timeout=0.2)
    assert not beside.done()
    await held.end()
    assert await beside == 1


def reach(tx: Transaction, ran: list[int], *, hides: bool = False) -> dict[str, int]:
    """Write for one's own tenant, then look at everybody's log."""
    ran.append(append(tx, "a"))
    try:
        return sizes(tx)
    except ReachesBeyondError:
        if not hides:
            raise
        return {}


@pytest.mark.parametrize("hides", [False, True])
async def test_a_unit_that_reaches_beyond_its_tenant_is_run_again_alone(
    opened: Callable[[], PostgresStore], *, hides: bool
) -> None:
    """Nothing of its first run stays, whatever it made of it; those beside it in its commit do."""
    store, other = opened(), opened()
    await other.write(partial(append, tenant="b"), about="b")
    ran: list[int] = []
    held = await Held(other, "b").begun()
    units = [
        asyncio.ensure_future(one)
        for one in (
            store.write(partial(append, tenant="a"), about="a"),
            store.write(partial(reach, ran=ran, hides=hides), about="a"),
            store.write(partial(append, tenant="a"), about="a"),
        )
    ]
    assert {await units[0], await units[2]} == {0, 1}
    assert not units[1].done(), "it waits for the other tenant, whose log it wants to read"
    await held.end()
    assert await units[1] == {"a": 3, "b": 1}
    assert ran[-1] == 2
    assert len(ran) == 2
    assert await store.read(sizes) == {"a": 3, "b": 1}


async def test_what_comes_before_a_commit_may_reach_beyond_as_well(
    opened: Callable[[], PostgresStore],
) -> None:
    """Then all of the group run again, alone; one that had failed by itself keeps its error."""
    store = opened()
    held = await Held(store, "a").begun()  # so that the next three share a commit
    found: list[dict[str, int]] = []

    def late(tx: Transaction) -> int:
        tx.before_commit("look", lambda final: found.append(sizes(final)))
        return append(tx, "a")

    def fail(tx: Transaction) -> None:
        append(tx, "a")
        raise LookupError

    units = [
        asyncio.ensure_future(store.write(work, about="a"))
        for work in (partial(append, tenant="a"), fail, late)
    ]
    await asyncio.sleep(0)
    await held.end()
    done = await asyncio.gather(*units, return_exceptions=True)
    assert isinstance(done[1], LookupError)
    assert {done[0], done[2]} == {0, 1}
    assert found[-1] == {"a": 2}


def twice(tx: Transaction) -> bool:
    """Whether nobody writes while a unit looks at everybody's log."""
    return sizes(tx) == sizes(tx)


def test_every_query_that_may_run_beside_others_was_looked_at() -> None:
    """A new one names its tenant, or it says here why nobody can change what it reads meanwhile."""
    marked = {name for name, one in numbered_queries().items() if one.is_beside}
    assert marked == BESIDE


async def test_a_mixture_of_everything_never_locks_itself_up(
    opened: Callable[[], PostgresStore],
) -> None:
    """Four processes, five tenants and units that run alone: each log is whole, none waits long."""
    stores = [opened() for _ in range(4)]
    choose = random.Random(3)
    ran: list[int] = []

    async def one() -> None:
        store, tenant = choose.choice(stores), choose.choice("abcde")
        match choose.randrange(4):
            case 0:
                assert await store.write(twice)
            case 1:
                await store.write(partial(reach, ran=ran), about="a")
            case _:
                await store.write(partial(append, tenant=tenant), about=tenant)

    async with asyncio.timeout(LONG_S):
        await asyncio.gather(*(one() for _ in range(160)))
    rows = await stores[0].read(sizes)
    assert sum(rows.values()) > 80
    for tenant in rows:
        found = await stores[0].read(partial(rows_of, tenant=tenant))
        assert [row["seq"] for row in found] == list(range(rows[tenant]))


async def test_a_killed_process_loses_nothing_of_any_tenant(
    opened: Callable[[], PostgresStore], postgres_url: str
) -> None:
    """kill -9 while processes write for three tenants at once: what was told is there, in order."""
    chance = random.Random(5)
    told: dict[str, dict[str, list[int]]] = {}
    for batch in range(3):
        names = [f"w{batch}-{at}" for at in range(3)]
        processes = [
            await asyncio.create_subprocess_exec(
                *(sys.executable, str(WORKER), postgres_url, name, "100000", "a,b,c"), stdout=PIPE
            )
            for name in names
        ]
        for process in processes:
            assert process.stdout is not None
            for _ in range(chance.randrange(3, 12)):
                async with asyncio.timeout(LONG_S):
                    await process.stdout.readline()
            process.kill()
        for name, process in zip(names, processes, strict=True):
            assert process.stdout is not None
            said = (await process.stdout.read()).decode()
            await process.wait()
            for line in said[: said.rfind("\n") + 1].splitlines():
                tenant, seq = line.split()
                told.setdefault(tenant, {}).setdefault(name, []).append(int(seq))
    store = opened()
    for tenant in "abc":
        rows = await store.read(partial(rows_of, tenant=tenant))
        assert [row["seq"] for row in rows] == list(range(len(rows)))
        for name, numbers in told.get(tenant, {}).items():
            assert {text(rows[seq], "actor") for seq in numbers} == {name}
    assert await store.write(partial(append, tenant="a"), about="a") > 0


async def test_another_tenants_log_may_grow_while_a_unit_reads_it(
    opened: Callable[[], PostgresStore],
) -> None:
    """Each claim reads the operator's log: a head that is overtaken is no log that was put back."""
    store = opened()
    home, other = Tenant("home"), Tenant("b")
    log = AuditLog("acme", signer_of("acme", 1), FakeClock())
    follower = Follower(log, Keyring(secrets.token_bytes(32)))
    enter = partial(log.append, tenant=home, entry=plain_entry())
    await store.write(enter, about=home)
    read, grown = threading.Event(), threading.Event()

    def work(tx: Transaction) -> int:
        head = log.committed(tx, home)
        assert head is not None
        read.set()
        assert grown.wait(LONG_S)
        follower.at(tx, home)
        return head.size

    unit = asyncio.ensure_future(store.write(work, about=other))
    assert await asyncio.to_thread(read.wait, LONG_S)
    await store.write(enter, about=home)
    await store.read(lambda reader: follower.at(reader, home))
    assert follower.size(home) == 2
    grown.set()
    assert await unit == 1
    assert follower.size(home) == 2
    # A log that is really put back, and so has its old head however often it is read, is told of.
    old = await store.read(lambda reader: reader.one("log.head", tenant=home))
    await store.write(enter, about=home)
    await store.read(lambda reader: follower.at(reader, home))
    with pytest.raises(SaysoError, match="had 3 entries, and now it has 2"):
        await store.write(
            lambda tx: follower.at(cast("Transaction", PutBack(tx, old)), home), about=other
        )


class PutBack:
    """A transaction that finds the head of a log as it was before."""

    def __init__(self, tx: Transaction, head: Row | None) -> None:
        self._tx = tx
        self._head = head

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    def one(self, query: str, /, **params: SqlValue) -> Row | None:
        """The old head."""
        return self._head if query == "log.head" else self._tx.one(query, **params)
