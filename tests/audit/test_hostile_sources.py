"""What somebody who makes the source can put before the auditor, and what must be said of it."""

from __future__ import annotations

import gzip
import os
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from tarfile import USTAR_FORMAT, TarInfo

import orjson
import pytest
from audit.sealed_log import SealedLog
from audit.small_log import AGENT, SmallLog, editing, signer_of

from sayso.audit.entry import Entry, EntryKind, Json
from sayso.audit.exports.bundle import write_bundle
from sayso.audit.segments.segment import SegmentInfo, SegmentReader
from sayso.audit.tree.merkle import LeafHashes, leaf_hash
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Check, Verdict
from sayso.audit.verify import main, verify
from sayso.errors import IntegrityError

FORGER = 66


def _forged(log: SmallLog) -> SmallLog:
    """The log with another past, and a head that a key of the forger's own signs."""
    log.bodies[3] = log.bodies[3].replace(b"agt_1", b"agt_9")
    log.signer = signer_of(log.origin, FORGER)
    return log


@pytest.mark.promise("audit:pinned")
def test_a_pinned_key_in_the_list_of_an_export_vouches_for_no_other_key(tmp_path: Path) -> None:
    """Anybody can write the auditor's key into `vkeys`, and their own beside it."""
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


STRANGE = (None, b"\xff", "x", 1e308, float("inf"), -1, 2**63 - 1, "1" * 5000, "")
COLUMNS = {
    "log_key": ("vkey", "from_size", "to_size"),
    "log_head": ("size", "frontier", "note"),
    "log_entry": ("seq", "tenant"),
    "action": ("id", "status", "last_seq", "revision"),
    "approval": ("id", "status", "last_seq"),
}


@pytest.mark.promise("audit:no-crash")
@pytest.mark.parametrize(
    "place", [f"{table} {name}" for table in COLUMNS for name in COLUMNS[table]]
)
def test_a_value_of_any_kind_in_any_column_is_judged(place: str, tmp_path: Path) -> None:
    """Whoever owns the file can make tables without types and without keys."""
    table, column = place.split()
    SmallLog(4).write(tmp_path / "log.db")
    for number, value in enumerate(STRANGE):
        path = Path(shutil.copy(tmp_path / "log.db", tmp_path / f"{number}.db"))
        with editing(path) as database:
            database.execute(f"create table other as select * from {table}")
            database.execute(f"drop table {table}")
            database.execute("alter table other rename to " + table)
            database.execute(f"update {table} set {column} = ?", (value,))
        found = verify(path, deep=True)
        assert found.verdict is not Verdict.VERIFIED or (place, value) == ("log_key to_size", None)
        orjson.dumps(found.to_json())


@pytest.mark.promise("audit:no-crash")
@pytest.mark.parametrize(
    "change",
    [
        {"kind": []},
        {"kind": {"x": 1}},
        {"data": {"decision": [], "approval_status": "approved"}, "kind": "action.approved"},
        {"data": {"first": []}, "kind": "log.sealed"},
        {"data": {"first": {}}, "kind": "log.sealed"},
        {"data": {"size": []}, "kind": "log.pruned"},
        {"data": {"note": []}, "kind": "key.rotated"},
        {"status": []},
        {"actor": []},
    ],
)
def test_an_entry_of_any_shape_is_judged(change: dict[str, object], tmp_path: Path) -> None:
    """Damage is told, with the index; it stops no verification, deep or not."""
    log = SmallLog(4)
    fields = {**orjson.loads(log.bodies[2]), **change}
    log.bodies[2] = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    path = log.write(tmp_path / "log.db")
    assert verify(path).logs[0].entries == 4
    assert verify(path, deep=True).logs[0].entries == 4


