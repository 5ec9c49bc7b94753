"""Rows against the log: what the entries determine cannot be changed by hand unseen."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Generator
from pathlib import Path

import pytest
from actions.steps import assert_verified, stock
from support.busy_shop import live, planner
from support.postgres import fresh_database
from support.postgres_server import PostgresServer
from support.shop_workspace import STORE_URLS, make_shop_workspace, open_shop

from sayso.audit.authority.keyring import Keyring, root_of_text
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.replay import TABLES
from sayso.audit.verifier.verification import Check, Damage, Verification
from sayso.audit.verify import verify, verify_sources
from sayso.sdk.audit.stored import read_sources
from sayso.sdk.audit.verifying import verify_postgres
from sayso.sdk.wiring.database import open_store
from sayso.store.postgres.connection import connect_plainly
from sayso.store.postgres.store import open_reader

pytestmark = pytest.mark.promise("audit:rebuilt")

# By the log and not by the ids, whose order is chance within a millisecond.
_SUCCEEDED = (
    "(select id from action where status = 'succeeded' and erased_seq is null"
    " order by last_seq limit 1)"
)
_VOTED = (
    "(select approval_id from vote join approval on approval.id = approval_id"
    " where decision = 'approve' order by last_seq limit 1)"
)
_CARRIED_OUT_CARD = (
    "(select action_id from approval join action on action.id = action_id"
    " where action.status = 'succeeded' and action.erased_seq is null"
    " order by action.last_seq limit 1)"
)
_BLANKED = "(select id from action where erased_seq is not null order by last_seq limit 1)"


def _swap(table: str, column: str, old: str, new: str) -> str:
    """Another text in the JSON of a column, wherever the old one stands."""
    where = f"{column} like '%{old}%'"
    return f"update {table} set {column} = replace({column}, '{old}', '{new}') where {where}"


CHANGES: dict[str, str] = {
    "amount": f"update action set amount_minor = 1 where id = {_SUCCEEDED}",
    "currency": f"update action set currency = 'EUR' where id = {_SUCCEEDED}",
    "revision": f"update action set revision = 7 where id = {_SUCCEEDED}",
    "name": f"update action set name = 'shop.gift' where id = {_SUCCEEDED}",
    "subject": f"update action set subject_id = 'cus_9' where id = {_SUCCEEDED}",
    "requester": f"update action set requester = 'person:finn' where id = {_SUCCEEDED}",
    "request": f"update action set request_id = 'req_other' where id = {_SUCCEEDED}",
    "planner": f"update action set planner = 'model' where id = {_SUCCEEDED}",
    "step": "update action set step = 's9' where step = 's1' and erased_seq is null",
    "after": "update action set after = '[\"s9\"]' where step = 's1' and erased_seq is null",
    "digest": f"update action set digest = '{'0' * 64}' where id = {_SUCCEEDED}",
    "call key": f"update action set call_key = 'sayso_0' where id = {_SUCCEEDED}",
    "fence": f"update action set fence = 0 where id = {_SUCCEEDED}",
    "receipt": _swap("action", "receipt", '"id":"pay_1"', '"id":"pay_9"'),
    "moved": _swap("action", "receipt", 'minor":2000', 'minor":1'),
    "paid": _swap("action", "receipt", "paid", "void"),
    "outcome": _swap("action", "judgement", '"ask"', '"allow"'),
    "rule": _swap("action", "judgement", '"manager"', '"small"'),
    "explain": _swap("action", "judgement", "support manager", "anybody"),
    "policy": _swap("action", "judgement", 'policy_version":"', 'policy_version":"0'),
    "asked roles": _swap("action", "judgement", '["support_manager"]', '["intern"]'),
    "no judgement": f"update action set judgement = null where id = {_SUCCEEDED}",
    "error": _swap("action", "error", "not_covered", "too_late"),
    "no error": "update action set error = null where status = 'rejected'",
    "status": "update action set status = 'refused' where status = 'rejected'",
    "blanked amount": f"update action set amount_minor = 1 where id = {_BLANKED}",
    "blanked subject": f"update action set subject_id = 'sub_other' where id = {_BLANKED}",
    "approval revision": f"update approval set revision = 9 where id = {_VOTED}",
    "approval digest": f"update approval set digest = '{'0' * 64}' where id = {_VOTED}",
    "approval roles": f"update approval set roles = '[\"intern\"]' where id = {_VOTED}",
    "approval action": f"update approval set action_id = {_BLANKED} where id = {_VOTED}",
    "approval status": "update approval set status = 'approved' where status = 'pending'",
    "decider": "update vote set person = 'noor' where person = 'finn'",
    "decision": f"update vote set decision = 'reject' where approval_id = {_VOTED}",
    "vote digest": f"update vote set digest = '{'0' * 64}' where approval_id = {_VOTED}",
    "surface": f"update vote set via = 'slack' where approval_id = {_VOTED}",
    "no vote": "delete from vote where person = 'finn'",
    "another vote": "insert into vote select tenant, approval_id, revision, 'noor', decision,"
    " digest, via, at from vote where person = 'finn'",
    "request status": "update request set status = 'received' where erased_seq is null",
    "request requester": "update request set requester = 'person:finn' where erased_seq is null",
    "request subject": "update request set subject_id = 'cus_1' where erased_seq is null",
    "request planner": "update request set planner = 'model' where erased_seq is null",
    "request plan": _swap("request", "plan", "shop.refund", "shop.gift"),
    "reply": "update request set reply_ref = words_ref where erased_seq is null",
    "stop scope": "update stop set scope = 'connector' where scope = 'action'",
    "stop target": "update stop set target = 'shop.gift' where scope = 'action'",
    "stop customer": "update stop set target = 'cus_1' where scope = 'customer'",
    "stop reason": "update stop set reason = 'for ever' where scope = 'action'",
    "who stopped": "update stop set engaged_by = 'person:finn' where scope = 'action'",
    "who asked": "update stop set asked_by = 'finn' where scope = 'customer'",
    "who resumed": "update stop set released_by = 'finn' where scope = 'customer'",
    "no stop": "delete from stop where scope = 'action'",
}
"""What somebody who can write the database changes by hand, and calls it by one name."""

BOUND: dict[str, str] = {
    "payee": _swap("action", "snapshot", "the card that paid", "my card"),
    "object": _swap("action", "snapshot", '["order","o2"]', '["order","o1"]'),
    "account": _swap("action", "snapshot", "shop-1", "shop-2"),
    "salt": _swap("action", "snapshot", 'salt":"', 'salt":"0'),
    "assurance": f"update action set assurance = 'signed_in' where id = {_SUCCEEDED}",
    "deadline": "update approval set expires_at = expires_at + 1 where erased_seq is null",
    "card": _swap("approval", "view", "the card that paid", "my card"),
}
"""The same with what no entry says in clear, and the digest in the entries covers."""


@pytest.fixture(scope="module")
def lived_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a shop in which a bit of everything has happened; never changed."""
    folder = tmp_path_factory.mktemp("lived")
    asyncio.run(_live(folder))
    connection = sqlite3.connect(folder / "sayso.db", isolation_level=None)
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()
    return folder / "sayso.db"


