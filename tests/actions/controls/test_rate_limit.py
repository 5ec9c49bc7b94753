"""Rates: a bucket that all workers share, taken from in the claim's own transaction."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import pytest
from actions.steps import assert_verified, bodies
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.controls.rate_limit import Rate
from sayso.errors import Code, ConfigError
from sayso.ids import to_micros
from sayso.money import Money
from sayso.settings import parse_settings

TWO = {"connectors": {"shop": "2/s"}}


@asynccontextmanager
async def limited(folder: Path, **rates: object) -> AsyncGenerator[ShopWorkspace]:
    """A shop with thirty customers and these rates."""
    async with open_shop(folder, rates=rates) as opened:
        for at in range(30):
            opened.shop.books.add(f"o{at}", f"c{at}", Money(100_000, "USD"))
        yield opened


async def refund(
    opened: ShopWorkspace, at: int, *, priority: int = 5, tenant: str | None = None
) -> str:
    """Have one customer's refund proposed and begun."""
    view = await opened.sayso.propose(
        "shop.refund",
        {"order": f"o{at}", "amount": {"amount_minor": 1000, "currency": "USD"}},
        subject=f"c{at}",
        priority=priority,
        tenant=tenant,
    )
    return view.id


async def states(opened: ShopWorkspace) -> Counter[str]:
    """How many actions are in each state."""
    return Counter(view.status for view in await opened.sayso.actions.list(limit=100))


