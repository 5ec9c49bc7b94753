"""A row that was changed for a moment is found before anything is signed on top of it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from actions.engine.test_engine import SMALL
from actions.steps import MAIN, decide, propose, run_due, say, shown, stock
from support.busy_shop import planner
from support.shop_workspace import open_shop
from support.sql import run_sql

from sayso.errors import IntegrityError, SaysoError

pytestmark = pytest.mark.promise("audit:momentary")

EDITS = {
    "subject_id": "'cus_2'",
    "requester": "'service:other'",
    "idempotency_key": "'another'",
    "fingerprint": "'another'",
    "fence": "fence + 1",
    "revision": "revision + 1",
    "args": "'{}'",
    "created_at": "created_at - 86400000000",
    "on_failure": "'undo'",
    "step": "'s9'",
    "name": "'shop.gift'",
}


@pytest.mark.parametrize("column", EDITS)
async def test_nothing_is_signed_on_top_of_a_row_that_was_changed(
    tmp_path: Path, store_url: str, column: str
) -> None:
    """Whoever changes it for a moment has nobody's yes; put back, the log verifies for ever."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        stock(opened, "o2", customer="cus_2")
        view = await propose(opened)
        card = await shown(opened, view)
        ((before,),) = run_sql(store_url, opened, f"select {column} from action")
        run_sql(store_url, opened, f"update action set {column} = {EDITS[column]}")
        with pytest.raises(SaysoError):
            await decide(opened, say(card), wait=False)
        kept = "null" if before is None else before if isinstance(before, int) else f"'{before}'"
        run_sql(store_url, opened, f"update action set {column} = {kept}")
        if (await opened.sayso.actions.get(view.id)).status == "pending_approval":
            await decide(opened, say(card))
            assert (await opened.sayso.actions.get(view.id)).status == "succeeded"
        else:  # it was ended, for a person to look at
            assert opened.shop.books.payouts == []
        assert opened.sayso.audit.verify(deep=True).exit_status == 0


@pytest.mark.tampers("the database is written behind the log's back")
async def test_an_older_row_that_is_put_back_is_paid_once(tmp_path: Path, store_url: str) -> None:
    """The row from before the call, with the very entry that told it: the log knows a newer one."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened)
        await decide(opened, say(await shown(opened, view)), wait=False)
        run_sql(store_url, opened, "create table kept as select * from action")
        await opened.sayso.container.dispatcher.run_now("action", MAIN, view.id)
        assert len(opened.shop.books.payouts) == 1
        run_sql(store_url, opened, "delete from limit_use")
        columns = "status, judgement, error, receipt, call_key, call_key_until, called_at, fence,"
        columns += " attempts, due_at, updated_at, last_seq, held_by, occupies"
        run_sql(
            store_url,
            opened,
            f"update action set ({columns}) = (select {columns} from kept)",
        )
        with contextlib.suppress(SaysoError):
            await opened.sayso.container.dispatcher.run_now("action", MAIN, view.id)
        assert len(opened.shop.books.payouts) == 1
        assert len(await opened.sayso.audit.query("kind:action.intent")) == 1


@pytest.mark.parametrize(
    "edit",
    [
        "update action set idempotency_key = 'another'",
        "delete from action",
    ],
)
async def test_a_retry_whose_row_was_changed_or_deleted_is_no_new_call(
    tmp_path: Path, store_url: str, edit: str
) -> None:
    """The log knows the key: nothing is judged or signed, and put back it is found again."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        first = await propose(opened, SMALL, key="once")
        assert (first.status, len(opened.shop.books.payouts)) == ("succeeded", 1)
        run_sql(store_url, opened, "create table kept as select * from action")
        run_sql(store_url, opened, edit)
        assert opened.sayso.audit.verify(deep=True).exit_status == 1
        with pytest.raises(IntegrityError, match="idempotency key"):
            await propose(opened, SMALL, key="once")
        assert len(opened.shop.books.payouts) == 1
        run_sql(store_url, opened, "delete from action")
        run_sql(store_url, opened, "insert into action select * from kept")
        again = await propose(opened, SMALL, key="once")
        assert again.id == first.id
        assert opened.sayso.audit.verify(deep=True).exit_status == 0


