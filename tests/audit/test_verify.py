"""What the verifier promises besides finding damage: what it reads, what it says, what it costs."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from audit.small_log import SCHEMA, SmallLog, editing, entry_at

from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import MAX_FINDINGS, Check, Damage, Verdict
from sayso.audit.verify import main, verify

MODULES = """
errors frozen ids money verdicts
audit audit.entry audit.fields audit.io_errors audit.log_of_logs audit.place
audit.safe_open audit.verify
audit.segments audit.segments.sealed audit.segments.segment
audit.signed_note audit.signed_note.consistency_proof
audit.signed_note.cosignature audit.signed_note.cosigned_checkpoints
audit.signed_note.note audit.signed_note.timestamps audit.signed_note.witness_policy
audit.signing audit.signing.keys audit.signing.rotation
audit.tree audit.tree.merkle audit.tree.tiles
audit.verifier audit.verifier.bundle audit.verifier.checks audit.verifier.database
audit.verifier.description audit.verifier.filtered audit.verifier.flags
audit.verifier.guard audit.verifier.latest
audit.verifier.medium audit.verifier.one_segment audit.verifier.replay
audit.verifier.replay_controls
audit.verifier.replayed_rows audit.verifier.sealed_checks
audit.verifier.state_checks audit.verifier.stored_rows audit.verifier.verification
audit.verifier.walk
audit.witness audit.witness.request
audit.authority audit.authority.credentials audit.authority.keyring audit.authority.passkeys
audit.authority.people
audit.authority.state audit.authority.codec audit.authority.steps
audit.rules audit.rules.actions audit.rules.registry audit.rules.canaries audit.rules.controls
audit.authority.by audit.customer_links audit.customer_codes audit.rules.codes
audit.rules.limits audit.rules.links
audit.rules.people
audit.rules.passkeys audit.rules.policy audit.rules.quorum audit.rules.requests
audit.rules.transitions audit.rules.replayed
audit.rules.repairs
audit.event audit.request_digests
audit.verifier.damage audit.verifier.finding
"""
"""What a verification needs of ours; nothing may be added without a thought."""


@pytest.mark.promise("audit:verifier-alone")
def test_the_verifier_imports_nothing_of_the_server() -> None:
    """An auditor needs no store, no network client and no agent to run it."""
    script = (
        "import sys, sayso.audit.verify; "
        "print(*[name for name in sys.modules if name.startswith('sayso.')]); "
        "print(*{'httpx','langgraph','pydantic','fastapi','typer','rich'} & set(sys.modules))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    ).stdout.splitlines()
    own = {name.removeprefix("sayso.") for name in shown[0].split()}
    assert own == set(MODULES.split())
    assert shown[1:] in ([], [""])


def test_every_log_of_a_database_is_verified_or_only_the_one_asked_for(tmp_path: Path) -> None:
    """One tenant's damage makes the whole tampered, and does not hide the others."""
    path = tmp_path / "log.db"
    for seed, tenant in enumerate(("main", "other"), start=1):
        SmallLog(8, tenant=tenant, seed=seed).write(path)
    assert [log.tenant for log in verify(path).logs] == ["main", "other"]
    with editing(path) as database:
        database.execute("delete from log_entry where tenant = 'other' and seq = 3")
    both = verify(path)
    assert both.verdict is Verdict.TAMPERED
    assert [log.verdict for log in both.logs] == [Verdict.VERIFIED, Verdict.TAMPERED]
    assert verify(path, tenant="main").verdict is Verdict.VERIFIED
    assert verify(path, tenant="nobody").verdict is Verdict.CANNOT_JUDGE


def test_a_pinned_key_of_one_log_does_not_vouch_for_another(tmp_path: Path) -> None:
    """Whoever pins keys pins all of them."""
    path = tmp_path / "log.db"
    first = SmallLog(8)
    first.write(path)
    SmallLog(8, tenant="other", seed=2).write(path)
    verification = verify(path, trust=Trust.parse([first.signer.vkey]))
    assert verification.verdict is Verdict.CANNOT_JUDGE
    assert [log.pinned for log in verification.logs] == [True, False]


@pytest.mark.promise("audit:verifier-alone")
def test_without_a_pinned_key_it_says_whose_word_that_is(tmp_path: Path) -> None:
    """Self-signed is said in the sentence a person reads."""
    log = SmallLog(8)
    path = log.write(tmp_path / "log.db")
    assert "self-signed: key taken from the source" in verify(path).logs[0].coverage
    pinned = verify(path, trust=Trust.parse([log.signer.vkey])).logs[0]
    assert "self-signed" not in pinned.coverage


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\0" + bytes(84)])
def test_what_is_no_database_cannot_be_judged(content: bytes, tmp_path: Path) -> None:
    """Neither verified nor tampered: exit status 2."""
    path = tmp_path / "x.db"
    path.write_bytes(content)
    assert verify(path).exit_status == 2
    assert verify(tmp_path / "nowhere.db").exit_status == 2
    assert not (tmp_path / "nowhere.db").exists()


