"""A failover: the server that takes writes is gone, and its standby takes over, under one URL."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from actions.steps import usd
from support.postgres import FAST
from support.postgres_server import PostgresServer, find_postgres
from support.shop import Shop
from support.shop_workspace import make_shop_workspace

from sayso.actions.engine.engine import Boundary
from sayso.errors import ConfigError, OutcomeUnknownError, RetryableError
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.store.base import Reader, Transaction
from sayso.store.postgres.schema import migrate_postgres
from sayso.store.postgres.store import PostgresStore
from sayso.testing.clock import FakeClock

WAITS_FOR_STANDBY = {**FAST, "synchronous_standby_names": "*", "synchronous_commit": "local"}
"""Our own sessions commit with `on`, so they wait for the standby; the default would not."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A server with a standby that has everything that was answered."""

    first: PostgresServer
    second: PostgresServer

    @property
    def url(self) -> str:
        """Of both: whichever takes writes."""
        hosts = f"{self.first.folder},{self.second.folder}"
        return f"postgresql://postgres@/postgres?host={hosts}"

    def fail_over(self) -> None:
        """The first one dies as in a crash, and the second one takes over."""
        self.first.stop("immediate")
        self.second.promote()
        self.second.run("postgres", "alter system set synchronous_standby_names = ''")
        self.second.run("postgres", "select pg_reload_conf()")


@contextmanager
def run_pair() -> Generator[Pair]:
    """Both, running; gone afterwards."""
    with ExitStack() as ends:
        servers: list[PostgresServer] = []
        for settings in (WAITS_FOR_STANDBY, FAST):
            folder = Path(tempfile.mkdtemp(prefix="sayso-pg-"))
            servers.append(PostgresServer(folder, find_postgres(), settings))
            ends.callback(_remove, servers[-1])
        first, second = servers
        first.create()
        first.start()
        second.create_standby(first)
        second.start()
        yield Pair(first, second)


def _remove(server: PostgresServer) -> None:
    with suppress(ConfigError):  # it may be stopped already
        server.remove()


@pytest.fixture
def pair() -> Generator[Pair]:
    """A pair of this test's own."""
    with run_pair() as found:
        yield found


def put(tx: Transaction, key: str) -> None:
    """A unit."""
    tx.run("log.meta_insert", key=key, value="v")


def has(reader: Reader, key: str) -> bool:
    """Whether it is stored."""
    return reader.one("log.meta", key=key) is not None


@pytest.mark.promise("store:failover")
async def test_what_was_answered_is_there_after_a_failover(pair: Pair) -> None:
    """Units under way while the server dies: at the new one if and only if `write` said so."""
    store = PostgresStore(pair.url, create=True)
    said: dict[str, bool] = {}
    warm, over = asyncio.Event(), asyncio.Event()

    async def one(key: str) -> None:
        try:
            await store.write(lambda tx: put(tx, key))
            said[key] = True
        except RetryableError:
            said[key] = False

    async def many() -> None:
        last: int | None = None
        for number in count(0, 10):
            await asyncio.gather(*(one(f"k{number + at}") for at in range(10)))
            if number >= 50:
                warm.set()
            if last is None and over.is_set():
                last = number + 50
            if last is not None and number >= last:
                return

    working = asyncio.create_task(many())
    await warm.wait()
    await asyncio.to_thread(pair.fail_over)
    over.set()
    await working
    assert all(said[key] for key in list(said)[-20:])
    for key, stored in said.items():
        assert await store.read(partial(has, key=key)) == stored, key
    await store.close()


@pytest.mark.promise("store:failover")
@pytest.mark.parametrize("boundary", [Boundary.AFTER_INTENT, Boundary.AFTER_CALL])
async def test_an_action_under_way_is_settled_at_the_new_server(
    pair: Pair, tmp_path: Path, boundary: Boundary
) -> None:
    """The server dies beside the call: the same process goes on, with one effect and receipt."""
    migrate_postgres(pair.url)
    workspace = make_shop_workspace(tmp_path, store={"url": pair.url})
    shop = Shop()
    shop.books.add("o1", "cus_1", Money(100_000, "USD"))

    def passing(at: Boundary) -> None:
        if at is boundary:
            pair.fail_over()

    clock = FakeClock()
    sayso = Sayso(workspace, mode="decide", connectors=[shop], clock=clock, passing=passing)
    async with sayso:
        try:
            view = await sayso.propose(
                "shop.refund",
                {"order": "o1", "amount": usd(2000)},
                subject="cus_1",
                idempotency_key="k",
            )
        except (RetryableError, OutcomeUnknownError):
            view = (await sayso.actions.list())[0]
        for _ in range(3):
            clock.advance(minutes=2)
            await sayso.container.engine.advance(sayso.container.tenant, view.id)
        view = await sayso.actions.get(view.id)
        assert view.status == "succeeded"
        assert len(shop.books.payouts) == 1
        assert sayso.audit.verify().verdict == "verified"
