"""The clock of workers: the server's, whatever becomes of the machine's own."""

from __future__ import annotations

import asyncio

import pytest

from sayso.errors import Code, RetryableError
from sayso.ids import SystemClock, from_micros, to_micros
from sayso.store.clock import ServerClock, TimeSource
from sayso.store.postgres.store import PostgresStore
from sayso.testing.clock import FakeClock


class Server:
    """A server's clock, and this machine's steady one, as a test moves them."""

    def __init__(self) -> None:
        self.micros = 1_700_000_000_000_000
        self.steady = 5_000_000
        self.takes = 2_000
        self.down = False

    async def time(self) -> int:
        """Half of the way there, the time, half of the way back."""
        if self.down:
            raise RetryableError(Code.STORE_UNAVAILABLE, "away")
        self.advance(self.takes // 2)
        told = self.micros
        self.advance(self.takes // 2)
        return told

    def advance(self, micros: int) -> None:
        """Let time pass for both."""
        self.micros += micros
        self.steady += micros


def clock_of(server: Server, machine: FakeClock | None = None) -> ServerClock:
    """A clock on a machine whose own may say anything."""
    return ServerClock(steady=lambda: server.steady, before=machine or FakeClock())


@pytest.mark.promise("fleet:clock")
async def test_it_follows_the_server_and_never_this_machine() -> None:
    """Set once, this machine's clock may jump by hours."""
    server, machine = Server(), FakeClock()
    clock = clock_of(server, machine)
    assert clock.now() == machine.now()
    await clock.set_by(server)
    for jump in (3600, -7200, 86_400):
        machine.advance(seconds=jump)
        server.advance(1_000_000)
        assert to_micros(clock.now()) == server.micros


@pytest.mark.promise("fleet:clock")
async def test_the_servers_own_jump_is_followed_with_the_next_answer() -> None:
    """Such as after a failover; in between nothing is known of it."""
    server = Server()
    clock = clock_of(server)
    await clock.set_by(server)
    before = to_micros(clock.now())
    server.micros += 60_000_000
    assert to_micros(clock.now()) == before
    await clock.set_by(server)
    assert to_micros(clock.now()) == server.micros


async def test_an_answer_that_took_long_is_not_believed_over_a_better_one() -> None:
    """Half of what it took is the error; the first answer is taken whatever it took."""
    server = Server()
    clock = clock_of(server)
    server.takes = 4_000_000
    await clock.set_by(server)
    server.takes = 2_000
    await clock.set_by(server)
    good = server.micros - to_micros(clock.now())
    server.takes = 4_000_000
    server.micros += 1_000_000
    await clock.set_by(server)
    assert server.micros - to_micros(clock.now()) == good + 1_000_000


async def test_a_server_that_is_away_changes_nothing() -> None:
    """It goes on by the steady clock, and asks again."""
    server = Server()
    clock = clock_of(server)
    await clock.set_by(server)
    server.down = True
    following = asyncio.create_task(clock.follow(server, every_s=0))
    for _ in range(5):
        await asyncio.sleep(0)
    server.advance(9_000_000)
    assert to_micros(clock.now()) == server.micros
    assert not following.done()
    following.cancel()


async def test_postgresql_says_what_time_it_is(postgres_url: str) -> None:
    """By `clock_timestamp`, not by when a transaction began."""
    store = PostgresStore(postgres_url)
    assert isinstance(store, TimeSource)
    clock = ServerClock()
    await clock.set_by(store)
    here = to_micros(SystemClock().now())
    assert abs(to_micros(clock.now()) - here) < 30_000_000
    first, second = await store.time(), await store.time()
    assert first < second
    assert from_micros(first).tzinfo is not None
    await store.close()
