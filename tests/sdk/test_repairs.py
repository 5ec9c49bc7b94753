"""A log that accuses itself for its rows goes on once two people have had them rebuilt."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from pathlib import Path

import pytest
from actions.steps import MAIN, decide, propose, say, shown, stock
from sdk.test_self_audit import judging, until_refused
from support.database_writer import overwrite
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.audit.entry import Actor, ActorKind
from sayso.audit.verifier.verification import Verdict
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.wiring.database import is_postgres
from sayso.store.postgres.connection import connect_plainly

pytestmark = pytest.mark.promise("audit:repair")

OPERATOR = Actor(kind=ActorKind.SERVICE, id="operator")
DECIDES = frozenset({Scope.READ, Scope.DECIDE})


def tamper(opened: ShopWorkspace, statement: str) -> None:
    """What somebody does who can write the database."""
    overwrite(opened.workspace, statement)


async def token_of(opened: ShopWorkspace, person: str) -> str:
    """A token with which somebody decides."""
    _, secret = await opened.sayso.tokens.create(
        MAIN, "person", person, DECIDES, days=1, by=OPERATOR
    )
    return secret


@pytest.fixture
async def accused(store_url: str, tmp_path: Path) -> AsyncGenerator[ShopWorkspace]:
    """A shop with a refund that two people's votes stand behind, and one that waits."""
    async with open_shop(tmp_path / "shop") as opened:
        stock(opened, "o1", "o2")
        view = await propose(opened, 9_900, order="o1")
        await decide(opened, say(await shown(opened, view)))
        await propose(opened, 9_900, order="o2")
        yield opened


TAMPERED = {
    "a status": "update action set status = 'refused' where status = 'succeeded'",
    "an amount": "update action set amount_minor = 1 where status = 'succeeded'",
    "who asked": "update action set requester = 'service:nobody' where status = 'succeeded'",
    "a customer": "update action set subject_id = 'cus_9' where status = 'succeeded'",
    "an approval": "update approval set status = 'approved' where status = 'pending'",
    "a vote": "update vote set decision = 'reject'",
    "a vote taken away": "delete from vote",
    "a vote put in": "insert into vote select tenant, approval_id, revision, 'finn', decision,"
    " digest, via, at from vote",
}


def rows_of(opened: ShopWorkspace) -> list[object]:
    """All that people and engines go by, as a stranger reads it."""
    found: list[object] = []
    for table in ("action", "approval", "vote"):
        if is_postgres(opened.workspace):
            with connect_plainly(opened.workspace.store_url) as rows:
                rows.execute("set app.tenant = '*'; set search_path to sayso")
                every = f"select * from {table} order by 1, 2, 3, 4"
                found += rows.execute(every.encode()).fetchall()
        else:
            with closing(sqlite3.connect(opened.workspace.store_path)) as rows:
                found += rows.execute(f"select * from {table} order by 1, 2, 3, 4").fetchall()
    return found


@pytest.mark.parametrize("what", TAMPERED)
async def test_two_people_have_rows_rebuilt_exactly_as_the_log_says(
    what: str, accused: ShopWorkspace
) -> None:
    """Whatever was changed, put in or taken away: afterwards it is what it was, and all goes on."""
    opened = accused
    maria, noor = await token_of(opened, "maria"), await token_of(opened, "noor")
    before = rows_of(opened)
    tamper(opened, TAMPERED[what])
    found = opened.sayso.audit.verify()
    assert found.verdict is Verdict.TAMPERED
    view = await opened.sayso.repairs.show()
    assert view.changes
    assert not view.left
    asked = await opened.sayso.repairs.repair(token=maria)
    assert asked.status == "asked"
    assert rows_of(opened) != before
    with pytest.raises(RefusedError) as alone:
        await opened.sayso.repairs.repair(token=maria)
    assert alone.value.code is Code.OWN_REQUEST
    assert (await opened.sayso.repairs.repair(token=noor)).status == "done"
    assert rows_of(opened) == before
    assert opened.sayso.audit.verify().verdict is Verdict.VERIFIED
    stock(opened, "o3")
    assert (await propose(opened, 100, order="o3")).status == "succeeded"


