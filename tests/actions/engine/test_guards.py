"""A guard that cannot be evaluated lets nothing through: one test for each of them.

Each time an action is ready to be called, one guard is broken by real means, and everybody tries:
the engine, the dispatcher and a new proposal. Once the guard is whole again the action runs, so
that it was the guard, and nothing else, that held it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from actions.steps import (
    ASKED,
    advance,
    assert_verified,
    bodies,
    decide,
    propose,
    run_due,
    say,
    shown,
    stock,
)
from support.shop import Shop, ShopFault
from support.shop_workspace import POLICY, ShopWorkspace, open_shop

from sayso.actions.model.definition import idempotent
from sayso.errors import IntegrityError, SaysoError
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import ActionView

pytestmark = pytest.mark.promise("guards:closed")

_FULL = "begin select raise(abort, 'database or disk is full'); end"
TROUBLES: dict[str, tuple[str, str]] = {
    "log": (
        f"create trigger trouble before insert on log_entry {_FULL}",
        "drop trigger trouble",
    ),
    "signed head": (
        f"create trigger trouble before update on log_head {_FULL}",
        "drop trigger trouble",
    ),
    "state": (
        f"create trigger trouble before update of fence on action {_FULL}",
        "drop trigger trouble",
    ),
    "stops": ("alter table stop rename to gone", "alter table gone rename to stop"),
    "rates": ("alter table rate rename to gone", "alter table gone rename to rate"),
    "votes": ("alter table vote rename to gone", "alter table gone rename to vote"),
    "approvals": ("alter table approval rename to gone", "alter table gone rename to approval"),
    "subjects": ("alter table subject rename to gone", "alter table gone rename to subject"),
    "history": (
        "alter table action rename column amount_minor to gone",
        "alter table action rename column gone to amount_minor",
    ),
    "the log's past": (
        "alter table log_entry rename column body to gone",
        "alter table log_entry rename column gone to body",
    ),
}
"""What breaks a guard in the database, and what mends it."""
BROKEN = (SaysoError, sqlite3.Error, OSError)


def sql(opened: ShopWorkspace, statement: str) -> None:
    """Run it as another program would."""
    with closing(sqlite3.connect(opened.workspace.store_path, isolation_level=None)) as other:
        other.execute("pragma legacy_alter_table = on")
        other.execute(statement)


@asynccontextmanager
async def ready(folder: Path) -> AsyncGenerator[tuple[ShopWorkspace, ActionView]]:
    """A shop with an action that a person approved and that nobody has begun."""
    rates = {"connectors": {"shop": "100/s"}}
    async with open_shop(folder, rates=rates) as opened:
        stock(opened, "o1", "o2")
        view = await propose(opened, ASKED)
        await decide(opened, say(await shown(opened, view)), wait=False)
        assert (await opened.sayso.actions.get(view.id)).status == "approved"
        yield opened, view


async def everybody_tries(opened: ShopWorkspace, view: ActionView) -> None:
    """Whoever could have it called does what it can."""
    for attempt in (
        advance(opened, view),
        run_due(opened),
        propose(opened, 2000, order="o2"),
    ):
        try:
            await attempt
        except BROKEN:
            continue


@pytest.mark.parametrize("guard", TROUBLES)
async def test_what_cannot_be_read_or_written_lets_nothing_through(
    guard: str, tmp_path: Path
) -> None:
    """The log, its head, the state, stops, rates, votes, approvals, subjects and the history."""
    async with ready(tmp_path) as (opened, view):
        trouble, mend = TROUBLES[guard]
        sql(opened, trouble)
        with pytest.raises(BROKEN):
            await advance(opened, view)
        await everybody_tries(opened, view)
        told = opened.shop.books.calls.copy()
        paid = [payout.reference for payout in opened.shop.books.payouts]
        sql(opened, mend)
        # What the policy allows by itself needs no vote, so of the two it may be called.
        assert told == [] or (guard == "votes" and view.id not in paid)
        await run_due(opened)
        assert (await advance(opened, view)).status == "succeeded"
        assert_verified(opened)


async def test_a_policy_that_fails_lets_nothing_through_and_the_no_is_recorded(
    tmp_path: Path,
) -> None:
    """Every rule that permits it ends in an error; what was approved before is judged anew."""
    async with ready(tmp_path) as (before, view):
        await propose(before, ASKED, order="o2")  # so that there is a history to add to
    fails = "context.count30d + 9223372036854775807 > 0 && context."
    overflow = POLICY.replace("context.amount", f"{fails}amount")
    overflow = overflow.replace("context.approvals", f"{fails}approvals")
    async with open_shop(tmp_path, policy=overflow, shop=before.shop, clock=before.clock) as opened:
        await everybody_tries(opened, view)
        assert opened.shop.books.calls == []
        assert (await opened.sayso.actions.get(view.id)).status == "refused"
        refused = [body["data"] for body in bodies(opened) if body["kind"] == "action.refused"]
        assert len(refused) == 2
        for data in refused:
            assert isinstance(data, dict)
            assert data["code"] == "policy_denied"
            assert data["errors"]


async def test_a_log_that_its_key_has_not_signed_gives_nobody_a_power(tmp_path: Path) -> None:
    """Who may what is read from the log at each decision and claim, and no answer is no yes."""
    async with open_shop(tmp_path) as opened:
        stock(opened, "o1", "o2")
        view = await propose(opened, ASKED)
        other = await shown(opened, await propose(opened, ASKED, order="o2"))
        await decide(opened, say(await shown(opened, view)), wait=False)
    added = "where body like '%person.added%' and body like '%noor%'"
    path = opened.workspace.store_path
    _change_body(path, f"replace(body, 'noor', 'nobo') {added}")
    async with open_shop(tmp_path, shop=opened.shop, clock=opened.clock) as later:
        with pytest.raises(IntegrityError):
            await advance(later, view)
        with pytest.raises(IntegrityError):
            await decide(later, say(other, "nobo"))
        assert opened.shop.books.calls == []
        _change_body(path, f"replace(body, 'nobo', 'noor') {added.replace('noor', 'nobo')}")
        assert (await advance(later, view)).status == "succeeded"


def _change_body(path: Path, change: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("drop trigger if exists log_entry_is_never_changed")
        changed = connection.execute(f"update log_entry set body = {change}")
        assert changed.rowcount == 1


async def test_without_its_signing_key_nothing_opens(tmp_path: Path) -> None:
    """What cannot be signed is not done: with no key, and with one that is none."""
    async with ready(tmp_path) as (opened, view):
        pass
    key = tmp_path / "keys" / "log.key"
    kept = key.read_text()
    for trouble in (key.unlink, lambda: key.write_text("PRIVATE+KEY+nonsense")):
        trouble()
        with pytest.raises(SaysoError):
            async with Sayso(opened.workspace, mode="run", connectors=[opened.shop]):
                pass
    assert opened.shop.books.calls == []
    key.write_text(kept)
    async with open_shop(tmp_path, shop=opened.shop, clock=opened.clock) as again:
        assert (await advance(again, view)).status == "succeeded"


# ---- the clock -----------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [10, 24 * 400])
async def test_a_clock_that_jumps_ahead_runs_nothing_whose_deadline_it_cannot_know(
    hours: int, tmp_path: Path
) -> None:
    """The approval's time is over by that clock, so it is asked again, and a yes is needed."""
    async with ready(tmp_path) as (opened, view):
        opened.clock.advance(hours=hours)
        assert (await advance(opened, view)).status == "pending_approval"
        assert opened.shop.books.calls == []
        assert "action.stale" in [body["kind"] for body in bodies(opened)]