async def _live(folder: Path) -> None:
    async with open_shop(folder, planner=planner()) as workspace:
        await live(workspace)


def keyring_of(folder: Path) -> Keyring:
    """Of the workspace in that folder."""
    return Keyring(root_of_text((folder / "keys" / "vault.key").read_text()))


async def _make_tables(folder: Path) -> None:
    await open_store(make_shop_workspace(folder), create=True).close()


@pytest.fixture
def copy(lived_file: Path, tmp_path: Path) -> Path:
    """A copy of it, without the triggers that guard its rows."""
    path = Path(shutil.copy(lived_file, tmp_path / "copy.db"))
    connection = sqlite3.connect(path, isolation_level=None)
    for (name,) in connection.execute("select name from sqlite_master where type = 'trigger'"):
        connection.execute(f"drop trigger {name}")
    connection.close()
    return path


def _change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("pragma ignore_check_constraints = on")
        assert connection.execute(statement).rowcount > 0
    finally:
        connection.close()


def _assert_found(found: Verification, check: set[Check]) -> None:
    assert {one.damage for one in found.all_findings} == {Damage.STATE_DISAGREES}
    assert {one.check for one in found.all_findings} & check, found.all_findings
    assert found.exit_status == 1


_STATE = {Check.STATE_REBUILT, Check.STATE_STATUS}


def test_what_nobody_changed_is_what_its_entries_say(lived_file: Path) -> None:
    """Invariant 3: erased rows too; every table has rows, so that no comparison is of nothing."""
    found = verify(lived_file, deep=True)
    assert found.all_findings == ()
    assert found.logs[0].warnings == ()
    connection = sqlite3.connect(lived_file)
    counts = [connection.execute(f"select count(*) from {table}").fetchone()[0] for table in TABLES]
    connection.close()
    assert min(counts[:5]) >= 2
    assert found.logs[0].rebuilt_rows == sum(counts)


@pytest.mark.parametrize("what", CHANGES)
def test_a_row_that_is_changed_by_hand_is_found(what: str, copy: Path) -> None:
    """Each column that the log determines, one at a time; the log itself is untouched."""
    _change(copy, CHANGES[what])
    _assert_found(verify(copy, deep=True), _STATE)


