"""Priorities: who is served first when not everything can be run at once."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from pathlib import Path

import pytest
from dispatch.test_embedded import CountedStore, Queue
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.agent.base import Message
from sayso.errors import Code, RefusedError
from sayso.json import JsonValue
from sayso.money import Money
from sayso.store.queries import named_queries
from sayso.store.sqlite.schema import migrate
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import FakeClock


@pytest.fixture
async def queue(tmp_path: Path) -> AsyncGenerator[Queue]:
    """A bench with nothing due."""
    path = tmp_path / "sayso.db"
    store = CountedStore(SqliteStore(path, create=True))
    yield Queue(path=path, store=store, clock=FakeClock())
    await store.close()


def give(queue: Queue, item_id: str, priority: int) -> None:
    """Set the priority of one item."""
    queue.change(f"update request set priority = {priority} where id = '{item_id}'")


async def order(queue: Queue) -> list[str]:
    """What is due, in the order in which it is taken, one at a time."""
    await queue.dispatcher(at_once=1).drain()
    return queue.ran


@pytest.mark.promise("dispatch:priority")
async def test_who_waits_at_a_chat_is_served_before_older_batch_work(queue: Queue) -> None:
    """The higher priority first; among equals, who has waited for longest."""
    for at, (name, priority) in enumerate((("batch", 0), ("old", 5), ("chat", 7), ("new", 5))):
        queue.add(name, in_s=-10 + at)
        give(queue, name, priority)
    assert await order(queue) == ["chat", "old", "new", "batch"]


@pytest.mark.promise("dispatch:priority")
async def test_the_lowest_priority_is_not_kept_waiting_for_ever(queue: Queue) -> None:
    """Each step counts as 30 seconds: five minutes later a 0 is before a fresh 9."""
    queue.add("patient", in_s=-271)
    give(queue, "patient", 0)
    queue.add("urgent")
    give(queue, "urgent", 9)
    assert await order(queue) == ["patient", "urgent"]


async def test_a_high_priority_does_not_bring_forward_what_is_due_later(queue: Queue) -> None:
    """It orders what is due; nothing becomes due by it."""
    queue.add("later", in_s=1)
    give(queue, "later", 9)
    assert await order(queue) == []


@pytest.mark.parametrize("noun", ["action", "request"])
def test_a_million_rows_that_wait_are_not_looked_at(noun: str) -> None:
    """What is due is found by the index of ranks, not by sorting all that waits."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        sql = named_queries()[f"dispatch.due_{noun}"]
        plan = connection.execute(f"explain query plan {sql}", {"now": 0, "limit": 1}).fetchall()
    assert [row[3] for row in plan] == [f"SEARCH {noun} USING INDEX {noun}_rank (<expr><?)"]


async def stored(opened: ShopWorkspace, table: str) -> list[tuple[str, int]]:
    """The priorities of all rows."""
    with closing(sqlite3.connect(opened.workspace.store_path)) as connection:
        return connection.execute(f"select status, priority from {table} order by id").fetchall()


@pytest.mark.promise("dispatch:priority")
async def test_whoever_waits_is_before_whoever_does_not(tmp_path: Path) -> None:
    """7 for a chat and for a caller that waits, 5 else, and what was said where it was."""
    amount: dict[str, JsonValue] = {"amount_minor": 1000, "currency": "USD"}
    args: dict[str, JsonValue] = {"order": "o1", "amount": amount}
    async with open_shop(tmp_path) as opened:
        opened.shop.books.add("o1", "cus_1", Money(100_000, "USD"))
        sayso = opened.sayso
        await sayso.propose("shop.refund", args, subject="cus_1")
        await sayso.propose("shop.refund", args, subject="cus_1", wait=False)
        await sayso.propose("shop.refund", args, subject="cus_1", wait=False, priority=0)
        assert sorted(priority for _, priority in await stored(opened, "action")) == [0, 5, 7]
        await sayso.ask("cus_1", [Message(role="customer", content="hello")], wait_s=0)
        assert [priority for _, priority in await stored(opened, "request")] == [7]
        for wrong in (-1, 10):
            with pytest.raises(RefusedError) as caught:
                await sayso.propose("shop.refund", args, subject="cus_1", priority=wrong)
            assert caught.value.code is Code.INVALID_INPUT