@pytest.mark.promise("audit:empty")
def test_a_database_without_logs_is_empty_and_not_verified(tmp_path: Path) -> None:
    """Empty input is never a yes."""
    path = tmp_path / "log.db"
    with editing(path) as database:
        database.executescript(SCHEMA)
    verification = verify(path)
    assert verification.exit_status == 2
    assert [found.damage for found in verification.findings] == [Damage.EMPTY]


def test_a_log_whose_tables_are_views_is_not_read(tmp_path: Path) -> None:
    """A view could compute for the verifier what nobody else sees."""
    path = SmallLog(8).write(tmp_path / "log.db")
    with editing(path) as database:
        database.execute("alter table log_entry rename to hidden")
        database.execute("create view log_entry as select * from hidden")
    assert verify(path).exit_status == 2


def test_a_live_database_is_verified_in_one_snapshot_and_not_written(tmp_path: Path) -> None:
    """A writer that is in the middle of a commit does not confuse it."""
    log = SmallLog(8)
    path = log.write(tmp_path / "log.db")
    with editing(path) as database:
        database.execute("pragma journal_mode = wal")
    writer = sqlite3.connect(path, isolation_level=None)
    try:
        writer.execute("begin immediate")
        log.bodies = SmallLog(12).bodies
        log.store_bodies(writer)
        assert verify(path).logs[0].entries == 8
        log.store_head(writer)
        log.store_state(writer)
        writer.execute("commit")
        assert verify(path).verdict is Verdict.VERIFIED
        assert verify(path).logs[0].entries == 12
    finally:
        writer.close()


def test_progress_ends_at_the_total(tmp_path: Path) -> None:
    """Whoever waits sees how far it is."""
    path = SmallLog(2400, plain=True).write(tmp_path / "log.db")
    seen: list[tuple[int, int]] = []
    verify(path, progress=lambda done, total: seen.append((done, total)))
    assert len(seen) >= 3
    assert seen == sorted(seen)
    assert seen[-1] == (2400, 2400)


def test_many_findings_are_counted_and_not_kept(tmp_path: Path) -> None:
    """A wholly foreign log does not fill the memory, and stays tampered."""
    log = SmallLog(400)
    path = log.write(tmp_path / "log.db")
    with editing(path) as database:
        database.execute("update log_entry set kind = 'x'")
    (found,) = verify(path).logs
    assert len(found.findings) == MAX_FINDINGS
    assert found.dropped == 300
    assert found.first_bad_seq == 0
    assert found.verdict is Verdict.TAMPERED


def test_a_clock_that_went_back_is_a_warning(tmp_path: Path) -> None:
    """Order is the index; a time is what a machine believed."""
    log = SmallLog(4)
    early = entry_at(3).body(tenant="main", seq=3, at_micros=5)
    log.bodies[3] = early
    verification = verify(log.write(tmp_path / "log.db"))
    assert verification.verdict is Verdict.VERIFIED
    assert verification.logs[0].warnings == (
        "1 entries carry an earlier time than the one before them",
    )


def test_virtual_columns_are_compared_in_a_deep_walk(tmp_path: Path) -> None:
    """A computed column cannot lie, but its definition can."""
    log = SmallLog(4)
    path = log.write(tmp_path / "log.db")
    with editing(path) as database:
        database.execute("alter table log_entry drop column name")
        database.execute(
            "alter table log_entry add column name text generated always as ('x') virtual"
        )
        database.execute("alter table log_entry add column mood text")
    assert verify(path, deep=False).verdict is Verdict.VERIFIED
    deep = verify(path, deep=True)
    assert {one.check for one in deep.all_findings} == {Check.PROJECTIONS_AGREE}
    assert deep.warnings == ("the column `mood` is covered by no entry",)


def test_the_command_line_says_it_in_words_and_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 verified, 1 tampered, 2 cannot judge; `--json` holds all of it."""
    log = SmallLog(8)
    path = log.write(tmp_path / "log.db")
    note = tmp_path / "seen"
    note.write_text(log.note(4))
    given = [str(path), "--vkey", log.signer.vkey, "--checkpoint", str(note)]
    assert main(given) == 0
    assert "agrees with the outside checkpoint at 4, 4 entries beyond it" in capsys.readouterr().out
    assert main([*given, "--json", "--tenant", "main"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "verified"
    assert document["logs"][0]["checkpoints"] == [4]
    with editing(path) as database:
        database.execute("delete from log_entry where seq = 5")
    assert main(given) == 1
    assert "deleted at 5: the entries 5 to 5 are missing [seq_dense]" in capsys.readouterr().out
    assert main([str(path), "--vkey", "no key"]) == 2
    assert main([str(path), "--checkpoint", str(tmp_path / "nowhere")]) == 2
    assert main([str(tmp_path / "nowhere")]) == 2
