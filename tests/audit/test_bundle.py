"""A bundle proves itself, and appears whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from audit.small_log import SmallLog, signer_of
from audit.test_verify_checks import rebuild_manifest

from sayso.audit.exports.bundle import write_bundle
from sayso.audit.tree.merkle import LeafHashes, leaf_hash
from sayso.audit.verifier.bundle import ENTRIES, MANIFEST, PROOFS, BundleManifest
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Check, Damage, Verdict
from sayso.audit.verify import verify
from sayso.errors import IntegrityError, RefusedError

LOG = SmallLog(12)
KEY = LOG.signer.vkey


def write(
    folder: Path,
    only: range | None = None,
    *,
    entries: Iterable[tuple[int, bytes]] | None = None,
    note: str | None = None,
    vkey: str = KEY,
) -> BundleManifest:
    """A bundle of the whole log, or of a few entries with their proofs."""
    own = list(enumerate(LOG.bodies))
    chosen = own if only is None else [own[seq] for seq in only]
    return write_bundle(
        folder,
        tenant=LOG.tenant,
        note=LOG.note() if note is None else note,
        vkeys=[vkey],
        entries=chosen if entries is None else entries,
        proofs=None if only is None else LeafHashes(list(map(leaf_hash, LOG.bodies))),
    )


def test_a_full_bundle_verifies_to_the_root(tmp_path: Path) -> None:
    """All entries, the exact bytes; a pinned key and an older head agree with it."""
    manifest = write(tmp_path / "out")
    assert (manifest.full, manifest.count, manifest.first, manifest.last) == (True, 12, 0, 11)
    assert (tmp_path / "out" / ENTRIES).read_bytes() == b"".join(b + b"\n" for b in LOG.bodies)
    trust = Trust.parse([KEY], [LOG.note(8).encode()])
    verification = verify(tmp_path / "out", trust=trust, deep=True)
    assert verification.all_findings == ()
    (log,) = verification.logs
    assert (log.complete, log.entries, log.checkpoints, log.pinned) == (True, 12, (8,), True)


@pytest.mark.promise("audit:export")
def test_a_filtered_bundle_verifies_row_by_row_and_says_so(tmp_path: Path) -> None:
    """Each row by its proof; that nothing was left out is not claimed."""
    manifest = write(tmp_path / "out", range(4, 8))
    assert (manifest.full, manifest.count, manifest.first, manifest.last) == (False, 4, 4, 7)
    verification = verify(tmp_path / "out", trust=Trust.parse([KEY], [LOG.note().encode()]))
    assert verification.verdict is Verdict.VERIFIED
    (log,) = verification.logs
    assert not log.complete
    assert "completeness is not" in log.coverage
    assert log.checkpoints == (12,)


@pytest.mark.promise("audit:export")
@pytest.mark.parametrize("only", [None, range(4, 5)], ids=["full", "filtered"])
def test_a_deep_look_reads_each_entry_of_every_bundle(only: range | None, tmp_path: Path) -> None:
    """A signed entry of no known kind verifies by its proof, and `deep` refuses it either way."""
    log = SmallLog(8, plain=True)
    log.bodies[4] = log.bodies[4].replace(b"audit.queried", b"audit.unknown")
    write_bundle(
        tmp_path / "out",
        tenant=log.tenant,
        note=log.note(),
        vkeys=[KEY],
        entries=list(enumerate(log.bodies))[slice(None) if only is None else slice(4, 5)],
        proofs=None if only is None else LeafHashes(list(map(leaf_hash, log.bodies))),
    )
    assert verify(tmp_path / "out", deep=False).verdict is Verdict.VERIFIED
    found = verify(tmp_path / "out", deep=True)
    assert found.verdict is Verdict.TAMPERED
    assert [(one.check, one.seq) for one in found.all_findings] == [(Check.BODY_FORMAT, 4)]


@pytest.mark.promise("audit:export")
def test_a_checkpoint_that_proofs_cannot_be_held_against_leaves_the_verdict_open(
    tmp_path: Path,
) -> None:
    """Whoever holds the key rewrites the log and exports a part: it must not pass beside a head
    that the auditor kept, of whose size nothing was read."""
    kept = LOG.note(8).encode()
    forged = SmallLog(12)
    forged.bodies[2] = forged.bodies[2].replace(b"shop.refund", b"shop.credit")
    for name, log in (("own", LOG), ("forged", forged)):
        write_bundle(
            tmp_path / name,
            tenant="main",
            note=log.note(),
            vkeys=[KEY],
            entries=[(2, log.bodies[2])],
            proofs=LeafHashes(list(map(leaf_hash, log.bodies))),
        )
        found = verify(tmp_path / name, trust=Trust.parse([KEY], [kept]))
        assert found.verdict is Verdict.CANNOT_JUDGE
        assert {one.damage for one in found.all_findings} == {Damage.UNCOMPARED}


@pytest.mark.promise("audit:empty")
def test_a_filtered_bundle_without_entries_is_not_verified(tmp_path: Path) -> None:
    """Nothing to verify is never a yes."""
    write(tmp_path / "out", range(0))
    verification = verify(tmp_path / "out")
    assert verification.exit_status == 2
    assert {one.damage for one in verification.all_findings} == {Damage.EMPTY}


def _broken() -> Iterator[tuple[int, bytes]]:
    yield 0, LOG.bodies[0]
    raise OSError("the source broke")


ALL = list(enumerate(LOG.bodies))
BAD_WRITES: dict[str, Callable[[Path], BundleManifest]] = {
    "the last is missing": lambda folder: write(folder, entries=ALL[:-1]),
    "the first is missing": lambda folder: write(folder, entries=ALL[1:]),
    "one is another": lambda folder: write(folder, entries=[(0, b"{}"), *ALL[1:]]),
    "none": lambda folder: write(folder, entries=[]),
    "an older head": lambda folder: write(folder, note=LOG.note(8)),
    "no head": lambda folder: write(folder, note=LOG.note() + "x"),
    "another key": lambda folder: write(folder, vkey=signer_of(LOG.origin, seed=5).vkey),
    "the source breaks": lambda folder: write(folder, entries=_broken()),
}


@pytest.mark.parametrize("name", BAD_WRITES)
def test_what_does_not_verify_is_not_exported(name: str, tmp_path: Path) -> None:
    """A damaged log is found when it is written out, and no half of a folder stays behind."""
    with pytest.raises((IntegrityError, OSError)):
        BAD_WRITES[name](tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_filtered_export_refuses_an_entry_of_another_log_or_order(tmp_path: Path) -> None:
    """Each proof is tried before it is written."""
    for entries in ([(3, LOG.bodies[4])], [(5, LOG.bodies[5]), (4, LOG.bodies[4])]):
        with pytest.raises((IntegrityError, RefusedError)):
            write(tmp_path / "out", range(1), entries=entries)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_never_written_into(tmp_path: Path) -> None:
    """An export cannot mix with an older one."""
    write(tmp_path / "out")
    with pytest.raises(RefusedError):
        write(tmp_path / "out")


def test_a_row_without_a_proof_cannot_hide_at_the_end(tmp_path: Path) -> None:
    """As many proofs as bodies, also when the manifest was made to fit."""
    write(tmp_path / "out", range(4, 8))
    for name, line in ((ENTRIES, LOG.bodies[9]), (PROOFS, b'{"proof":[],"seq":9}')):
        path = tmp_path / "out" / name
        whole = path.read_bytes()
        path.write_bytes(whole + line + b"\n")
        rebuild_manifest(tmp_path / "out")
        assert verify(tmp_path / "out").verdict is not Verdict.VERIFIED
        path.write_bytes(whole)


def test_a_truncated_full_bundle_is_noticed_whatever_its_manifest_says(tmp_path: Path) -> None:
    """The manifest is a convenience; the signed root decides."""
    write(tmp_path / "out")
    path = tmp_path / "out" / ENTRIES
    path.write_bytes(b"".join(body + b"\n" for body in LOG.bodies[:9]))
    rebuild_manifest(tmp_path / "out")
    damages = {one.damage for one in verify(tmp_path / "out").all_findings}
    assert Damage.TRUNCATED in damages


def _turned(lines: bytes) -> bytes:
    return b"".join(reversed(lines.splitlines(keepends=True)))


def test_rows_out_of_order_or_under_another_name_are_noticed(tmp_path: Path) -> None:
    """Order, index, tenant and form of the rows of a filtered bundle."""
    write(tmp_path / "out", range(4, 8))
    bundle = tmp_path / "out"
    proofs, bodies = ((bundle / name).read_bytes() for name in (PROOFS, ENTRIES))
    for one, two, check in (
        (_turned(proofs), _turned(bodies), Check.SEQ_DENSE),
        (proofs.replace(b'"seq":5', b'"seq":6'), bodies, Check.BODY_SEQ),
        (proofs, bodies.replace(b'"tenant":"main"', b'"tenant":"rival"'), Check.BODY_TENANT),
        (proofs, bodies.replace(b'"v":1', b'"v": 1'), Check.BODY_CANONICAL),
    ):
        (bundle / PROOFS).write_bytes(one)
        (bundle / ENTRIES).write_bytes(two)
        assert check in {found.check for found in verify(bundle).all_findings}


def test_a_folder_that_is_no_bundle_cannot_be_judged(tmp_path: Path) -> None:
    """Nothing, another format, a newer version: cannot judge, never tampered."""
    assert verify(tmp_path).exit_status == 2
    write(tmp_path / "out")
    path = tmp_path / "out" / MANIFEST
    for old, new in ((b'"version":1', b'"version":2'), (b"sayso-audit", b"other-audit")):
        whole = path.read_bytes()
        path.write_bytes(whole.replace(old, new))
        assert verify(tmp_path / "out").exit_status == 2
        path.write_bytes(whole)


def test_a_file_that_does_not_belong_there_is_named(tmp_path: Path) -> None:
    """It is no damage, and it is not passed over in silence."""
    write(tmp_path / "out")
    (tmp_path / "out" / "readme.txt").write_text("hello")
    verification = verify(tmp_path / "out")
    assert verification.verdict is Verdict.VERIFIED
    assert verification.warnings == ("the file `readme.txt` is no part of a bundle",)
