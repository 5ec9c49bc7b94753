"""The only writer of the log: one tree per tenant, one key, one signature per commit."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from audit.small_log import plain_entry, signer_of

from sayso.audit.log import AuditLog
from sayso.audit.signed_note.note import Verifier, open_checkpoint
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.errors import Code, ConfigError, RefusedError
from sayso.ids import Tenant
from sayso.store.base import Transaction, integer, text
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import FakeClock

ONE, TWO = Tenant("one"), Tenant("two")


def make_log(deployment: str = "acme", seed: int = 1) -> AuditLog:
    """A writer; the same key for the same seed."""
    return AuditLog(deployment, signer_of(deployment, seed), FakeClock())


async def enter(store: SqliteStore, log: AuditLog, tenant: Tenant = ONE) -> int:
    """Append one entry in a unit of its own."""
    return await store.write(lambda tx: log.append(tx, tenant, plain_entry()))


def dump(path: Path) -> list[str]:
    """Everything that the file holds."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


async def test_two_tenants_have_their_own_trees_and_both_verify(tmp_path: Path) -> None:
    """One tree per tenant: own indexes, own origins, own heads, one key."""
    path = tmp_path / "sayso.db"
    store, log = SqliteStore(path, create=True), make_log()
    seqs = await asyncio.gather(
        *(enter(store, log, tenant) for tenant in (ONE, TWO, ONE, TWO, TWO))
    )
    assert seqs == [0, 0, 1, 1, 2]
    await store.close()
    trust = Trust.parse([log.vkey_of(ONE), log.vkey_of(TWO)])
    found = verify(path, trust=trust, deep=True)
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    assert [(one.tenant, one.size, one.origin) for one in found.logs] == [
        ("one", 2, "acme/one"),
        ("two", 3, "acme/two"),
    ]
    assert len({one.root_hex for one in found.logs}) == 2


@pytest.mark.parametrize(
    "other",
    [make_log(seed=2), make_log("emca"), make_log("emca", seed=2)],
    ids=["key", "deployment", "both"],
)
async def test_another_key_or_deployment_writes_nothing(tmp_path: Path, other: AuditLog) -> None:
    """`key_mismatch`, and not one row changes: no audit write, no state change."""
    path = tmp_path / "sayso.db"
    store = SqliteStore(path, create=True)
    await enter(store, make_log())
    before = dump(path)

    def work(tx: Transaction) -> None:
        tx.run("personal.subject_insert", tenant=ONE, id="c", pseudonym="p", key=b"k", created_at=0)
        other.append(tx, ONE, plain_entry())

    with pytest.raises(ConfigError) as caught:
        await store.write(work)
    assert caught.value.code is Code.KEY_MISMATCH
    assert dump(path) == before
    assert await enter(store, make_log()) == 1
    await store.close()


async def test_another_deployment_starts_no_log_here(tmp_path: Path) -> None:
    """A new tenant would otherwise get an origin that the others do not have."""
    path = tmp_path / "sayso.db"
    store = SqliteStore(path, create=True)
    await enter(store, make_log())
    before = dump(path)
    with pytest.raises(ConfigError) as caught:
        await enter(store, make_log("emca"), TWO)
    assert caught.value.code is Code.KEY_MISMATCH
    assert dump(path) == before
    await store.close()


async def test_units_that_share_a_commit_share_one_signature(tmp_path: Path) -> None:
    """Signing costs once per commit and tenant, and covers every entry of it."""
    statements: list[str] = []
    store = SqliteStore(
        tmp_path / "sayso.db",
        create=True,
        prepare=lambda writer: writer.set_trace_callback(statements.append),
    )
    log = make_log()
    await asyncio.gather(*(enter(store, log, tenant) for tenant in (ONE, TWO) for _ in range(50)))
    # A trigger shows its statement a second time; each commit has notes of its own.
    signed = {words for words in statements if words.startswith("update log_head set note")}
    commits = statements.count("commit")
    assert commits <= 3
    assert 2 <= len(signed) <= 2 * commits
    row = await store.read(lambda reader: reader.one("log.head", tenant=ONE))
    assert row is not None
    checkpoint = open_checkpoint(text(row, "note"), [Verifier.parse(log.vkey_of(ONE))])
    assert checkpoint.size == integer(row, "size") == 50
    await store.close()


async def test_a_unit_that_fails_leaves_the_tree_as_it_was(tmp_path: Path) -> None:
    """Its entry is taken back with it, and the shared head covers the others only."""
    path = tmp_path / "sayso.db"
    store, log = SqliteStore(path, create=True), make_log()

    def failing(tx: Transaction) -> None:
        log.append(tx, ONE, plain_entry())
        raise LookupError("no")

    results = await asyncio.gather(
        enter(store, log), store.write(failing), enter(store, log), return_exceptions=True
    )
    assert [results[0], results[2]] == [0, 1]
    await store.close()
    found = verify(path, deep=True)
    assert (found.verdict, found.entries) == (Verdict.VERIFIED, 2)


async def test_a_first_entry_that_is_taken_back_leaves_no_log(tmp_path: Path) -> None:
    """Nothing is signed for a tenant whose only unit failed, and it says what it failed of."""
    path = tmp_path / "sayso.db"
    store, log = SqliteStore(path, create=True), make_log()

    def failing(tx: Transaction) -> None:
        log.append(tx, ONE, plain_entry())
        raise RefusedError(Code.NOT_FOUND, "there is none")

    results = await asyncio.gather(
        store.write(failing), enter(store, log, TWO), return_exceptions=True
    )
    assert isinstance(results[0], RefusedError)
    assert results[1] == 0
    rows = await store.read(lambda reader: reader.all("log.tenants"))
    assert [text(row, "tenant") for row in rows] == ["two"]
    assert await enter(store, log) == 0
    await store.close()


@pytest.mark.parametrize("tenant", ["", "a b", "a/b", "ä", "x" * 129])
async def test_a_tenant_whose_name_fits_no_origin_gets_no_log(tmp_path: Path, tenant: str) -> None:
    """An origin is `<deployment>/<tenant>`, so a tenant has no slash and no blank."""
    path = tmp_path / "sayso.db"
    store = SqliteStore(path, create=True)
    before = dump(path)
    with pytest.raises((RefusedError, ConfigError)):
        await enter(store, make_log(), Tenant(tenant))
    assert dump(path) == before
    await store.close()