@pytest.mark.tampers("a row that is erased is changed, which can only be accepted")
async def test_a_row_of_an_erased_customer_is_accepted_as_it_is(accused: ShopWorkspace) -> None:
    """The database lets nobody write what is erased, so two people are not led into an error."""
    maria, noor = await token_of(accused, "maria"), await token_of(accused, "noor")
    by = await accused.sayso.authentication.person(maria, via="sdk")
    await accused.sayso.privacy.erase("cus_1", reason="subject_request", by=by, key="erase-1")
    tamper(accused, TAMPERED["an amount"])
    view = await accused.sayso.repairs.show()
    assert not view.changes
    (left,) = view.left
    await accused.sayso.repairs.accept(left.id, token=maria)
    await accused.sayso.repairs.accept(left.id, token=noor)
    assert accused.sayso.audit.verify().verdict is Verdict.VERIFIED


@pytest.mark.tampers("rows are changed behind the log's back, to be repaired")
async def test_an_entry_that_was_changed_is_never_repaired(accused: ShopWorkspace) -> None:
    """Bytes come back from a backup only; nothing is asked or written."""
    maria = await token_of(accused, "maria")
    tamper(
        accused,
        "update log_entry set body = replace(body, '\"amount_minor\":9900', '\"amount_minor\":1')"
        " where body like '%\"amount_minor\":9900%'",
    )
    with pytest.raises(IntegrityError) as caught:
        await accused.sayso.repairs.repair(token=maria)
    assert caught.value.code is Code.TAMPERED


@pytest.mark.tampers("rows are changed behind the log's back, to be repaired")
async def test_a_service_and_somebody_without_a_role_have_no_say(accused: ShopWorkspace) -> None:
    """Two people with a role, each by a token of theirs."""
    tamper(accused, TAMPERED["an amount"])
    _, service = await accused.sayso.tokens.create(
        MAIN, "service", "bot", frozenset({Scope.READ}), days=1, by=OPERATOR
    )
    with pytest.raises(RefusedError) as caught:
        await accused.sayso.repairs.repair(token=service)
    assert caught.value.code is Code.FORBIDDEN


@pytest.mark.tampers("rows are changed behind the log's back, to be repaired")
async def test_what_was_asked_for_is_not_what_is_done_once_the_row_is_another(
    accused: ShopWorkspace,
) -> None:
    """The second yes counts for exactly what the first one was shown."""
    maria, noor = await token_of(accused, "maria"), await token_of(accused, "noor")
    tamper(accused, TAMPERED["an amount"])
    await accused.sayso.repairs.repair(token=maria)
    tamper(accused, "update action set amount_minor = 2 where amount_minor = 1")
    assert (await accused.sayso.repairs.repair(token=noor)).status == "asked"


@pytest.mark.tampers("rows are changed behind the log's back, to be repaired")
async def test_an_accepted_finding_is_shown_and_another_one_accuses_again(
    accused: ShopWorkspace,
) -> None:
    """Two people accept what is found now, and nothing that is found later of the same row."""
    maria, noor = await token_of(accused, "maria"), await token_of(accused, "noor")
    tamper(accused, TAMPERED["an amount"])
    view = await accused.sayso.repairs.show()
    finding = accused.sayso.audit.verify().all_findings[0].id
    assert view.changes
    assert (await accused.sayso.repairs.accept(finding, token=maria)).status == "asked"
    assert accused.sayso.audit.verify().verdict is Verdict.TAMPERED
    assert (await accused.sayso.repairs.accept(finding, token=noor)).status == "done"
    found = accused.sayso.audit.verify()
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    assert [one.finding.id for one in found.logs[0].accepted] == [finding]
    assert "accepted by two people" in found.logs[0].coverage
    tamper(accused, "update action set amount_minor = 2 where amount_minor = 1")
    assert accused.sayso.audit.verify().verdict is Verdict.TAMPERED


async def test_a_server_that_signs_nothing_takes_the_repair_and_goes_on(
    accused: ShopWorkspace,
) -> None:
    """While its log is refused for its rows, it takes the two words and nothing else."""
    maria, noor = await token_of(accused, "maria"), await token_of(accused, "noor")
    tamper(accused, TAMPERED["an amount"])
    async with judging(accused) as audit:
        await until_refused(audit, accused, refused=True)
        stock(accused, "o4")
        with pytest.raises(IntegrityError):
            await propose(accused, 100, order="o4")
        await accused.sayso.repairs.repair(token=maria)
        with pytest.raises(IntegrityError):
            await propose(accused, 100, order="o4")
        await accused.sayso.repairs.repair(token=noor)
        await until_refused(audit, accused, refused=False)
        assert (await propose(accused, 100, order="o4")).status == "succeeded"