@pytest.mark.promise("audit:no-crash")
def test_rows_with_json_of_any_shape_are_judged(tmp_path: Path) -> None:
    """What stands in a row's JSON is as foreign as the row."""
    path = SmallLog(4).write(tmp_path / "log.db")
    with editing(path) as database:
        for column in ("judgement", "snapshot", "receipt", "error"):
            database.execute(f"alter table action add column {column} text")
        for value in ('{"rules":5}', '{"rules":{}}', "[[]]", "{", "5"):
            for column in ("judgement", "snapshot", "receipt", "error"):
                database.execute(f"update action set {column} = ?", (value,))
            database.commit()
            assert verify(path, deep=True).source == str(path)


@pytest.mark.promise("audit:no-crash")
def test_a_value_that_is_computed_does_not_fill_the_memory(tmp_path: Path) -> None:
    """A kilobyte of schema can stand for gigabytes in each row."""
    path = SmallLog(4).write(tmp_path / "log.db")
    with editing(path) as database:
        database.execute("create table other as select * from log_entry")
        database.execute("drop table log_entry")
        huge = "hex(zeroblob(100000000))"
        database.execute(
            "create table log_entry (tenant text, seq integer, name text,"
            f" body text generated always as ({huge}) virtual)"
        )
        database.execute("insert into log_entry (tenant, seq) select tenant, seq from other")
    tracemalloc.start()
    found = verify(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.verdict is not Verdict.VERIFIED
    assert Check.SOURCE_READABLE in {one.check for one in found.all_findings}
    assert peak < 50_000_000


def _bundle_of(log: SmallLog, folder: Path, *, filtered: bool = True) -> Path:
    leaves = LeafHashes(list(map(leaf_hash, log.bodies)))
    write_bundle(
        folder,
        tenant=log.tenant,
        note=log.note(),
        vkeys=[log.signer.vkey],
        entries=enumerate(log.bodies),
        proofs=leaves if filtered else None,
    )
    return folder


@pytest.mark.promise("audit:no-crash")
@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_names_that_are_no_text_are_told(
    arguments: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file name is any bytes; a warning about it can be printed, and is JSON."""
    bundle = _bundle_of(SmallLog(4), tmp_path / "bundle")
    (bundle / os.fsdecode(b"\xff\x1b[2J")).touch()
    assert main([str(bundle), *arguments]) == 0
    printed = capsys.readouterr().out
    assert "no part of a bundle" in printed
    assert "\x1b" not in printed


@pytest.mark.promise("audit:no-crash")
def test_no_name_in_the_log_writes_the_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An id may be an order to the terminal, such as to go up and write `verified` there."""
    path = SmallLog(4).write(tmp_path / "log.db")
    with editing(path) as database:
        name = "\x1b[2J\x1b[Hverified: log.db\n  acme/main: verified\r\u202e\x9b2J"
        database.execute("update action set id = ?", (name,))
    assert main([str(path)]) == 1
    printed = capsys.readouterr().out
    assert all(char.isprintable() or char == "\n" for char in printed)
    assert printed.count("verified: log.db\n") == 0


def _link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _link_to_itself(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.promise("audit:no-crash")
@pytest.mark.parametrize("name", ["entries.jsonl", "proofs.jsonl", "checkpoint", "manifest.json"])
@pytest.mark.parametrize("make", [os.mkfifo, _link_to_a_device])
def test_a_pipe_or_a_device_in_a_bundle_is_not_read(
    make: Callable[[Path], None], name: str, tmp_path: Path
) -> None:
    """Reading the one would wait for ever, and the other would never end."""
    bundle = _bundle_of(SmallLog(4), tmp_path / "bundle")
    (bundle / name).unlink()
    make(bundle / name)
    assert verify(bundle).exit_status in {1, 2}


@pytest.mark.promise("audit:no-crash")
@pytest.mark.parametrize("filtered", [True, False])
@pytest.mark.parametrize("name", ["entries.jsonl", "proofs.jsonl", "checkpoint", "manifest.json"])
def test_what_cannot_be_read_accuses_nobody(name: str, *, filtered: bool, tmp_path: Path) -> None:
    """A file that a disk does not give was taken for one that ends early, which is tampering."""
    bundle = _bundle_of(SmallLog(4), tmp_path / "bundle", filtered=filtered)
    (bundle / name).unlink(missing_ok=True)
    (bundle / name).symlink_to(name)
    found = verify(bundle)
    if name == "proofs.jsonl" and not filtered:  # of which such a bundle has none
        assert found.verdict is Verdict.VERIFIED
        return
    assert {one.check for one in found.all_findings} == {Check.SOURCE_READABLE}
    assert found.verdict is Verdict.CANNOT_JUDGE
    (bundle / name).unlink()
    missing = verify(bundle).verdict
    assert missing is (Verdict.TAMPERED if name.endswith("jsonl") else Verdict.CANNOT_JUDGE)


@pytest.mark.promise("audit:no-crash")
@pytest.mark.parametrize("make", [os.mkfifo, _link_to_a_device, _link_to_itself])
def test_a_path_that_is_no_file_is_neither_waited_for_nor_judged(
    make: Callable[[Path], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipe in the place of a database was waited for, and a link to itself was an error inside.

    Nothing in its name, or in a wrong option, reaches a terminal as it is.
    """
    path = tmp_path / "no\nverified: \x1b[31m\u202elog.db"
    make(path)
    assert main([str(path)]) == 2
    with pytest.raises(SystemExit) as ended:
        main([str(path), f"--{path.name}"])
    assert ended.value.code == 2
    assert main([str(path), "--vkey", path.name]) == 2
    out, err = capsys.readouterr()
    assert "cannot be read" in out
    assert all(char.isprintable() or char == "\n" for char in out + err)
    assert "\nverified" not in out + err


@pytest.mark.promise("audit:no-crash")
def test_a_packed_file_that_is_no_segment_is_not_judged(tmp_path: Path) -> None:
    """Whatever somebody packed, also a little of it that would be gigabytes, was `tampered`."""
    for number, content in enumerate((b"", b"hello", bytes(30_000_000))):
        path = tmp_path / f"{number}.gz"
        path.write_bytes(gzip.compress(content))
        tracemalloc.start()
        found = verify(path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert (found.exit_status, peak < 2_000_000) == (2, True)


@pytest.mark.promise("audit:no-crash")
def test_what_is_held_is_read_as_far_as_it_can_be_meant(tmp_path: Path) -> None:
    """A checkpoint or a proof of gigabytes is none, and is not read to its end."""
    path = SmallLog(4).write(tmp_path / "log.db")
    for option in ("--checkpoint", "--grown"):
        assert main([str(path), option, "/dev/zero"]) == 2


@pytest.mark.promise("audit:no-crash")
def test_a_pipe_in_the_place_of_a_segment_is_not_waited_for(tmp_path: Path) -> None:
    """It is no file, so the file is missing."""
    log = SealedLog(tmp_path)
    log.prune(256)
    path = log.write(tmp_path / "log.db")
    file = log.folder / log.rows[0].segment.file
    file.unlink()
    os.mkfifo(file)
    found = verify(path, trust=Trust.parse(segments=log.files))
    assert {one.check for one in found.all_findings} == {Check.SEGMENT_PRESENT}


@pytest.mark.promise("audit:no-crash")
def test_many_lines_that_are_no_segments_take_no_memory(tmp_path: Path) -> None:
    """Nothing can follow the first of them."""
    log = SealedLog(tmp_path)
    log.prune(256)
    bundle = tmp_path / "bundle"
    write_bundle(
        bundle,
        tenant=log.tenant,
        note=log.note(),
        vkeys=[log.signer.vkey],
        entries=list(enumerate(log.bodies))[256:],
        kept=[row.segment for row in log.rows],
    )
    (bundle / "segments.jsonl").write_bytes(b"\n" * 2_000_000)
    tracemalloc.start()
    assert verify(bundle).verdict is Verdict.TAMPERED
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.promise("audit:pinned")
def test_a_log_whose_key_is_pinned_must_be_there(tmp_path: Path) -> None:
    """Whoever drops it with the log of logs leaves nothing that contradicts them."""
    main, other = SmallLog(8), SmallLog(8, tenant="other")
    path = other.write(main.write(tmp_path / "log.db"))
    keys = [main.signer.vkey, other.signer.vkey, signer_of("acme/sayso:logs").vkey]
    elsewhere = signer_of("rival/main", FORGER).vkey
    trust = Trust.parse([*keys, elsewhere])
    assert verify(path, trust=trust).verdict is Verdict.VERIFIED
    with editing(path) as database:
        for table in ("log_entry", "log_head", "log_key", "action", "approval"):
            database.execute(f"delete from {table} where tenant = 'main'")
    found = verify(path, trust=trust)
    assert [one.check for one in found.all_findings] == [Check.PINNED_HAS_LOG]
    assert found.verdict is Verdict.CANNOT_JUDGE
    assert verify(path, trust=trust, tenant="other").verdict is Verdict.VERIFIED


@pytest.mark.promise("audit:rebuilt")
@pytest.mark.parametrize(
    "row",
    [
        "action values ('main', 'x', 'approved', 1, ?)",
        "approval values ('main', 'x', 'pending', ?)",
    ],
)
def test_what_can_still_move_does_not_pass_for_pruned(row: str, tmp_path: Path) -> None:
    """Entries go only with what has ended, so a row of which none was read has ended, too."""
    log = SealedLog(tmp_path, state=True)
    log.prune(256)
    path = log.write(tmp_path / "log.db")
    known = verify(path)
    assert (known.verdict, known.logs[0].uncompared_rows) == (Verdict.VERIFIED, 128)
    with editing(path) as database:
        database.execute(f"insert into {row}", (len(log.bodies) - 1,))
    found = verify(path)
    assert [one.check for one in found.all_findings] == [Check.STATE_STATUS]
    assert found.verdict is Verdict.TAMPERED


@pytest.mark.promise("audit:no-crash")
def test_a_segment_that_would_unpack_to_too_much_is_refused_at_once(tmp_path: Path) -> None:
    """Two hundred entries of one byte take a byte of such a file, so a small one could hold all."""
    count = 1 << 30
    info = SegmentInfo(tenant="main", origin="acme/main", first=0, count=count, size=count)
    members = {"manifest.json": info.encoded(), "checkpoint": b"x", "vkeys": b"x\n", "proof": b""}
    content = b""
    for name, text in members.items():
        member = TarInfo(name)
        member.size = len(text)
        content += member.tobuf(USTAR_FORMAT) + text + bytes(-len(text) % 512)
    path = tmp_path / "segment.tar.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(IntegrityError, match="not in the form that the writer writes"):
        SegmentReader(path)
    assert verify(path).verdict is Verdict.TAMPERED


@pytest.mark.promise("audit:rebuilt")
def test_a_sweep_erased_no_more_rows_than_it_says(tmp_path: Path) -> None:
    """What somebody blanks by hand does not pass for swept, whatever sweep it names."""
    log = SmallLog(8)
    data: dict[str, Json] = {"before": "2025-11-25T12:00:00.000000Z", "actions": 1}
    log.append(Entry(kind=EntryKind.RETENTION_SWEPT, actor=AGENT, data=data))
    path = log.write(tmp_path / "log.db")
    with editing(path) as database:
        database.execute("alter table action add column erased_seq integer")
        database.execute("update action set erased_seq = 8 where id = 'act_0'")
    assert verify(path, deep=True).verdict is Verdict.VERIFIED
    with editing(path) as database:
        database.execute("update action set erased_seq = 8")
    found = verify(path, deep=True)
    assert [one.check for one in found.all_findings] == [Check.STATE_ERASED]
