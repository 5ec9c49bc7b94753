"""Each question the verifier asks is needed: without it, something that is wrong would verify.

For every check there is a case that only this check finds. The case is judged twice: by the
verifier, which must find it, and by a copy from which exactly this check was removed, which must
not. A check without a case, or a case that another check finds too, fails here.
"""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import cast

import pytest
from audit.broken_rules import BROKEN, Step
from audit.copied_verifier import without
from audit.ruled_log import write_ruled
from audit.sealed_log import SealedLog
from audit.small_log import (
    SmallLog,
    editing,
    frontier_of,
    head_entry,
    rotation_entry,
    signer_of,
)
from support.time_stamp_authority import FakeAuthority, imprint_of

from sayso.audit.authority.keyring import Keyring
from sayso.audit.entry import read_canonical
from sayso.audit.exports.bundle import write_bundle
from sayso.audit.log_of_logs import LOGS
from sayso.audit.segments.segment import WrittenSegment
from sayso.audit.signed_note.authorities import TimeAuthorities
from sayso.audit.signed_note.cosignature import Ed25519Cosigner
from sayso.audit.signed_note.note import Checkpoint, parse_note, sign_checkpoint
from sayso.audit.signed_note.timestamps import Authorities, StampedNote
from sayso.audit.signed_note.witness_policy import WitnessPolicy
from sayso.audit.tree.merkle import LeafHashes, leaf_hash
from sayso.audit.verifier.bundle import (
    CHECKPOINT,
    ENTRIES,
    MANIFEST,
    PROOFS,
    VKEYS,
    BundleManifest,
    Digester,
)
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Check, Verdict
from sayso.audit.verify import verify


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """Something wrong: where it is, and what the auditor holds against it."""

    path: Path
    keys: tuple[str, ...] = ()
    notes: tuple[bytes, ...] = ()
    deep: bool = False
    policy: WitnessPolicy | None = None
    segments: Path | None = None
    authorities: Authorities | None = None
    stamped: tuple[StampedNote, ...] = ()
    keyring: Keyring | None = None


Case = Callable[[Path], Wrong]


def _plain(
    folder: Path, change: Callable[[sqlite3.Connection, SmallLog], None], *, deep: bool = False
) -> Wrong:
    """A log of entries without state, changed by somebody who can write the database."""
    log = SmallLog(8, plain=True)
    path = log.write(folder / "log.db")
    with editing(path) as database:
        change(database, log)
    return Wrong(path=path, deep=deep)


def _resigned(old: bytes, new: bytes, *, deep: bool = False) -> Case:
    """A body that the key's holder changed and signed."""

    def change(database: sqlite3.Connection, log: SmallLog) -> None:
        assert old in log.bodies[5]
        log.bodies[5] = log.bodies[5].replace(old, new)
        log.store_bodies(database)
        log.store_head(database)

    return lambda folder: _plain(folder, change, deep=deep)


def _sql(statement: str, *values: object) -> Case:
    """A log of entries without state, changed by one statement."""

    def change(database: sqlite3.Connection, _log: SmallLog) -> None:
        database.execute(statement, values)

    return lambda folder: _plain(folder, change)


def _state_sql(statement: str, *, deep: bool = False) -> Case:
    """A log with state, changed by one statement."""

    def case(folder: Path) -> Wrong:
        path = SmallLog(8).write(folder / "log.db")
        with editing(path) as database:
            database.execute(statement)
        return Wrong(path=path, deep=deep)

    return case


def _not_a_database(folder: Path) -> Wrong:
    good = SmallLog(4).write(folder / "log.db")
    # The state of the second table cannot be read; what stands before it is whole.
    with editing(good) as database:
        database.execute("alter table approval rename column status to other")
    return Wrong(path=good)


def _hidden_from_index(folder: Path) -> Wrong:
    path = SmallLog(8, plain=True).write(folder / "log.db")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("create index by_kind on log_entry (kind)")
    connection.execute("pragma writable_schema = on")
    connection.execute(
        "update sqlite_master set sql = 'create index by_kind on log_entry (body)'"
        " where name = 'by_kind'"
    )
    connection.close()
    return Wrong(path=path, deep=True)


