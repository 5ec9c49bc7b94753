"""What somebody who makes the source can put before the auditor, and what must be said of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from audit.sealed_log import SealedLog
from audit.small_log import SmallLog, editing, signer_of

from sayso.audit.bundle import write_bundle
from sayso.audit.checks import Trust
from sayso.audit.merkle import LeafHashes, leaf_hash
from sayso.audit.verification import Check, Verdict
from sayso.audit.verify import verify

FORGER = 66


def _forged(log: SmallLog) -> SmallLog:
    """The log with another past, and a head that a key of the forger's own signs."""
    log.bodies[3] = log.bodies[3].replace(b"agt_1", b"agt_9")
    log.signer = signer_of(log.origin, FORGER)
    return log


@pytest.mark.promise("audit:pinned")
def test_a_pinned_key_in_the_list_of_an_export_vouches_for_no_other_key(tmp_path: Path) -> None:
    """Audit 4.5: anybody can write the auditor's key into `vkeys`, and their own beside it."""
    real, forged = SmallLog(8), _forged(SmallLog(8))
    bundle = tmp_path / "bundle"
    write_bundle(
        bundle,
        tenant="main",
        note=forged.note(),
        vkeys=[real.signer.vkey, forged.signer.vkey],
        entries=[(3, forged.bodies[3])],
        proofs=LeafHashes(list(map(leaf_hash, forged.bodies))),
    )
    found = verify(bundle, trust=Trust.parse([real.signer.vkey]))
    assert {one.check for one in found.all_findings} == {Check.HEAD_KEY_TRUSTED}
    assert found.verdict is Verdict.CANNOT_JUDGE
    assert not found.logs[0].pinned


@pytest.mark.promise("audit:pinned")
def test_nor_in_the_list_of_a_sealed_segment(tmp_path: Path) -> None:
    """The same of a file that is verified by itself."""
    log = SealedLog(tmp_path)
    pinned = log.signer.vkey
    _forged(log)
    log.keys.append((log.signer.vkey, 0))
    _, name = log.write_file(0, log.bodies[:256])
    found = verify(log.folder / name, trust=Trust.parse([pinned]))
    assert {one.check for one in found.all_findings} == {Check.HEAD_KEY_TRUSTED}
    assert found.exit_status == 2


@pytest.mark.promise("audit:pinned")
def test_a_checkpoint_may_be_signed_by_any_pinned_key_of_an_export(tmp_path: Path) -> None:
    """Of a part of a log nobody can follow the changes of keys, so each pinned one counts."""
    log = SmallLog(8, plain=True)
    old = log.signer.vkey
    log.rotate(seed=2)
    bundle = tmp_path / "bundle"
    write_bundle(
        bundle,
        tenant="main",
        note=log.note(),
        vkeys=[vkey for vkey, _ in log.keys],
        entries=[(3, log.bodies[3])],
        proofs=LeafHashes(list(map(leaf_hash, log.bodies))),
    )
    trust = Trust.parse([old, log.signer.vkey], [log.note().encode()])
    found = verify(bundle, trust=trust)
    assert found.all_findings == ()
    assert found.logs[0].checkpoints == (9,)


@pytest.mark.promise("audit:pinned")
@pytest.mark.parametrize("listed", [True, False])
def test_a_key_that_is_trusted_for_one_log_signs_no_other(listed: bool, tmp_path: Path) -> None:
    """A policy names the logs of several departments; none of them can sign for another one."""
    log = SmallLog(8)
    pinned = log.signer.vkey
    _forged(log)
    rival = log.signer = signer_of("rival/main", FORGER)
    log.keys = [(rival.vkey, 0)] if listed else log.keys
    path = log.write(tmp_path / "log.db")
    found = verify(path, trust=Trust.parse([pinned, rival.vkey]))
    assert Check.HEAD_KEY_LISTED in {one.check for one in found.all_findings}
    assert found.verdict is Verdict.TAMPERED


HIDDEN = {
    "under its name in capitals": (
        "alter table {0} rename to other",
        "alter table other rename to {1}",
    ),
    "behind a view": (
        "alter table {0} rename to other",
        "create view {0} as select * from other",
    ),
    "behind a virtual table": (
        "drop table {0}",
        "create virtual table {0} using fts5(tenant, id, status, last_seq)",
    ),
    "altogether": ("drop table {0}",),
}


@pytest.mark.promise("audit:rebuilt")
@pytest.mark.parametrize("how", HIDDEN)
@pytest.mark.parametrize("table", ["action", "approval"])
def test_a_table_of_state_cannot_be_hidden_from_the_verifier(
    table: str, how: str, tmp_path: Path
) -> None:
    """Invariant 3: whoever reads `action` finds it in capitals, too, and through a view."""
    path = SmallLog(8).write(tmp_path / "log.db")
    with editing(path) as database:
        for statement in HIDDEN[how]:
            database.execute(statement.format(table, table.upper()))
        if how != "altogether":
            database.execute(f"delete from {'other' if 'view' in how else table}")
    found = verify(path, deep=True)
    assert found.verdict is Verdict.TAMPERED
    replaced = Check.SOURCE_TABLES in {one.check for one in found.all_findings}
    assert replaced is ("view" in how or "virtual" in how)


@pytest.mark.promise("audit:rebuilt")
def test_a_column_in_capitals_is_the_same_column(tmp_path: Path) -> None:
    """SQLite takes the one for the other, so the verifier does."""
    path = SmallLog(8).write(tmp_path / "log.db")
    with editing(path) as database:
        database.execute("alter table log_entry rename column kind to KIND")
        database.execute("alter table action rename column revision to REVISION")
        database.execute("update log_entry set kind = 'action.refused' where seq = 3")
        database.execute("update action set revision = 9")
    checks = {one.check for one in verify(path, deep=True).all_findings}
    assert checks == {Check.PROJECTIONS_AGREE, Check.STATE_REBUILT}


@pytest.mark.promise("audit:rebuilt")
def test_an_approval_cannot_be_put_back_to_what_it_was(tmp_path: Path) -> None:
    """A row that points at an earlier entry about it says what was true then."""
    path = SmallLog(8).write(tmp_path / "log.db")
    with editing(path) as database:
        database.execute("update approval set status = 'pending', last_seq = 5 where id = 'apr_1'")
    found = verify(path)
    assert [one.check for one in found.all_findings] == [Check.STATE_LATEST]
    assert found.verdict is Verdict.TAMPERED


@pytest.mark.promise("audit:rebuilt")
@pytest.mark.parametrize("table", ["action", "approval"])
def test_rows_of_a_tenant_without_a_log_are_found(table: str, tmp_path: Path) -> None:
    """A worker carries out what is due, whoever put it there."""
    path = SmallLog(8).write(tmp_path / "log.db")
    with editing(path) as database:
        database.execute(f"update {table} set tenant = 'ghost', last_seq = 3 where id like '%1'")
    found = verify(path)
    ghost = next(log for log in found.logs if log.tenant == "ghost")
    assert Check.STATE_ENTRY in {one.check for one in ghost.findings}
    assert ghost.verdict is Verdict.TAMPERED
