"""An export that is older than what the auditor holds, told from a log that was rolled back."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from audit.small_log import SmallLog, frontier_of, signer_of

from sayso.audit.exports.bundle import write_bundle
from sayso.audit.publishing.reading import TailHashes
from sayso.audit.signed_note.consistency_proof import is_beginning
from sayso.audit.signed_note.note import Checkpoint, parse_note, sign_checkpoint
from sayso.audit.tree.merkle import Frontier, LeafHashes, consistency_proof, leaf_hash
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Damage, Verdict, Verification
from sayso.audit.verify import main, verify
from sayso.audit.witness.request import AddCheckpoint
from sayso.errors import SaysoError

OLD, NEW = 20, 40


def bundle_of(bodies: Sequence[bytes], folder: Path, *, seed: int = 1) -> Path:
    """A full export of a log with these entries, signed by the log's key."""
    log = SmallLog(len(bodies), seed=seed)
    log.bodies = list(bodies)
    write_bundle(
        folder,
        tenant="main",
        note=log.note(),
        vkeys=[log.signer.vkey],
        entries=list(enumerate(bodies)),
    )
    return folder


def growth_of(log: SmallLog, old: int, new: int) -> bytes:
    """What the server gives for `old_size` when the log has `new` entries."""
    leaves = [leaf_hash(body) for body in log.bodies[old:new]]
    hashes = TailHashes(frontier_of(log.bodies[:old]), leaves)
    proof = consistency_proof(hashes, old, new)
    return AddCheckpoint(old_size=old, proof=proof, note=log.note(new)).encoded()


def judge(path: Path, log: SmallLog, held: int, *growths: bytes) -> Verification:
    """Verify with the log's key, a checkpoint at a size, and proofs."""
    seen = [log.note(held).encode()]
    return verify(path, trust=Trust.parse([log.signer.vkey], seen, growths=growths))


def damages(found: Verification) -> list[Damage]:
    """What was found."""
    return [one.damage for one in found.all_findings]


@pytest.mark.promise("audit:older")
def test_an_older_export_is_not_accused(tmp_path: Path) -> None:
    """By a proof that it begins the log that the auditor holds; and it is not verified either."""
    log = SmallLog(NEW)
    bundle = bundle_of(log.bodies[:OLD], tmp_path / "old")
    assert damages(judge(bundle, log, NEW)) == [Damage.ROLLED_BACK]
    found = judge(bundle, log, NEW, growth_of(log, OLD, NEW))
    assert (found.verdict, found.exit_status) == (Verdict.CANNOT_JUDGE, 2)
    assert damages(found) == [Damage.OLDER]
    assert f"older than the checkpoint you hold ({OLD} < {NEW})" in found.all_findings[0].message


@pytest.mark.promise("audit:older")
def test_a_log_that_has_grown_on_proves_it_by_two_proofs(tmp_path: Path) -> None:
    """The server proves to its newest head, which is seldom the one that the auditor holds."""
    log = SmallLog(NEW)
    bundle = bundle_of(log.bodies[:OLD], tmp_path / "old")
    first, second = growth_of(log, OLD, NEW), growth_of(log, 30, NEW)
    assert damages(judge(bundle, log, 30, first)) == [Damage.ROLLED_BACK]
    assert damages(judge(bundle, log, 30, second)) == [Damage.ROLLED_BACK]
    assert damages(judge(bundle, log, 30, first, second)) == [Damage.OLDER]


@pytest.mark.promise("audit:older")
def test_no_proof_excuses_another_past(tmp_path: Path) -> None:
    """Whoever holds the signing key can sign a shorter log, and no proof leads from it."""
    log = SmallLog(NEW)
    genuine = growth_of(log, OLD, NEW)
    forged = SmallLog(NEW)
    forged.bodies = [*log.bodies[:10], *SmallLog(NEW, plain=True).bodies[10:]]
    bundle = bundle_of(forged.bodies[:OLD], tmp_path / "forged")
    own = growth_of(forged, OLD, NEW)
    lying = AddCheckpoint(
        old_size=OLD, proof=AddCheckpoint.parse(own).proof, note=log.note()
    ).encoded()
    for growths in ([genuine], [own], [lying], [genuine, own, lying]):
        found = judge(bundle, log, NEW, *growths)
        assert found.verdict is Verdict.TAMPERED
        assert Damage.ROLLED_BACK in damages(found)
    # Through a third tree: it leads from the forged one and not from what the auditor holds.
    found = judge(bundle, log, 30, own, growth_of(log, 30, NEW))
    assert Damage.ROLLED_BACK in damages(found)