def _damaged(folder: Path) -> Wrong:
    path = SmallLog(8, plain=True).write(folder / "log.db")
    with editing(path) as database:
        database.execute("create index nobody_reads on log_entry (body)")
        (page,) = database.execute(
            "select rootpage from sqlite_master where name = 'nobody_reads'"
        ).fetchone()
        (size,) = database.execute("pragma page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    return Wrong(path=path, deep=True)


def _sealed_by(wrapped: Callable[[Keyring], bytes]) -> Case:
    """A log with state whose customer's key somebody else has wrapped, or nobody."""

    def case(folder: Path) -> Wrong:
        path = SmallLog(8).write(folder / "log.db")
        keyring = Keyring(b"\1" * 32)
        with editing(path) as database:
            database.execute("alter table action add column subject_id text default 'cus_1'")
            database.execute("create table subject (tenant, id, pseudonym, created_at, key)")
            database.execute("create table erasure (tenant, subject_id, pseudonym)")
            key = wrapped(keyring)
            database.execute("insert into subject values ('main', 'cus_1', 'sub_1', '', ?)", (key,))
        return Wrong(path=path, deep=True, keyring=keyring)

    return case


def _by_another_root(_own: Keyring) -> bytes:
    return Keyring(b"\2" * 32).wrap(b"\3" * 32, b"place", lambda count: bytes(count))


def _behind_a_view(database: sqlite3.Connection, _log: SmallLog) -> None:
    database.execute("alter table publication rename to other")
    database.execute("create view publication as select * from other")


def _gap(database: sqlite3.Connection, log: SmallLog) -> None:
    log.bodies[7] = log.bodies[7].replace(b'"seq":7', b'"seq":9')
    log.store_bodies(database)
    database.execute("update log_entry set seq = 9 where seq = 7")
    log.store_head(database)


def _head(change: Callable[[SmallLog], None]) -> Case:
    """A head that is signed once more after a change."""

    def case(database: sqlite3.Connection, log: SmallLog) -> None:
        change(log)
        log.store_bodies(database)
        log.store_head(database)

    return lambda folder: _plain(folder, case)


def _other_origin(log: SmallLog) -> None:
    log.origin = "rival/main"


def _other_key(log: SmallLog) -> None:
    log.signer = signer_of(log.origin, seed=2)


def _bad_signature(database: sqlite3.Connection, log: SmallLog) -> None:
    note = log.note()
    at = note.rindex(" ") + 40
    other = "A" if note[at] != "A" else "B"
    database.execute("update log_head set note = ?", (note[:at] + other + note[at + 1 :],))


def _edited(database: sqlite3.Connection, log: SmallLog) -> None:
    log.bodies[5] = log.bodies[5].replace(b"agt_1", b"agt_2")
    log.store_bodies(database)


def _outside(make: Callable[[SmallLog], str], *, pin: bool = False) -> Case:
    """An untouched log, and a note from elsewhere that does not go with it."""

    def case(folder: Path) -> Wrong:
        log = SmallLog(8, plain=True)
        path = log.write(folder / "log.db")
        keys = (log.signer.vkey,) if pin else ()
        return Wrong(path=path, keys=keys, notes=(make(log).encode(),))

    return case


def _pinned_other(folder: Path) -> Wrong:
    log = SmallLog(8, plain=True)
    return Wrong(path=log.write(folder / "log.db"), keys=(signer_of("other").vkey,))


def _note_of(log: SmallLog, *, size: int = 8, root: bytes | None = None, key: int = 1) -> str:
    own = frontier_of(log.bodies[:size]).root()
    checkpoint = Checkpoint(origin=log.origin, size=size, root=root or own)
    return sign_checkpoint(checkpoint, signer_of(log.origin, key))


def _signed_by_the_key_before(folder: Path) -> Wrong:
    log = SmallLog(8, plain=True)
    before = log.signer
    log.rotate(seed=2)
    log.signer = before
    return Wrong(path=log.write(folder / "log.db"))


def _witnessed(
    *, size: int, root: bytes | None = None, wrong_line: bool = False, quorum: str = "none"
) -> Case:
    """A log of 8 beside which stands what a witness cosigned, of this size (0: nothing)."""

    def case(folder: Path) -> Wrong:
        log = SmallLog(8, plain=True)
        path = log.write(folder / "log.db")
        witness = Ed25519Cosigner.generate("witness.example/w")
        policy = WitnessPolicy.parse(f"witness w {witness.vkey}\nquorum {quorum}\n")
        if size:
            note = _note_of(log, size=size, root=root)
            text = parse_note(note)[0]
            line = witness.cosign("other" + text if wrong_line else text, 1_764_072_000)
            with editing(path) as database:
                row = ("main", "finance", note + line.text())
                database.execute("insert into publication values (?, ?, ?)", row)
        return Wrong(path=path, policy=policy)

    return case


AUTHORITY = FakeAuthority()
STRANGER = FakeAuthority()


def _stamped(
    *,
    size: int = 0,
    root: bytes | None = None,
    other_bytes: bool = False,
    good: bool = True,
    held: bool = False,
) -> Case:
    """A log of 8 with a time stamp at 4 if it is good, and another one that is not."""

    def case(folder: Path) -> Wrong:
        log = SmallLog(8, plain=True)
        path = log.write(folder / "log.db")
        rows = [(_note_of(log, size=4), AUTHORITY, False)] if good else []
        if size:
            authority = STRANGER if held else AUTHORITY
            rows.append((_note_of(log, size=size, root=root), authority, other_bytes))
        heads = [_stamped_note(*row) for row in rows]
        kept = heads[:1] if held else heads
        with editing(path) as database:
            for one in kept:
                row = ("main", "tsa", 0, one.note.decode(), one.token)
                database.execute("insert into log_timestamp values (?, ?, ?, ?, ?)", row)
        outside = tuple(replace(one, file="held.tst") for one in heads[1:]) if held else ()
        roots = TimeAuthorities.parse(AUTHORITY.roots_pem)
        return Wrong(path=path, authorities=roots, stamped=outside)

    return case


def _stamped_note(note: str, authority: FakeAuthority, other_bytes: bool) -> StampedNote:
    encoded = note.encode()
    digest = sha256(encoded[:-1] if other_bytes else encoded).digest()
    return StampedNote(note=encoded, token=authority.token(imprint_of(digest)))


def _entered(tenant: str, size: int) -> Case:
    """A log of 8, and a log of logs that knows it, or another one, otherwise."""

    def case(folder: Path) -> Wrong:
        path = SmallLog(8, plain=True).write(folder / "log.db")
        logs = SmallLog(0, tenant=LOGS, plain=True)
        logs.append(head_entry(tenant, size, b"\1" * 32))
        return Wrong(path=logs.write(path))

    return case


def _wrong_manifest(folder: Path) -> Wrong:
    log = SmallLog(4)
    write_bundle(
        folder / "bundle",
        tenant=log.tenant,
        note=log.note(),
        vkeys=[log.signer.vkey],
        entries=enumerate(log.bodies),
    )
    path = folder / "bundle" / MANIFEST
    path.write_bytes(path.read_bytes().replace(b'"count":4', b'"count":5'))
    return Wrong(path=folder / "bundle")


def _wrong_proof(folder: Path) -> Wrong:
    log = SmallLog(4)
    bundle = folder / "bundle"
    write_bundle(
        bundle,
        tenant=log.tenant,
        note=log.note(),
        vkeys=[log.signer.vkey],
        entries=[(2, log.bodies[2])],
        proofs=LeafHashes(list(map(leaf_hash, log.bodies))),
    )
    path = bundle / ENTRIES
    path.write_bytes(path.read_bytes().replace(b"agt_1", b"agt_2"))
    rebuild_manifest(bundle)
    return Wrong(path=bundle)


def rebuild_manifest(bundle: Path) -> None:
    """Make the manifest fit the files again, as anybody can."""
    fields = read_canonical((bundle / MANIFEST).read_bytes()[:-1])
    assert isinstance(fields, dict)
    digests = [Digester(name) for name in sorted((ENTRIES, CHECKPOINT, VKEYS, PROOFS))]
    for digester in digests:
        name = digester.digest().name
        if (bundle / name).exists():
            digester.add((bundle / name).read_bytes())
    manifest = BundleManifest(
        tenant=cast("str", fields["tenant"]),
        origin=cast("str", fields["origin"]),
        full=bool(fields["full"]),
        size=cast("int", fields["size"]),
        count=cast("int", fields["count"]),
        first=cast("int | None", fields["first"]),
        last=cast("int | None", fields["last"]),
        files=tuple(one.digest() for one in digests if (bundle / one.digest().name).exists()),
    )
    (bundle / MANIFEST).write_bytes(manifest.encoded())


def _segment_sql(statement: str) -> Case:
    """A log with sealed segments whose files are not at hand, changed by one statement."""

    def case(folder: Path) -> Wrong:
        path = SealedLog(folder).write(folder / "log.db")
        with editing(path) as database:
            database.execute(statement)
        return Wrong(path=path)

    return case


def _deleted_as_if_pruned(folder: Path) -> Wrong:
    path = SealedLog(folder).write(folder / "log.db")
    with editing(path) as database:
        database.execute("delete from log_entry where seq < 256")
        database.execute("update log_segment set pruned_to = 256 where first = 0")
    return Wrong(path=path)


def _segment_file(change: Callable[[Path], object]) -> Case:
    """A log of which a segment is pruned, and whose file was changed."""

    def case(folder: Path) -> Wrong:
        log = SealedLog(folder)
        log.prune(256)
        change(log.folder / log.rows[0].segment.file)
        return Wrong(path=log.write(folder / "log.db"), segments=log.files)

    return case


def _other_file(make: Callable[[SealedLog], tuple[WrittenSegment, str]]) -> Case:
    """A log whose key's holder entered a file that does not go with it."""

    def case(folder: Path) -> Wrong:
        log = SealedLog(folder)
        root, tile = log.rows[1].segment.root, log.rows[1].segment.tile
        del log.bodies[-1], log.rows[-1]
        written, name = make(log)
        log.enter(256, replace(written, root=root, tile=tile), name)
        return Wrong(path=log.write(folder / "log.db"), segments=log.files)

    return case


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _pack_again(path: Path) -> None:
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 1, mtime=1))


