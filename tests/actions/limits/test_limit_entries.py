"""What entries say of limits: enough that whoever reads the log adds them up anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from actions.limits.limit_work import TOKEN_HOUR, limited, refund
from actions.steps import assert_verified, decide, run_due, say, stock, submit_plan, usd
from support.shop_workspace import ShopWorkspace

from sayso.actions.model.plan import Step
from sayso.audit.verifier.verification import Check, Verdict
from sayso.errors import IntegrityError
from sayso.ids import Tenant

CARDS = """
[[limit]]
id    = "cards-customer"
say   = "At most 20 questions about one customer wait for people"
of    = "customer"
cards = 20
"""
pytestmark = pytest.mark.promise("limits:verified")


def _change(opened: ShopWorkspace, *statements: str) -> None:
    """What somebody does who can write the database: triggers off."""
    with closing(sqlite3.connect(opened.workspace.store_path)) as rows, rows:
        for (name,) in rows.execute("select name from sqlite_master where type = 'trigger'"):
            rows.execute(f"drop trigger {name}")
        for statement in statements:
            assert rows.execute(statement).rowcount > 0


async def _plan(opened: ShopWorkspace, *amounts: int) -> None:
    """A plan of so many refunds, of which each is judged."""
    stock(opened, *(f"o{at}" for at in range(len(amounts))))
    steps = [
        Step(id=f"s{at}", action="shop.refund", args={"order": f"o{at}", "amount": usd(minor)})
        for at, minor in enumerate(amounts)
    ]
    await submit_plan(opened, *steps)
    await run_due(opened)


@pytest.mark.parametrize("asking", range(6))
async def test_steps_judged_in_another_order_than_told_of_accuse_nobody(
    asking: int, tmp_path: Path
) -> None:
    """What waits only for the rest of its plan is judged last, and may be told of first."""
    async with limited(tmp_path, CARDS) as opened:
        await _plan(opened, *(60_000 if at == asking else 4_900 for at in range(6)))
        views = await opened.sayso.actions.list(limit=10)
        assert {view.status for view in views} == {"pending_approval"}
        entries = await opened.sayso.audit.query("kind:action.pending")
        told = [use["used"] for one in entries for use in one.body["data"]["limits"]]
        assert sorted(told) == [0, 1, 2, 3, 4, 5]
        assert_verified(opened)


@pytest.mark.promise("limits:by-log")
async def test_a_plan_excuses_no_counter_that_was_lowered(tmp_path: Path) -> None:
    """What stood in the log before the plan counts for each step; put back, the plan goes on."""
    async with limited(tmp_path, CARDS) as opened:
        await refund(opened, 60_000, order="before")
        _change(opened, "update limit_counter set count = 0")
        with pytest.raises(IntegrityError, match="cards-customer"):
            await _plan(opened, 4_900, 60_000, 4_900)
        _change(opened, "update limit_counter set count = 1")
        await run_due(opened)
        views = await opened.sayso.actions.list(limit=10)
        assert {view.status for view in views} == {"pending_approval"}
        assert_verified(opened)


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.parametrize(
    "change",
    [
        "update limit_use set minor = 1",
        "update limit_use set state = 'returned'",
        "update limit_use set bucket = 0",
        (
            "insert into limit_use select tenant, home, action_id, 7, limit_id, key, currency,"
            " bucket, count, minor, 'held', why, last_seq from limit_use"
        ),
    ],
)
async def test_a_use_that_was_changed_is_not_what_the_log_gives(
    change: str, tmp_path: Path
) -> None:
    """Amount, state and time of each follow from the entries about its action."""
    async with limited(tmp_path, TOKEN_HOUR, judge=False) as opened:
        await refund(opened, 50_000)
        _change(opened, change)
        found = opened.sayso.audit.verify()
    assert [one.check for one in found.all_findings] == [Check.STATE_REBUILT]


@pytest.mark.parametrize("tenant", ["main", "north"])
async def test_a_limit_that_comes_back_accuses_nobody(tenant: str, tmp_path: Path) -> None:
    """It counts from the ledger anew, also for tenants whose log tells of no policy."""
    ran = 0
    for text in (TOKEN_HOUR, "", TOKEN_HOUR, TOKEN_HOUR.replace("900", "800")):
        async with limited(tmp_path, text, judge=False) as opened:
            ran += 1
            order = f"o{ran}"  # each process has books of its own
            assert (await refund(opened, 10_000, order=order, tenant=tenant)).status == "succeeded"
            found = opened.sayso.audit.verify()
            assert found.verdict is Verdict.VERIFIED, (text, found.all_findings)


@pytest.mark.parametrize("tenant", ["main", "north"])
async def test_a_limit_that_comes_back_as_another_accuses_nobody(
    tenant: str, tmp_path: Path
) -> None:
    """It does not count what the earlier one of its id has counted."""
    async with limited(tmp_path, TOKEN_HOUR, judge=False) as opened:
        asked = await refund(opened, 60_000, order="o1", tenant=tenant)
        assert asked.approval is not None
        await decide(opened, replace(say(asked.approval), tenant=Tenant(tenant)))
    async with limited(tmp_path, "", judge=False) as opened:
        assert (await refund(opened, 2_000, order="o2", tenant=tenant)).status == "succeeded"
    automatic = TOKEN_HOUR + 'then = { ask = "support_manager" }\ncounts = "automatic"\n'
    async with limited(tmp_path, automatic, judge=False) as opened:
        assert (await refund(opened, 10_000, order="o3", tenant=tenant)).status == "succeeded"
        found = opened.sayso.audit.verify()
    assert found.verdict is Verdict.VERIFIED, found.all_findings


async def test_an_entry_tells_nobody_whose_limit_it_is(tmp_path: Path) -> None:
    """Of a customer it says the provider's account, beside the pseudonym, and no key."""
    limits = TOKEN_HOUR.replace('of     = "token"', 'of     = "customer"')
    async with limited(tmp_path, limits) as opened:
        await refund(opened, 5_000)
        (entry,) = [
            one.body["data"]["limits"]
            for one in await opened.sayso.audit.query("kind:action.approved")
            if "limits" in one.body["data"]
        ]
    (use,) = entry
    assert "key" not in use
    assert (use["of"], use["used"], use["cap"], use["hard"]) == ("customer", 0, 90_000, True)
    assert "cus_" not in str(use)
