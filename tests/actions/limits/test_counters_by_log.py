"""A counter that was deleted, lowered or put back as it was lets nothing pass once more."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path

import pytest
from actions.limits.limit_attacks import FULL, LimitRows, limits_passed
from actions.limits.limit_work import TOKEN_HOUR, limited, refund
from actions.steps import MAIN, decide, say
from support.shop import ShopFault
from support.shop_workspace import ShopWorkspace
from support.sql import run_sql

from sayso.actions.controls.manual_resolution import ManualSettlement
from sayso.errors import Code, IntegrityError
from sayso.sdk.views.rows import ActionView

pytestmark = pytest.mark.promise("limits:by-log")

ATTACKS = (
    ("delete from limit_counter",),
    ("delete from limit_use", "delete from limit_counter"),
    ("update limit_counter set settled_minor = 0",),
    ("update limit_counter set settled_minor = 0", "update limit_use set minor = 0"),
    ("update limit_counter set settled_minor = settled_minor - 1",),
    ("update limit_counter set bucket = bucket - 3600000000",),
    ("update limit_counter set key = 'other'", "update limit_use set key = 'other'"),
    ("update limit_counter set limit_id = 'other'",),
)


async def _failed(opened: ShopWorkspace, view: ActionView) -> None:
    """A person has seen that nothing was done."""
    settlement = ManualSettlement(
        tenant=MAIN,
        action_id=view.id,
        outcome="failed",
        evidence="seen on the provider's page",
        receipt_id="",
        person="maria",
        via="test",
        credential="host",
    )
    await opened.sayso.container.settlements.settle(settlement)


async def tampered(work: Awaitable[object]) -> None:
    """Nothing comes of it, and whoever asked is told of the counter, and of the way out."""
    with pytest.raises(IntegrityError) as refused:
        await work
    assert refused.value.code is Code.TAMPERED
    assert "limit_counter" in (refused.value.next_step or "")


async def test_whatever_lowers_a_counter_lets_nothing_pass(tmp_path: Path, store_url: str) -> None:
    """Nothing is paid, and what is put back as it was goes on as if nothing had been."""
    async with limited(tmp_path, TOKEN_HOUR) as opened:
        assert (await refund(opened, 20_000)).status == "succeeded"
        older = LimitRows(store_url, opened)
        assert (await refund(opened, 40_000)).status == "succeeded"
        rows = LimitRows(store_url, opened)
        for attack in ATTACKS:
            rows.change(*attack)
            await tampered(refund(opened, 40_000))
            rows.put_back()
        older.put_back()
        await tampered(refund(opened, 40_000))
        rows.put_back()
        assert len(opened.shop.books.payouts) == 2
        assert (await refund(opened, 40_000)).status == "refused", "beyond $900 an hour"
        assert (await refund(opened, 30_000)).status == "succeeded"


async def test_no_column_of_a_row_has_a_limit_passed(tmp_path: Path) -> None:
    """Each is edited, rows are taken away, added, and put back as they were."""
    async with limited(tmp_path, FULL) as opened:
        tried = [one async for one in limits_passed(opened, "")]
        assert [attack for attack, paid in tried if paid] == []
        assert len(tried) > 50
        assert (await refund(opened, 20_000)).status == "succeeded"


@pytest.mark.parametrize(
    "of", ["customer", "instrument", "agent", "tenant", "connector", "workspace"]
)
async def test_it_holds_for_whomever_a_limit_is_of(tmp_path: Path, of: str) -> None:
    """Also with another salt, by which the keys of customers and instruments are others."""
    one = f"""
[[limit]]
id = "two"
say = "Two refunds in three days"
of = "{of}"
effect = "money_out"
count = 2
sum = {{ USD = 900 }}
rolling = "3d"
"""
    salt = "update meta set value = '00' where key = 'limit_salt'"
    async with limited(tmp_path, one) as opened:
        assert (await refund(opened)).status == "succeeded"
        opened.clock.advance(hours=30)
        assert (await refund(opened)).status == "succeeded"
        opened.clock.advance(hours=30)
        rows = LimitRows("", opened)
        ((kept,),) = run_sql("", opened, "select value from meta where key = 'limit_salt'")
        for attack in ATTACKS[:2]:
            rows.change(*attack)
            await tampered(refund(opened))
            rows.put_back()
    async with limited(tmp_path, one, clock=opened.clock, shop=opened.shop) as later:
        if of in {"customer", "instrument"}:
            run_sql("", later, salt)
            await tampered(refund(later))
            run_sql("", later, salt.replace("'00'", f"'{kept}'"))
    async with limited(tmp_path, one, clock=opened.clock, shop=opened.shop) as later:
        assert (await refund(later)).status == "refused"
        later.clock.advance(hours=30)
        assert (await refund(later)).status == "succeeded"


async def test_tenants_that_count_together_are_added_up(tmp_path: Path, store_url: str) -> None:
    """Each log knows its own part, and whoever decides reads them all."""
    across = TOKEN_HOUR + 'across = "tenants"\n'
    async with limited(tmp_path, across) as opened:
        for tenant in ("north", "south"):
            assert (await refund(opened, 40_000, tenant=tenant)).status == "succeeded"
        rows = LimitRows(store_url, opened)
        for attack in ATTACKS[:4]:
            rows.change(*attack)
            await tampered(refund(opened, 40_000))
            rows.put_back()
        assert (await refund(opened, 10_000)).status == "succeeded"


async def test_open_cards_are_counted_by_the_log(tmp_path: Path) -> None:
    """A flood of questions is no easier where the database is written."""
    cards = """
