"""A writer that would store another thing than its entry says fails before anything is signed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sdk.customers import ANA
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.approvals.repository import (
    APPROVAL_COLUMNS,
    ApprovalStatus,
    get_approval,
    move_approval,
    read_approval,
)
from sayso.actions.model.action_row import (
    COLUMNS_WITH_ARGS,
    ActionRow,
    all_columns,
    get_action,
    read_action,
)
from sayso.actions.model.ledger import Ledger, entry_of
from sayso.actions.model.status import Status
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.audit.meaning import ROWS, Meant, differing
from sayso.audit.verifier.replay import BEGUN, FIRST, SAYS, SEQ
from sayso.audit.verifier.stored_rows import said_in
from sayso.errors import Code, IntegrityError
from sayso.money import Money
from sayso.store.base import Transaction

pytestmark = pytest.mark.promise("audit:one-meaning")
ACTOR = Actor(kind=ActorKind.SERVICE, id="test")


async def an_action(opened: ShopWorkspace) -> ActionRow:
    """One that has succeeded."""
    opened.shop.books.add("o1", ANA, Money(2_000, "USD"))
    view = await opened.sayso.propose("shop.refund", {"order": "o1"}, subject=ANA)
    tenant = opened.sayso.tenant
    rows = await opened.sayso.container.store.read(
        lambda reader: reader.all("log.whole_actions", tenant=tenant, id=view.id, limit=1)
    )
    return read_action(rows[0])


async def unsaid(opened: ShopWorkspace, work: Callable[[Transaction], object]) -> IntegrityError:
    """What a unit fails with; nothing of it is stored, and the log grows afterwards."""
    audit, tenant = opened.sayso.audit, opened.sayso.tenant
    before = len(await audit.tail(100))
    with pytest.raises(IntegrityError) as caught:
        await opened.sayso.container.store.write(work)
    assert caught.value.code is Code.UNSAID_CHANGE
    assert len(await audit.tail(100)) == before
    opened.shop.books.add("o9", ANA, Money(1_000, "USD"))
    after = await opened.sayso.propose("shop.refund", {"order": "o9"}, subject=ANA)
    assert after.status in {"succeeded", "approved"}  # while a stop is in force
    assert not audit.verify(tenant=tenant).exit_status
    return caught.value


@pytest.mark.parametrize(
    ("changed", "column"),
    [
        ({"call_key": "another"}, "call_key"),
        ({"fence": 7}, "fence"),
        ({"planner": "another"}, "planner"),
        ({"receipt": None}, "receipt"),
        ({"judgement": None}, "outcome"),
        ({"request_id": "req_other"}, "request_id"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_a_column_that_no_entry_says_is_not_changed(
    store_url: str, tmp_path: Path, changed: dict[str, object], column: str
) -> None:
    """The engine's own writer cannot: the error names the row, the column and the entry."""
    assert store_url
    async with open_shop(tmp_path, work=True) as opened:
        row = await an_action(opened)
        after = replace(row, status=Status.FAILED, updated_at=row.updated_at + 1)
        now = replace(after, **changed)  # type: ignore[arg-type]
        ledger = Ledger(opened.sayso.container.log)

        def work(tx: Transaction) -> None:
            said = entry_of(after, EntryKind.ACTION_FAILED, pseudonym="sub_x")
            ledger.move(tx, row, now, said)

        error = await unsaid(opened, work)
        assert row.id in error.message
        assert f"`{column}`" in error.message
        assert "`action.failed`" in error.message


async def test_an_entry_without_its_row_is_not_signed(store_url: str, tmp_path: Path) -> None:
    """Whatever says something of a row, the row has to be there by the end of the unit."""
    assert store_url
    async with open_shop(tmp_path, work=True) as opened:
        log, tenant = opened.sayso.container.log, opened.sayso.tenant
        entry = Entry(
            kind=EntryKind.STOP_ENGAGED, actor=ACTOR, data={"stop": "stp_none", "scope": "tenant"}
        )
        error = await unsaid(opened, lambda tx: log.append(tx, tenant, entry))
        assert "stp_none" in error.message


async def test_a_row_that_its_entry_leaves_out_is_found(store_url: str, tmp_path: Path) -> None:
    """A stop whose reason is changed with the entry that asks to let it go."""
    assert store_url
    async with open_shop(tmp_path, work=True) as opened:
        sayso = opened.sayso
        stop = await sayso.stops.engage("tenant", by=ACTOR, reason="INC-7")
        log, tenant = sayso.container.log, sayso.tenant
        entry = Entry(
            kind=EntryKind.STOP_RESUME_ASKED,
            actor=Actor(kind=ActorKind.PERSON, id="maria"),
            data={"stop": stop.id, "scope": "tenant"},
        )
        error = await unsaid(opened, lambda tx: log.append(tx, tenant, entry))
        assert stop.id in error.message
        assert "`asked_by`" in error.message