def _other_bodies(log: SealedLog) -> tuple[WrittenSegment, str]:
    bodies = log.bodies[256:512]
    bodies[7] = bodies[7].replace(b"agt_1", b"agt_2")
    return log.write_file(256, bodies)


def _other_checkpoint(log: SealedLog) -> tuple[WrittenSegment, str]:
    return log.write_file(256, log.bodies[256:512], note=_note_of(log, size=513, key=2))


def _checkpoint_among_the_pruned(folder: Path) -> Wrong:
    log = SealedLog(folder)
    seen = log.note(100).encode()
    log.prune(256)
    return Wrong(path=log.write(folder / "log.db"), notes=(seen,))


def _without_a_pinned_log(folder: Path) -> Wrong:
    log = SmallLog(8, plain=True)
    keys = (log.signer.vkey, signer_of("acme/gone").vkey, signer_of("rival/main").vkey)
    return Wrong(path=log.write(folder / "log.db"), keys=keys)


def _broken(step: Step) -> Case:
    """A log in which one rule was broken, with no rows beside it."""
    return lambda folder: Wrong(path=write_ruled(folder / "bundle", step), deep=True)


CASES: dict[Check, Case] = {
    Check.SOURCE_READABLE: _not_a_database,
    Check.SOURCE_CONSISTENT: _hidden_from_index,
    Check.SOURCE_UNDAMAGED: _damaged,
    Check.KEY_AT_HAND: _sealed_by(_by_another_root),
    Check.KEY_WRAPPED: _sealed_by(lambda _: b"\3" * 32),
    Check.SOURCE_TABLES: lambda folder: _plain(folder, _behind_a_view),
    Check.LOG_NOT_EMPTY: _state_sql("insert into log_key values ('empty', 'x+y+z', 0, null)"),
    Check.SEQ_DENSE: lambda folder: _plain(folder, _gap),
    Check.BODY_CANONICAL: _resigned(b'"seq":5', b'"seq": 5'),
    Check.BODY_FORMAT: _resigned(b',"kind":"audit', b',"data":{"x":1.5},"kind":"audit', deep=True),
    Check.BODY_TENANT: _resigned(b'"tenant":"main"', b'"tenant":"rival"'),
    Check.BODY_SEQ: _resigned(b'"seq":5', b'"seq":6'),
    Check.PROJECTIONS_AGREE: _sql("update log_entry set kind = 'action.failed' where seq = 5"),
    Check.HEAD_PRESENT: _sql("delete from log_head"),
    Check.HEAD_IS_NOTE: _sql("update log_head set note = note || ' '"),
    Check.HEAD_SIGNED: lambda folder: _plain(folder, _bad_signature),
    Check.HEAD_KEY_LISTED: _head(_other_key),
    Check.HEAD_KEY_TRUSTED: _pinned_other,
    Check.HEAD_KEY_IN_RANGE: _signed_by_the_key_before,
    Check.KEY_ROTATION: _head(lambda log: log.append(rotation_entry("nonsense"))),
    Check.KEY_INTRODUCED: _sql(
        "insert into log_key values ('main', ?, 5, null)", signer_of("acme/main", 2).vkey
    ),
    Check.HEAD_ORIGIN: _head(_other_origin),
    Check.HEAD_ROOT: lambda folder: _plain(folder, _edited),
    Check.HEAD_ROW_SIZE: _sql("update log_head set size = 7"),
    Check.HEAD_ROW_FRONTIER: _sql("update log_head set frontier = zeroblob(32)"),
    Check.CHECKPOINT_READABLE: _outside(lambda log: log.note() + "\n"),
    Check.CHECKPOINT_SIGNED: _outside(lambda log: _note_of(log, key=2), pin=True),
    Check.CHECKPOINT_HAS_LOG: _outside(lambda _: SmallLog(tenant="gone").note()),
    Check.PINNED_HAS_LOG: _without_a_pinned_log,
    Check.CHECKPOINT_REACHED: _outside(lambda log: _note_of(log, size=12, root=b"\1" * 32)),
    Check.CHECKPOINT_ROOT: _outside(lambda log: _note_of(log, size=4, root=b"\1" * 32)),
    Check.STATE_ENTRY: _state_sql("update approval set last_seq = 6 where id = 'apr_0'"),
    Check.STATE_STATUS: _state_sql("update action set status = 'failed' where id = 'act_0'"),
    Check.STATE_LATEST: _state_sql(
        "update action set status = 'approved', last_seq = 2 where id = 'act_0'"
    ),
    Check.STATE_ROW_PRESENT: _state_sql("delete from action where id = 'act_0'"),
    Check.STATE_REBUILT: _state_sql("update action set revision = 2", deep=True),
    Check.STATE_BOUND: _state_sql(
        "alter table action add column snapshot text default '{}'", deep=True
    ),
    Check.STATE_ERASED: _state_sql(
        "alter table action add column erased_seq integer default 3", deep=True
    ),
    Check.COSIGNATURE_FITS: _witnessed(size=8, wrong_line=True),
    Check.ANCHOR_PRESENT: _witnessed(size=0, quorum="w"),
    Check.ANCHOR_REACHED: _witnessed(size=12),
    Check.ANCHOR_ROOT: _witnessed(size=4, root=b"\1" * 32),
    Check.TIMESTAMP_PRESENT: _stamped(good=False),
    Check.TIMESTAMP_TRUSTED: _stamped(size=8, held=True),
    Check.TIMESTAMP_FITS: _stamped(size=8, other_bytes=True),
    Check.TIMESTAMP_REACHED: _stamped(size=12),
    Check.TIMESTAMP_ROOT: _stamped(size=8, root=b"\1" * 32),
    Check.ENTERED_HAS_LOG: _entered("gone", 8),
    Check.ENTERED_REACHED: _entered("main", 12),
    Check.ENTERED_ROOT: _entered("main", 4),
    Check.CHECKPOINT_COMPARED: _checkpoint_among_the_pruned,
    Check.SEGMENT_ROW: _segment_sql("update log_segment set tile = zeroblob(32) where first = 256"),
    Check.SEGMENT_SEALED: _segment_sql("update log_segment set bytes = bytes + 1"),
    Check.SEGMENT_PRUNED: _deleted_as_if_pruned,
    Check.SEGMENT_PRESENT: _segment_file(Path.unlink),
    Check.SEGMENT_FORM: _segment_file(_flip),
    Check.SEGMENT_DIGEST: _segment_file(_pack_again),
    Check.SEGMENT_ROOT: _other_file(_other_bodies),
    Check.SEGMENT_SIGNED: _other_file(_other_checkpoint),
    Check.BUNDLE_MANIFEST: _wrong_manifest,
    Check.ROW_PROVEN: _wrong_proof,
    **{check: _broken(steps[0]) for check, steps in BROKEN.items()},
}


