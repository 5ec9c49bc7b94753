"""A yes that nobody said: rows that were forged behind the engine's back run nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from actions.steps import (
    ASKED,
    MAIN,
    advance,
    bodies,
    decide,
    open_rows,
    propose,
    say,
    shown,
    stock,
)
from support.shop import ShopFault
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.errors import Code, IntegrityError
from sayso.sdk.views.rows import ActionView

VOTE = (
    "insert into vote select tenant, id, revision, ?1, 'approve', digest, 'cli', updated_at"
    " from approval where action_id = ?2"
)
APPROVED = (
    "update approval set status = 'approved' where action_id = ?",
    "update action set status = 'approved', due_at = 0 where id = ?",
)


def forge(workspace: ShopWorkspace, view: ActionView, *voters: str, approve: bool = False) -> None:
    """Write votes, and the states that they would have led to, without an entry."""
    rows: sqlite3.Connection = open_rows(workspace)
    try:
        for person in voters:
            rows.execute(VOTE, (person, view.id))
        for statement in APPROVED if approve else ():
            rows.execute(statement, (view.id,))
    finally:
        rows.close()


async def nothing_runs(workspace: ShopWorkspace, view: ActionView, problem: str) -> None:
    """The claim says what is wrong, the log holds it, and the provider hears nothing."""
    with pytest.raises(IntegrityError) as found:
        await workspace.sayso.container.engine.advance(MAIN, view.id)
    assert found.value.code is Code.TAMPERED
    assert problem in (found.value.detail or "")
    assert workspace.shop.books.calls == []
    assert bodies(workspace)[-1]["kind"] == "action.refused"


@pytest.mark.tampers("approvals are forged in the rows")
@pytest.mark.promise("approvals:bound")
async def test_an_approval_that_only_the_rows_know_of_runs_nothing(tmp_path: Path) -> None:
    """Invariant 1: the vote and both states are there, and no entry says that anybody agreed."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace)
        forge(workspace, view, "maria", approve=True)
        await nothing_runs(workspace, view, "the log has another status")


@pytest.mark.promise("approvals:bound")
@pytest.mark.parametrize("status", ["pending", "rejected", "expired", "superseded"])
async def test_an_approval_that_its_own_row_takes_back_is_no_yes(
    tmp_path: Path, status: str
) -> None:
    """Invariant 1: maria said yes and the log holds it, but the question does not stand as open."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace)
        await decide(workspace, say(await shown(workspace, view)), wait=False)
        rows = open_rows(workspace)
        rows.execute("update approval set status = ? where action_id = ?", (status, view.id))
        rows.close()
        assert (await advance(workspace, view)).status == "pending_approval"
        assert workspace.shop.books.calls == []
        assert "action.stale" in [body["kind"] for body in bodies(workspace)]


@pytest.mark.tampers("approvals are forged in the rows")
@pytest.mark.promise("approvals:bound")
async def test_a_forged_vote_does_not_fill_a_quorum(tmp_path: Path) -> None:
    """Invariant 1: one of the two who were needed said yes, the other's vote is only a row."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace, 60_000)
        card = await shown(workspace, view)
        forge(workspace, view, "finn")
        with pytest.raises(IntegrityError, match="a vote on the approval"):
            await decide(workspace, say(card, "maria"), wait=False)
        assert (await workspace.sayso.actions.get(view.id)).status == "pending_approval"
        assert workspace.shop.books.calls == []


@pytest.mark.tampers("approvals are forged in the rows")
@pytest.mark.promise("approvals:bound")
async def test_a_vote_that_is_forged_beside_a_true_one_fills_no_quorum(tmp_path: Path) -> None:
    """Invariant 1: maria's yes is in the log, finn's and the end of the question are only rows."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace, 60_000)
        await decide(workspace, say(await shown(workspace, view), "maria"), wait=False)
        forge(workspace, view, "finn", approve=True)
        await nothing_runs(workspace, view, "the log has another status")


@pytest.mark.tampers("approvals are forged in the rows")
@pytest.mark.promise("approvals:bound")
async def test_a_yes_to_an_earlier_revision_does_not_count_for_this_one(tmp_path: Path) -> None:
    """The entry carries another digest, so the copied vote stands for nothing."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace, 90_000)
        await decide(workspace, say(await shown(workspace, view), "finn"))
        workspace.shop.books.orders["o1"].refunded_minor = 1
        await decide(workspace, say(await shown(workspace, view), "noor"), wait=False)
        workspace.clock.advance(seconds=30)
        await workspace.sayso.container.engine.advance(MAIN, view.id)
        card = await shown(workspace, view)
        assert (card.revision, card.status) == (2, "pending")
        forge(workspace, view, "finn")
        with pytest.raises(IntegrityError, match="a vote on the approval"):
            await decide(workspace, say(card, "maria"), wait=False)
        assert workspace.shop.books.calls == []


async def test_real_votes_are_found_in_the_log(tmp_path: Path) -> None:
    """The check costs nobody their yes: two people, then an edit by one of them, and it runs."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace, 90_000)
        await decide(workspace, say(await shown(workspace, view), "finn"))
        await decide(workspace, say(await shown(workspace, view), "maria"))
        assert (await workspace.sayso.actions.get(view.id)).status == "succeeded"
        assert workspace.shop.books.paid_out_minor > ASKED


@pytest.mark.tampers("approvals are forged in the rows")
async def test_a_call_is_not_repeated_under_a_key_that_was_put_in_its_row(tmp_path: Path) -> None:
    """The key derives from the digest, so another one is no second try of the same call."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        workspace.shop.faults.append(ShopFault.LOST_BEFORE)
        view = await propose(workspace, 2000)
        assert view.status == "unknown"
        rows = open_rows(workspace)
        rows.execute("update action set call_key = 'sayso_0' where id = ?", (view.id,))
        rows.close()
        workspace.clock.advance(minutes=5)
        with pytest.raises(IntegrityError, match="tampered"):
            await workspace.sayso.container.engine.advance(MAIN, view.id)
        assert len(workspace.shop.books.calls) == 1
        assert bodies(workspace)[-1]["kind"] == "action.unknown"
