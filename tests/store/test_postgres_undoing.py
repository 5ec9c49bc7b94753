"""A savepoint that cannot be taken back: everybody of the group hears of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from functools import partial

import pytest

from sayso.errors import Code, ConfigError, RefusedError
from sayso.store.base import Reader, Row, SqlValue, Transaction
from sayso.store.postgres.connection import connect
from sayso.store.postgres.lines import WriterLines
from sayso.store.postgres.session import PostgresSession, ServerReply
from sayso.store.postgres.store import PostgresStore
from sayso.store.postgres.writer import PostgresWriter
from sayso.store.queries import Statement
from sayso.store.units import Unit

LONG_S = 30.0


class Unruly(PostgresSession):
    """A session whose server knows no savepoint to go back to."""

    def send(self, statement: Statement, values: Mapping[str, SqlValue] = {}) -> ServerReply:
        """Ask for another one."""
        if statement.name == "~undo":
            statement = Statement(name="~undo", sql="rollback to nowhere")
        return super().send(statement, values)


def put(tx: Transaction, key: str) -> None:
    """A unit that stores one row."""
    tx.run("log.meta_insert", key=key, value="v")


def refuse(tx: Transaction) -> None:
    """A unit that fails by itself."""
    put(tx, "refused")
    raise RefusedError(Code.INVALID_INPUT, "no")


def contradict(tx: Transaction) -> None:
    """A unit whose statement fails, so that its group is run again, apart."""
    tx.run("log.append", tenant="t", seq=7, body="{}")


@pytest.mark.parametrize("bad", [refuse, contradict])
async def test_nobody_waits_for_ever_when_a_unit_cannot_be_undone(
    postgres_url: str, bad: Callable[[Transaction], None]
) -> None:
    """Nothing of the group is stored, each of its waiters is told so, and the line goes on."""
    units, loop = WriterLines(), asyncio.get_running_loop()

    def hand_over(work: Callable[[Transaction], None]) -> asyncio.Future[None]:
        future: asyncio.Future[None] = loop.create_future()
        assert units.add(Unit(work=work, tenant=None, brief=False, future=future, loop=loop))
        return future

    waiting = [hand_over(partial(put, key="a")), hand_over(bad), hand_over(partial(put, key="b"))]
    writer = PostgresWriter(lambda: Unruly(connect(postgres_url)), units, lambda: None)
    thread = threading.Thread(target=writer.run, name="test writer", daemon=True)
    thread.start()
    try:
        async with asyncio.timeout(LONG_S):
            told = await asyncio.gather(*waiting, return_exceptions=True)
            await hand_over(partial(put, key="later"))
    finally:
        units.close()
        thread.join(LONG_S)
    assert all(isinstance(error, ConfigError) for error in told), told
    store = PostgresStore(postgres_url)
    for key in ("a", "refused", "b", "later"):
        row = await store.read(partial(find, key=key))
        assert (row is not None) == (key == "later"), key
    await store.close()


def find(reader: Reader, key: str) -> Row | None:
    """The row of a key."""
    return reader.one("log.meta", key=key)