@pytest.mark.promise("audit:verifier-tested")
def test_every_check_has_a_case() -> None:
    """A new check cannot be added without showing what it is for."""
    assert CASES.keys() == set(Check)


@pytest.mark.promise("audit:verifier-tested")
@pytest.mark.parametrize("check", Check)
def test_only_this_check_finds_the_case(check: Check, tmp_path: Path) -> None:
    """With the check it is found; without it, it would verify."""
    wrong = CASES[check](tmp_path)
    trust = Trust.parse(
        wrong.keys,
        wrong.notes,
        policy=wrong.policy,
        segments=wrong.segments,
        authorities=wrong.authorities,
        stamped=wrong.stamped,
        keyring=wrong.keyring,
    )
    verification = verify(wrong.path, trust=trust, deep=wrong.deep)
    assert {found.check for found in verification.all_findings} == {check}
    assert verification.verdict is not Verdict.VERIFIED
    assert _verdict_without(check, wrong) == Verdict.VERIFIED.value


def _verdict_without(check: Check, wrong: Wrong) -> str:
    """The verdict of a copy of the verifier that lacks one check."""
    with without(check) as (checks, verifier):
        trust = checks.Trust.parse(
            wrong.keys,
            wrong.notes,
            policy=wrong.policy,
            segments=wrong.segments,
            authorities=wrong.authorities,
            stamped=wrong.stamped,
            keyring=wrong.keyring,
        )
        return str(verifier.verify(wrong.path, trust=trust, deep=wrong.deep).verdict.value)