def waits(opened: ShopWorkspace) -> list[int]:
    """In how many milliseconds each put-off action is due, in order."""
    with closing(sqlite3.connect(opened.workspace.store_path)) as connection:
        rows = connection.execute("select due_at from action where due_at is not null")
        now = to_micros(opened.clock.now())
        return sorted((row[0] - now) // 1000 for row in rows)


@pytest.mark.promise("rates:held")
async def test_no_more_calls_leave_than_the_rate_says(tmp_path: Path) -> None:
    """Two at once, then one each half second; what waits stays approved, and has no entry."""
    async with limited(tmp_path, **TWO) as opened:
        for at in range(6):
            await refund(opened, at)
        assert await states(opened) == {"succeeded": 2, "approved": 4}
        assert waits(opened) == [500, 1000, 1500, 2000]
        entries = len(bodies(opened))
        for done in range(3, 7):
            opened.clock.advance(seconds=0.499)
            await opened.sayso.container.dispatcher.drain()
            assert len(opened.shop.books.payouts) == done - 1
            opened.clock.advance(seconds=0.001)
            await opened.sayso.container.dispatcher.drain()
            assert len(opened.shop.books.payouts) == done
        assert len(bodies(opened)) == entries + 4 * 2
        assert_verified(opened)


@pytest.mark.promise("rates:shared")
async def test_all_workers_share_one_bucket(tmp_path: Path) -> None:
    """Two processes of one workspace: two calls leave, not four."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(limited(tmp_path, **TWO))
        second = await stack.enter_async_context(
            open_shop(tmp_path, shop=first.shop, clock=first.clock, rates=TWO)
        )
        for at in range(6):
            await refund((first, second)[at % 2], at)
        assert len(first.shop.books.payouts) == 2
        assert await states(second) == {"succeeded": 2, "approved": 4}


@pytest.mark.promise("rates:off")
async def test_without_a_rate_nothing_is_asked_or_kept(tmp_path: Path) -> None:
    """Off by default; another connector's rate does not concern this one."""
    async with limited(tmp_path, connectors={"stripe": "1/h"}) as opened:
        for at in range(5):
            await refund(opened, at)
        assert await states(opened) == {"succeeded": 5}
        with closing(sqlite3.connect(opened.workspace.store_path)) as connection:
            assert connection.execute("select * from rate").fetchall() == []


@pytest.mark.promise("rates:held")
async def test_each_tenant_has_its_own_bucket(tmp_path: Path) -> None:
    """One tenant's burst does not hold up another one; a tenant may have a rate of its own."""
    async with limited(tmp_path, tenant="1/s", tenants={"large": "3/s"}) as opened:
        for tenant, first in (("main", 0), ("other", 5), ("large", 10)):
            for at in range(4):
                await refund(opened, first + at, tenant=tenant)
        done = Counter(int(payout.order[1:]) // 5 for payout in opened.shop.books.payouts)
        assert done == {0: 1, 1: 1, 2: 3}


async def test_of_two_buckets_neither_is_taken_from_when_one_is_empty(tmp_path: Path) -> None:
    """A tenant that has to wait does not use up its connector's calls."""
    async with limited(tmp_path, tenant="1/m", connectors={"shop": "2/s"}) as opened:
        for at in range(3):
            await refund(opened, at)
        await refund(opened, 3, tenant="other")
        assert sorted(payout.order for payout in opened.shop.books.payouts) == ["o0", "o3"]


@pytest.mark.promise("rates:priority")
async def test_who_waits_at_a_chat_does_not_stand_in_the_line(tmp_path: Path) -> None:
    """The next call is theirs, whoever came before; and after five minutes everybody's turn is."""
    async with limited(tmp_path, connectors={"shop": "1/s"}) as opened:
        for at in range(10):
            await refund(opened, at, priority=0)
        await refund(opened, 10, priority=9)
        opened.clock.advance(seconds=1)
        await opened.sayso.container.dispatcher.drain()
        assert [payout.order for payout in opened.shop.books.payouts] == ["o0", "o10"]
        for at in range(11, 29):
            await refund(opened, at, priority=7)
            opened.clock.advance(seconds=1)
            await opened.sayso.container.dispatcher.drain()
        assert len(opened.shop.books.payouts) == 20
        opened.clock.advance(seconds=300)
        for _ in range(20):
            opened.clock.advance(seconds=1)
            await opened.sayso.container.dispatcher.drain()
        assert await states(opened) == {"succeeded": 29}


@pytest.mark.promise("rates:held")
@pytest.mark.parametrize("seconds", [-7200, 7200])
async def test_a_clock_that_jumps_neither_frees_nor_blocks_for_long(
    tmp_path: Path, seconds: int
) -> None:
    """Two hours back: a bucket is full after what it holds, not after two hours."""
    async with limited(tmp_path, **TWO) as opened:
        for at in range(2):
            await refund(opened, at)
        opened.clock.advance(seconds=seconds)
        for at in range(2, 8):
            await refund(opened, at)
        assert len(opened.shop.books.payouts) <= 4
        opened.clock.advance(seconds=700)
        await opened.sayso.container.dispatcher.drain()
        for _ in range(5):
            opened.clock.advance(seconds=1)
            await opened.sayso.container.dispatcher.drain()
        new = await refund(opened, 9)
        assert (await opened.sayso.actions.get(new)).status == "succeeded"


@pytest.mark.promise("rates:held")
@pytest.mark.parametrize("milliseconds", [-1, -300, -20_000])
async def test_a_worker_whose_clock_is_a_little_behind_empties_no_bucket(
    tmp_path: Path, milliseconds: int
) -> None:
    """Clocks differ: what another one has just taken stands in what is its future, and counts."""
    async with limited(tmp_path, **TWO) as opened:
        for at in range(2):
            await refund(opened, at)
        opened.clock.advance(milliseconds=milliseconds)
        for at in range(2, 5):
            await refund(opened, at)
        assert await states(opened) == {"succeeded": 2, "approved": 3}
        opened.clock.advance(milliseconds=-milliseconds)
        for paid in (3, 4, 5):
            opened.clock.advance(seconds=0.5)
            await opened.sayso.container.dispatcher.drain()
            assert len(opened.shop.books.payouts) == paid


@pytest.mark.parametrize(
    ("text", "every", "at_once"),
    [("25/s", 40_000, 25), ("1/s", 1_000_000, 1), ("100/m", 600_000, 1), ("7200/h", 500_000, 2)],
)
def test_a_rate_is_a_number_of_calls_in_a_time(text: str, every: int, at_once: int) -> None:
    """Spread evenly; at once leaves what one second allows."""
    assert Rate.parse(text) == Rate(every_micros=every, at_once=at_once)


@pytest.mark.parametrize("rate", ["0/s", "1.5/s", "10", "10/d", "", 10, "1000000000/s"])
def test_what_is_no_rate_is_refused(rate: object) -> None:
    """In every place where one can stand."""
    for table in (
        {"rates": {"tenant": rate}},
        {"rates": {"tenants": {"main": rate}}},
        {"connectors": {"stripe": {"rate": rate}}},
    ):
        with pytest.raises(ConfigError) as caught:
            parse_settings(table, "sayso.toml")
        assert caught.value.code is Code.INVALID_SETTING


def test_a_connectors_rate_is_not_for_the_connector_to_read() -> None:
    """It checks its other settings itself, and knows nothing of rates."""
    tables: dict[str, object] = {"connectors": {"stripe": {"rate": "25/s", "api_key": "env:K"}}}
    settings = parse_settings(tables, "sayso.toml")
    assert settings.connector_tables == {"stripe": {"api_key": "env:K"}}
