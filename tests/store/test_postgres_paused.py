"""A worker that stands still in the middle of a unit holds the others up for a bounded time."""

from __future__ import annotations

import asyncio
import threading

import pytest

from sayso.errors import Code, RetryableError
from sayso.store.base import Reader, Transaction, text
from sayso.store.postgres.store import PostgresStore

WAIT_S = 30.0
SETTINGS = {"idle_in_transaction_session_timeout": "300ms"}


def read_key(reader: Reader) -> str:
    """A statement whose answer is awaited, as every unit has them."""
    found = reader.one("log.meta", key="deployment")
    return "" if found is None else text(found, "value")


async def test_the_server_ends_a_writer_that_stands_still_between_two_statements(
    postgres_url: str,
) -> None:
    """docs/reference/stores.md: it is ended, and the others go on; its own unit was not done."""
    paused = PostgresStore(postgres_url, settings=SETTINGS)
    other = PostgresStore(postgres_url, busy_timeout_s=WAIT_S)
    stands, wakes = threading.Event(), threading.Event()

    def stand_still(tx: Transaction) -> str:
        read_key(tx)
        stands.set()
        assert wakes.wait(WAIT_S)
        return read_key(tx)

    writing = asyncio.create_task(paused.write(stand_still))
    standing = asyncio.create_task(asyncio.to_thread(stands.wait, WAIT_S))
    try:
        # On a busy machine it may be ended sooner, for having stood still before it was to.
        while not stands.is_set():
            await asyncio.wait({writing, standing}, return_when=asyncio.FIRST_COMPLETED)
            if writing.done() and not stands.is_set():
                writing = asyncio.create_task(paused.write(stand_still))
        assert await standing
        async with asyncio.timeout(WAIT_S / 2):
            await other.write(read_key)
        assert not writing.done()
        wakes.set()
        with pytest.raises(RetryableError) as caught:
            await writing
        assert caught.value.code is Code.STORE_UNAVAILABLE
    finally:
        wakes.set()
        await asyncio.gather(writing, return_exceptions=True)
        await other.close()
        await paused.close()