async def test_a_repeated_request_whose_row_was_changed_is_no_new_one(
    tmp_path: Path, store_url: str
) -> None:
    """Nor is an answer of the customer's whose key was deleted."""
    async with open_shop(tmp_path, planner=planner()) as opened:
        stock(opened, "o1")
        first = await opened.sayso.ask("cus_1", "give me back $11.00", idempotency_key="once")
        run_sql(store_url, opened, "update request set idempotency_key = 'another'")
        paid = len(opened.shop.books.payouts)
        with pytest.raises(IntegrityError, match="idempotency key"):
            await opened.sayso.ask("cus_1", "give me back $11.00", idempotency_key="once")
        assert len(opened.shop.books.payouts) == paid
        run_sql(store_url, opened, "update request set idempotency_key = 'once'")
        again = await opened.sayso.ask("cus_1", "give me back $11.00", idempotency_key="once")
        assert again.id == first.id
        assert opened.sayso.audit.verify(deep=True).exit_status == 0


APPROVAL = {
    "action_id": "(select id from action where id <> approval.action_id limit 1)",
    "revision": "revision + 1",
    "digest": "replace(digest, substr(digest, 1, 4), 'ffff')",
    "roles": "'[\"finance\"]'",
    "view": "replace(view, 'support_manager', 'finance')",
    "requester": "'person:maria'",
    "expires_at": "expires_at + 86400000000",
    "status": "'approved'",
    "created_at": "created_at - 86400000000",
    "request_id": "'req_00000000000000000000000000'",
    "reminded_seq": "1",
    "escalated_seq": "1",
    "erased_seq": "1",
}
"""Of a card that two people have to agree to, one of whom has."""
VOTE = {
    "person": "'noor'",
    "decision": "'reject'",
    "revision": "revision + 1",
    "digest": "'another'",
    "approval_id": "(select id from approval where id <> vote.approval_id limit 1)",
    "via": "'slack'",
    "at": "at - 86400000000",
}


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        *(("approval", column, value) for column, value in APPROVAL.items()),
        *(("vote", column, value) for column, value in VOTE.items()),
    ],
)
async def test_nothing_is_signed_on_top_of_a_card_or_a_vote_that_was_changed(
    tmp_path: Path, store_url: str, table: str, column: str, value: str
) -> None:
    """A second yes on a card that was another for a moment: refused, or what was shown is meant."""
    async with open_shop(tmp_path) as opened:
        stock(opened, "o7", "o2")
        view = await propose(opened, 60_000, order="o7")
        await propose(opened, order="o2")
        card = await shown(opened, view)
        await decide(opened, say(card, "maria"))
        run_sql(store_url, opened, f"create table kept as select * from {table}")
        where = f"where {'approval_id' if table == 'vote' else 'id'} = '{card.id}'"
        run_sql(store_url, opened, f"update {table} set {column} = {value} {where}")
        for person in ("maria", "finn"):
            with contextlib.suppress(SaysoError):
                await decide(opened, say(card, person), wait=False)
        assert opened.shop.books.payouts == []
        if table == "vote":
            approved = await opened.sayso.audit.query("kind:action.approved")
            assert not approved or column in {"digest", "via", "at"}
            run_sql(store_url, opened, "delete from vote where person <> 'finn' or revision > 1")
            run_sql(store_url, opened, "insert into vote select * from kept")
        else:
            run_sql(
                store_url,
                opened,
                f"update approval set {column} = (select {column} from kept where id = '{card.id}')"
                f" {where}",
            )
        await run_due(opened)
        found = opened.sayso.audit.verify(deep=True)
        assert found.exit_status == 0, found
        assert len(opened.shop.books.payouts) <= 1
