"""What reaches over tenants, while tenants write beside each other on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from functools import partial
from pathlib import Path

import orjson
import pytest
from actions.limits.limit_work import limited, refund
from support.shop_workspace import STORE_URLS, ShopWorkspace

from sayso.store.base import Reader, text

pytestmark = pytest.mark.promise("tenants:beside")

TENANTS = ("main", "north", "south")
TOGETHER = """
[[limit]]
id     = "customer-month"
say    = "A customer gets at most three refunds a month"
of     = "customer"
action = "shop.refund"
count  = 3
per    = "month"
across = "tenants"
"""


@pytest.fixture(autouse=True)
def rows_on_postgres(postgres_url: str) -> Generator[None]:
    """Shops of this module keep their rows on PostgreSQL."""
    STORE_URLS.append(postgres_url)
    yield
    STORE_URLS.remove(postgres_url)


async def ask_at_once(
    opened: ShopWorkspace, count: int, customer: str, start: int = 0
) -> list[str]:
    """How refunds of one customer end that all tenants ask for at the same moment."""
    asked = (
        refund(opened, tenant=TENANTS[at % 3], order=f"{customer}-{start + at}", customer=customer)
        for at in range(count)
    )
    return [view.status for view in await asyncio.gather(*asked)]


async def test_a_limit_over_all_tenants_holds_when_they_ask_at_once(tmp_path: Path) -> None:
    """Whoever counts together looks and reserves alone, in this process and beside another one."""
    async with limited(tmp_path, TOGETHER) as first:
        async with limited(
            tmp_path, TOGETHER, shop=first.shop, clock=first.clock, judge=False
        ) as second:
            found = await asyncio.gather(
                ask_at_once(first, 9, "cus_1"), ask_at_once(second, 9, "cus_1", 9)
            )
        assert sorted([*found[0], *found[1]]).count("succeeded") == 3
        assert sorted(await ask_at_once(first, 4, "cus_2")).count("succeeded") == 3


async def test_a_new_limit_over_all_tenants_holds_for_a_process_that_does_not_know_it(
    tmp_path: Path,
) -> None:
    """It has named one tenant by the version of before, and finds out in the transaction."""
    async with limited(tmp_path, "") as first:
        assert set(await ask_at_once(first, 3, "cus_1")) == {"succeeded"}
        async with limited(
            tmp_path, TOGETHER, shop=first.shop, clock=first.clock, judge=False
        ) as second:
            assert set(await ask_at_once(second, 1, "cus_1", 3)) == {"refused"}
            assert set(await ask_at_once(first, 3, "cus_1", 4)) == {"refused"}
            found = await ask_at_once(first, 6, "cus_2")
            found += await ask_at_once(second, 3, "cus_2", 6)
        assert found.count("succeeded") == 3


def intents(reader: Reader, tenant: str, start: int) -> tuple[int, int]:
    """How many entries a log has from there on, and how many of them are intents."""
    rows = reader.all("log.bodies", tenant=tenant, from_seq=start, limit=10_000)
    kinds = [orjson.loads(text(row, "body"))["kind"] for row in rows]
    return len(kinds), kinds.count("action.intent")


async def test_no_tenants_intent_follows_a_stop_of_all(tmp_path: Path) -> None:
    """Tenants act while it is engaged: it waits for their commits, and each later claim sees it."""
    async with limited(tmp_path, "") as opened:
        store = opened.sayso.container.store
        going = True

        async def act(tenant: str) -> None:
            number = 0
            while going:
                number += 1
                await refund(
                    opened, tenant=tenant, order=f"{tenant}{number}", customer=f"cus_{tenant}"
                )

        acting = [asyncio.ensure_future(act(tenant)) for tenant in TENANTS for _ in range(2)]
        while len(opened.shop.books.payouts) < 12:
            await asyncio.sleep(0)
        await opened.sayso.stops.engage(reason="INC-7")
        sizes = {
            tenant: (await store.read(partial(intents, tenant=tenant, start=0)))[0]
            for tenant in TENANTS
        }
        for tenant in TENANTS:
            while not await opened.sayso.actions.list(status="approved", tenant=tenant):
                await asyncio.sleep(0)
        going = False
        await asyncio.gather(*acting)
        for tenant in TENANTS:
            later, called = await store.read(partial(intents, tenant=tenant, start=sizes[tenant]))
            assert called == 0
            assert later
        assert opened.sayso.audit.verify().verdict == "verified"