async def test_a_clock_that_is_behind_runs_nothing(tmp_path: Path) -> None:
    """, over 30 s: first it waits, and what a resumption makes due is judged anew."""
    async with ready(tmp_path) as (opened, view):
        opened.clock.advance(hours=-1)
        assert (await advance(opened, view)).status == "approved"
        sql(opened, "update action set due_at = 1 where due_at is not null")
        held = await advance(opened, view)
        assert held.status == "pending_approval"
        assert opened.shop.books.calls == []
        stale = next(body for body in bodies(opened) if body["kind"] == "action.stale")
        data = stale["data"]
        assert isinstance(data, dict)
        assert "clock is behind" in str(data["reason"])
        await decide(opened, say(await shown(opened, view)), wait=False)
        assert (await advance(opened, view)).status == "succeeded"


@pytest.mark.parametrize("seconds", [0, 29])
async def test_a_clock_that_is_behind_by_little_holds_nothing_up(
    seconds: int, tmp_path: Path
) -> None:
    """Clocks differ by some seconds between machines."""
    async with ready(tmp_path) as (opened, view):
        opened.clock.advance(seconds=-seconds)
        sql(opened, "update action set due_at = 1 where due_at is not null")
        assert (await advance(opened, view)).status == "succeeded"


async def test_a_lost_call_is_not_made_again_by_a_clock_that_is_behind(tmp_path: Path) -> None:
    """Nobody can say whether the key is still known, or since when nothing is there."""
    shop = Shop(idempotent(hours=24, settle_after_s=60))
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened)
        shop.faults.append(ShopFault.LOST_BEFORE)
        view = await propose(opened, 2000)
        assert view.status == "unknown"
        calls = len(shop.books.calls)
        opened.clock.advance(hours=-2)
        sql(opened, "update action set due_at = 1 where due_at is not null")
        assert (await advance(opened, view)).status == "unknown"
        assert len(shop.books.calls) == calls
        for _ in range(6):
            opened.clock.advance(hours=1)
            await advance(opened, view)
        assert (await advance(opened, view)).status == "succeeded"
        assert len(shop.books.payouts) == 1