@pytest.mark.parametrize("what", BOUND)
def test_what_the_digest_covers_is_found_as_well(what: str, copy: Path) -> None:
    """The payee, the object and the card stand in no entry, but their digest does."""
    _change(copy, BOUND[what])
    _assert_found(verify(copy, deep=True), {Check.STATE_BOUND})


@pytest.mark.parametrize(
    "change",
    [
        f"update action set erased_seq = 0 where id = {_BLANKED}",
        f"update action set erased_seq = 0, snapshot = null where id = {_SUCCEEDED}",
        "update approval set erased_seq = 1, view = '{}' where erased_seq is null",
        "update request set erased_seq = 1 where erased_seq is null",
    ],
)
def test_nothing_passes_for_erased_without_an_erasure(change: str, copy: Path) -> None:
    """Invariant 8: what a row lost by hand was lost by no entry, and cannot be made to look so."""
    _change(copy, change)
    _assert_found(verify(copy, deep=True), {Check.STATE_ERASED})


def test_a_card_is_not_erased_without_its_action(copy: Path) -> None:
    """Another customer's erasure is an entry that is there, and an approval names no customer."""
    erasure = "(select erased_seq from action where erased_seq is not null)"
    _change(
        copy,
        f"update approval set erased_seq = {erasure}, view = '{{}}' where erased_seq is null"
        f" and action_id = {_CARRIED_OUT_CARD}",
    )
    _assert_found(verify(copy, deep=True), {Check.STATE_BOUND})


def test_customers_whose_names_are_exchanged_are_found(copy: Path, lived_file: Path) -> None:
    """The pseudonym is derived from the id by the subject's key, so no other row can lend it."""
    _change(copy, "update subject set id = 'cus_x' where id = 'cus_9'")
    _change(copy, "update subject set id = 'cus_9' where id = 'cus_1'")
    _change(copy, "update subject set id = 'cus_1' where id = 'cus_x'")
    _change(copy, "update action set subject_id = 'cus_x' where subject_id = 'cus_9'")
    _change(copy, "update action set subject_id = 'cus_9' where subject_id = 'cus_1'")
    _change(copy, "update action set subject_id = 'cus_1' where subject_id = 'cus_x'")
    trust = Trust(keyring=keyring_of(lived_file.parent))
    _assert_found(verify(copy, trust=trust, deep=True), {Check.STATE_REBUILT})


# ---- PostgreSQL ----------------------------------------------------------------------------------

_ON_POSTGRES = (
    *("amount", "subject", "receipt", "approval digest", "decider", "request status"),
    "stop target",
)


@pytest.fixture(scope="module")
def lived_url(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Generator[str]:
    """The same shop with its rows on PostgreSQL; never changed, but copied."""
    with fresh_database(postgres_server) as url:
        STORE_URLS.append(url)
        folder = tmp_path_factory.mktemp("lived")
        try:
            asyncio.run(_make_tables(folder))
            asyncio.run(_live(folder))
        finally:
            STORE_URLS.remove(url)
        yield url


def _verify_rows(url: str) -> Verification:
    with open_reader(url) as reader:
        sources = list(read_sources(reader, None))
        return verify_sources("PostgreSQL", sources, deep=True)


def test_on_postgresql_the_rows_are_what_their_entries_say(lived_url: str) -> None:
    """Invariant 3 on the other store; an auditor's login compares what it may read, and says so."""
    found = _verify_rows(lived_url)
    assert found.all_findings == ()
    assert found.logs[0].warnings == ()
    for_auditor = verify_postgres(lived_url, trust=Trust(), deep=True)
    assert for_auditor.all_findings == ()
    unread = [line.split("`")[1] for line in for_auditor.logs[0].warnings]
    assert unread == ["personal", "request", "vote"]
    assert found.logs[0].rebuilt_rows > for_auditor.logs[0].rebuilt_rows > 0


@pytest.mark.parametrize("what", [*_ON_POSTGRES, "payee"])
def test_on_postgresql_a_row_that_is_changed_by_hand_is_found(
    what: str, lived_url: str, postgres_server: PostgresServer
) -> None:
    """By somebody who is superuser there, and puts the triggers off."""
    statement = {**CHANGES, **BOUND}[what]
    table = statement.split()[1]
    with fresh_database(postgres_server, template=lived_url) as url:
        with connect_plainly(url) as admin:
            admin.execute(f"alter table sayso.{table} disable trigger all".encode())
            admin.execute("set search_path to sayso")
            assert admin.execute(statement.encode()).rowcount > 0
        found = _verify_rows(url)
        _assert_found(found, {Check.STATE_REBUILT, Check.STATE_BOUND})


async def test_an_amount_that_a_caller_left_open_accuses_nobody(tmp_path: Path) -> None:
    """`null` says as little as no amount at all; what was done is what was judged."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        args = {"order": "o1", "amount": None}
        await opened.sayso.propose("shop.refund", args, subject="cus_1")
        assert_verified(opened)