[[limit]]
id    = "cards"
say   = "At most two questions about one customer wait"
of    = "customer"
cards = 2
"""
    async with limited(tmp_path, cards) as opened:
        first, _ = [await refund(opened, 60_000, order=f"o{at}") for at in range(2)]
        rows = LimitRows("", opened)
        rows.change("delete from limit_use", "delete from limit_counter")
        await tampered(refund(opened, 60_000))
        rows.put_back()
        assert first.approval is not None
        await decide(opened, say(first.approval))
        assert (await refund(opened, 60_000)).status == "pending_approval"


async def test_an_agreed_one_and_a_soft_limit_go_by_the_log(tmp_path: Path) -> None:
    """A yes is refused where it would be counted by a lowered counter; so is one by itself."""
    soft = TOKEN_HOUR + 'then = { ask = "support_manager" }\n'
    async with limited(tmp_path, soft) as opened:
        assert (await refund(opened, 50_000)).status == "succeeded"
        asked = await refund(opened, 60_000)
        assert asked.approval is not None
        rows = LimitRows("", opened)
        rows.change("delete from limit_use", "delete from limit_counter")
        await tampered(decide(opened, say(asked.approval), wait=False))
        await tampered(refund(opened, 50_000))
        rows.put_back()
        assert len(opened.shop.books.payouts) == 1
        await decide(opened, say(asked.approval))
        assert len(opened.shop.books.payouts) == 2


@pytest.mark.parametrize("note", ["kept", "deleted"])
async def test_the_next_process_knows_it_as_well(tmp_path: Path, store_url: str, note: str) -> None:
    """By the note of the last one, or from the first entry on."""
    async with limited(tmp_path, TOKEN_HOUR) as opened:
        assert (await refund(opened, 50_000)).status == "succeeded"
        rows = LimitRows(store_url, opened)
        container = opened.sayso.container
        await container.directory.follower.leave_notes(container.store, worth=1)
    assert bool(run_sql(store_url, opened, "select size from authority"))
    if note == "deleted":
        rows.change("delete from authority")
    async with limited(tmp_path, TOKEN_HOUR, clock=opened.clock, shop=opened.shop) as later:
        rows.change("delete from limit_use", "delete from limit_counter")
        await tampered(refund(later, 50_000))
        rows.put_back()
        assert (await refund(later, 30_000)).status == "succeeded"


async def test_another_process_is_followed(tmp_path: Path, store_url: str) -> None:
    """What one has reserved the other knows; what one lets go of accuses nobody at the other."""
    async with limited(tmp_path, TOKEN_HOUR, judge=False) as one:
        opened = limited(tmp_path, TOKEN_HOUR, clock=one.clock, shop=one.shop)
        async with opened as other:
            assert (await refund(one, 10_000)).status == "succeeded"
            assert (await refund(other, 30_000)).status == "succeeded"
            one.shop.faults.append(ShopFault.LOST_BEFORE)
            lost = await refund(other, 30_000)
            assert lost.status == "unknown"
            assert (await refund(one, 30_000)).status == "refused"
            await _failed(other, lost)
            rows = LimitRows(store_url, one)
            assert (await refund(one, 10_000)).status == "succeeded"
            for who in (one, other):
                now = LimitRows(store_url, one)
                rows.put_back()
                await tampered(refund(who, 10_000))
                now.put_back()
            assert (await refund(other, 40_000)).status == "succeeded"


@pytest.mark.tampers("the database is written behind the log's back")
async def test_a_use_that_was_raised_takes_nothing_else_along(tmp_path: Path) -> None:
    """What is let go of is what was reserved, whatever the row says meanwhile."""
    async with limited(tmp_path, TOKEN_HOUR, judge=False) as opened:
        assert (await refund(opened, 50_000)).status == "succeeded"
        opened.shop.faults.append(ShopFault.LOST_BEFORE)
        lost = await refund(opened, 10_000)
        rows = LimitRows("", opened)
        rows.change(
            "update limit_use set minor = 60000 where state = 'held'",
            "update limit_counter set held_minor = 60000, settled_minor = 0",
        )
        await _failed(opened, lost)
        await tampered(refund(opened, 50_000))
