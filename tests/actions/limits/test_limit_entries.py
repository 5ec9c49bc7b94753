"""What entries say of limits: enough that whoever reads the log adds them up anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from actions.limits.limit_work import TOKEN_HOUR, limited, refund
from support.shop_workspace import ShopWorkspace

from sayso.audit.verifier.verification import Check, Verdict

pytestmark = pytest.mark.promise("limits:verified")


def _change(opened: ShopWorkspace, *statements: str) -> None:
    """What somebody does who can write the database: triggers off."""
    with closing(sqlite3.connect(opened.workspace.store_path)) as rows, rows:
        for (name,) in rows.execute("select name from sqlite_master where type = 'trigger'"):
            rows.execute(f"drop trigger {name}")
        for statement in statements:
            assert rows.execute(statement).rowcount > 0


@pytest.mark.parametrize(
    "change",
    ["update limit_counter set settled_minor = 0", "delete from limit_counter"],
)
async def test_a_counter_that_was_lowered_lets_nothing_pass_unseen(
    change: str, tmp_path: Path
) -> None:
    """The server counts less and lets it pass; the log adds up more, and does not verify."""
    async with limited(tmp_path, TOKEN_HOUR, judge=False) as opened:
        assert (await refund(opened, 50_000)).status == "succeeded"
        assert opened.sayso.audit.verify().verdict is Verdict.VERIFIED
        _change(opened, change)
        if change.startswith("delete"):
            _change(opened, "delete from limit_use")
        assert (await refund(opened, 50_000)).status == "succeeded", "beyond $900 an hour"
        found = opened.sayso.audit.verify()
    assert Check.RULE_LIMIT in {one.check for one in found.all_findings}, found.all_findings


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