@given(st.data())
def test_each_column_is_compared(data: st.DataObject) -> None:
    """Said and stored otherwise, or stored otherwise and not said: both are found, for any."""
    table = data.draw(st.sampled_from(sorted(SAYS)))
    column = data.draw(st.sampled_from(sorted(SAYS[table])))
    before: dict[str, object] = dict.fromkeys(SAYS[table], "as it was")
    before |= {"turns": []} if table == "request" else {}
    after = before | {column: ["other"] if column == "turns" else "other"}
    quiet: dict[str, object] = {SEQ: 1, BEGUN: False}
    assert differing(table, Meant(kinds=(), said=(quiet,), before=before), after) == [column]
    told = quiet | {column: after[column]}
    kept = [column] if column in FIRST[table] else []
    assert differing(table, Meant(kinds=(), said=(told,), before=before), after) == kept
    assert differing(table, Meant(kinds=(), said=(quiet | {column: ["x"]},)), after) == [column]
    assert set(ROWS) == set(SAYS)


async def test_a_typed_row_says_what_the_stored_one_says(tmp_path: Path) -> None:
    """What the engine holds against its entries is what the verifier reads of the database."""
    async with open_shop(tmp_path, work=True) as opened:
        row = await an_action(opened)
        for one in (row, replace(row, judgement=None, receipt=None, error={"code": "x"})):
            stored = said_in("action", all_columns(one))
            values = COLUMNS_WITH_ARGS.values_of(one)
            typed = dict(zip(COLUMNS_WITH_ARGS.names, values, strict=True))
            assert {name: stored[name] for name in typed} == typed
            assert SAYS["action"] - typed.keys() == {"subject"}


async def test_a_typed_approval_says_what_the_stored_one_says(tmp_path: Path) -> None:
    """So does the question to people, which is held against the entries of its action."""
    async with open_shop(tmp_path) as opened:
        opened.shop.books.add("o1", ANA, Money(20_000, "USD"))
        view = await opened.sayso.propose("shop.refund", {"order": "o1"}, subject=ANA)
        assert view.approval is not None
        where = {"tenant": opened.sayso.tenant, "id": view.approval.id}
        row = await opened.sayso.container.store.read(
            lambda reader: reader.one("approval.by_id", **where)
        )
        assert row is not None
        values = APPROVAL_COLUMNS.values_of(read_approval(row))
        typed = dict(zip(APPROVAL_COLUMNS.names, values, strict=True))
        stored = said_in("approval", row)
        assert {name: stored[name] for name in typed} == typed
        assert SAYS["approval"] - typed.keys() == {"asked_alike", "shown"}


async def test_an_answer_to_an_approval_is_what_its_entry_says(
    store_url: str, tmp_path: Path
) -> None:
    """Its writer cannot say one thing and store another, nor leave out the vote."""
    assert store_url
    async with open_shop(tmp_path) as opened:
        opened.shop.books.add("o1", ANA, Money(20_000, "USD"))
        view = await opened.sayso.propose("shop.refund", {"order": "o1"}, subject=ANA)
        assert view.approval is not None
        tenant, approval_id = opened.sayso.tenant, view.approval.id

        def work(tx: Transaction, status: ApprovalStatus) -> None:
            approval = get_approval(tx, tenant, approval_id)
            row = get_action(tx, tenant, approval.action_id)
            rejected = replace(row, status=Status.REJECTED, updated_at=row.updated_at + 1)
            said: dict[str, Json] = {"approval_status": "rejected", "decision": "reject"}
            entry = entry_of(
                *(rejected, EntryKind.ACTION_REJECTED),
                pseudonym="sub_x",
                approval=approval_id,
                data={**said, "via": "test"},
            )
            stored = Ledger(opened.sayso.container.log).move(tx, row, rejected, entry)
            assert stored is not None
            move_approval(tx, approval, status, stored)

        approved = partial(work, status=ApprovalStatus.APPROVED)
        assert "`status`" in (await unsaid(opened, approved)).message
        unvoted = partial(work, status=ApprovalStatus.REJECTED)
        assert "vote" in (await unsaid(opened, unvoted)).message