@pytest.mark.promise("audit:older")
def test_a_proof_excuses_nothing_else(tmp_path: Path) -> None:
    """Neither an edited entry, nor one that is cut off, nor a checkpoint without a proof."""
    log = SmallLog(NEW)
    growth = growth_of(log, OLD, NEW)
    bundle = bundle_of(log.bodies[:OLD], tmp_path / "old")
    lines = (bundle / "entries.jsonl").read_bytes().splitlines(keepends=True)
    for name, content in (
        ("cut", lines[:-1]),
        ("edited", [lines[0].replace(b"shop", b"shed"), *lines[1:]]),
    ):
        shutil.copytree(bundle, tmp_path / name)
        (tmp_path / name / "entries.jsonl").write_bytes(b"".join(content))
        assert judge(tmp_path / name, log, NEW, growth).verdict is Verdict.TAMPERED
    root = frontier_of(log.bodies[:-1]).root()
    other = sign_checkpoint(
        Checkpoint(origin=log.origin, size=NEW, root=root), signer_of(log.origin)
    )
    seen = [log.note().encode(), other.encode()]
    trust = Trust.parse([log.signer.vkey], seen, growths=[growth])
    assert set(damages(verify(bundle, trust=trust))) == {Damage.OLDER, Damage.ROLLED_BACK}


@pytest.mark.promise("audit:older")
def test_a_database_that_is_shorter_was_rolled_back(tmp_path: Path) -> None:
    """It is a log that goes on: that the shorter one is genuine is what rolling back means."""
    log = SmallLog(OLD)
    path = log.write(tmp_path / "log.db")
    whole = SmallLog(NEW)
    found = judge(path, whole, NEW, growth_of(whole, OLD, NEW))
    assert damages(found) == [Damage.ROLLED_BACK]
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select count(*) from log_entry").fetchone() == (OLD,)


@pytest.mark.promise("audit:older")
def test_what_is_no_proof_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From outside: no verdict, no accusation; and the right one gives exit status 2."""
    log = SmallLog(NEW)
    bundle = bundle_of(log.bodies[:OLD], tmp_path / "old")
    (tmp_path / "held").write_text(log.note())
    words = [str(bundle), "--vkey", log.signer.vkey, "--checkpoint", str(tmp_path / "held")]
    assert main(words) == 1
    growth = growth_of(log, OLD, NEW)
    for content in (b"", b"old 20\n", growth.replace(b"old 20", b"old x"), growth[:-40], b"\xff"):
        (tmp_path / "grown").write_bytes(content)
        with pytest.raises(SaysoError):
            Trust.parse(growths=[content])
        assert main([*words, "--grown", str(tmp_path / "grown")]) == 2
        assert "older" not in capsys.readouterr().out
    assert main([*words, "--grown", str(tmp_path / "missing")]) == 2
    (tmp_path / "grown").write_bytes(growth)
    assert main([*words, "--grown", str(tmp_path / "grown")]) == 2
    assert "older than the checkpoint you hold" in capsys.readouterr().out


def test_an_empty_tree_begins_nothing() -> None:
    """Its proof is empty, and would excuse a log of which nothing is left."""
    log = SmallLog(NEW)
    held = Checkpoint.parse(parse_note(log.note())[0])
    growth = Trust.parse(
        growths=[AddCheckpoint(old_size=0, proof=(), note=log.note()).encoded()]
    ).growths
    assert not is_beginning(0, Frontier().root(), held, growth)


def part_of(log: SmallLog, size: int, folder: Path) -> Path:
    """A filtered export of one entry, under the log's head at a size."""
    write_bundle(
        folder,
        tenant="main",
        note=log.note(size),
        vkeys=[log.signer.vkey],
        entries=[(2, log.bodies[2])],
        proofs=LeafHashes(list(map(leaf_hash, log.bodies[:size]))),
    )
    return folder


@pytest.mark.promise("audit:older")
def test_a_part_is_held_against_an_older_checkpoint_by_a_proof(tmp_path: Path) -> None:
    """Directly or over a newer head of the server; a log that was rewritten since has no proof."""
    log, forged = SmallLog(NEW), SmallLog(NEW)
    forged.bodies[2] = forged.bodies[2].replace(b"shop.refund", b"shop.credit")
    part = part_of(log, 30, tmp_path / "part")
    assert damages(judge(part, log, OLD)) == [Damage.UNCOMPARED]
    for growths in (
        [growth_of(log, OLD, 30)],
        [growth_of(log, OLD, NEW), growth_of(log, 30, NEW)],
    ):
        found = judge(part, log, OLD, *growths)
        assert (found.verdict, found.logs[0].checkpoints) == (Verdict.VERIFIED, (OLD,))
    other = part_of(forged, 30, tmp_path / "forged")
    for growth in (growth_of(log, OLD, 30), growth_of(forged, OLD, 30)):
        assert damages(judge(other, log, OLD, growth)) == [Damage.UNCOMPARED]


@pytest.mark.promise("audit:older")
def test_a_part_that_is_older_than_the_checkpoint_is_not_accused(tmp_path: Path) -> None:
    """As a whole export: its head is proven to begin the log that the auditor holds."""
    log = SmallLog(NEW)
    part = part_of(log, OLD, tmp_path / "part")
    assert damages(judge(part, log, NEW)) == [Damage.ROLLED_BACK]
    assert damages(judge(part, log, NEW, growth_of(log, OLD, NEW))) == [Damage.OLDER]
