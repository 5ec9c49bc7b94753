"""The matrix of fifteen attacks: each gets its class, its place and its exit status."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from audit.attacks import ATTACKS, OK, TAMPERED, change_body
from audit.small_log import SIZE, SmallLog, editing, signer_of

from sayso.audit.exports.bundle import write_bundle
from sayso.audit.signed_note.note import Checkpoint, Ed25519Signer, sign_checkpoint
from sayso.audit.tree.merkle import LeafHashes, leaf_hash
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Damage
from sayso.audit.verify import verify


@pytest.mark.promise("audit:attacks")
def test_the_matrix_has_its_fifteen_attacks() -> None:
    """Origin: the tamper matrix of the audit design; none may be dropped silently."""
    assert len(ATTACKS) == 15


def test_an_untouched_log_verifies(tmp_path: Path) -> None:
    """No false alarm, alone and with everything the auditor can hold against it."""
    log = SmallLog()
    path = log.write(tmp_path / "log.db")
    outside = Trust.parse([log.signer.vkey], [log.note(20).encode(), log.note().encode()])
    for trust in (Trust(), outside):
        verification = verify(path, trust=trust, deep=True)
        assert verification.verdict is OK
        assert verification.all_findings == ()
        assert verification.exit_status == 0
        assert verification.logs[0].entries == SIZE
        assert verification.logs[0].state_rows == 20
        assert verification.logs[0].checkpoints == ((20, 40) if trust.keys else ())


@pytest.mark.promise("audit:attacks")
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_noticed(name: str, tmp_path: Path) -> None:
    """Each attack gets its class, its place and its exit status; see the table above."""
    attack = ATTACKS[name]
    log = SmallLog()
    path = log.write(tmp_path / "log.db")
    key, seen = log.signer.vkey, log.note().encode()
    with editing(path) as database:
        attack.change(database, log)
    assert verify(path).verdict is attack.alone
    assert verify(path, trust=Trust.parse([key])).verdict is attack.pinned
    verification = verify(path, trust=Trust.parse([key], [seen]))
    assert verification.verdict is TAMPERED
    assert verification.exit_status == 1
    found = [one for one in verification.all_findings if one.damage is attack.outside]
    assert found, [one.to_json() for one in verification.all_findings]
    if attack.seq is not None:
        first, last = found[0].seq, found[0].last_seq
        assert first is not None
        assert first <= attack.seq <= (first if last is None else last)


def test_the_older_of_two_copies_is_recognised_by_the_newer_head(tmp_path: Path) -> None:
    """A whole older file is consistent in itself; only a head kept elsewhere tells."""
    log = SmallLog(20)
    path = log.write(tmp_path / "log.db")
    shutil.copy(path, tmp_path / "old.db")
    log.bodies = SmallLog(40).bodies
    newer = log.note().encode()
    verification = verify(tmp_path / "old.db", trust=Trust.parse([log.signer.vkey], [newer]))
    assert [found.damage for found in verification.all_findings] == [Damage.ROLLED_BACK]


@pytest.mark.promise("audit:evidence")
def test_a_checkpoint_that_no_known_key_signed_accuses_nobody(tmp_path: Path) -> None:
    """Whoever can write where heads are kept can write a wrong one: it is told, and no more.

    Of the log's own size, beyond it, and with the log's name and key id over a wrong signature; in
    a database, in a full bundle and in a filtered one. With its key pinned it convicts.
    """
    log = SmallLog()
    stranger = signer_of(log.origin, seed=9)
    entries = list(enumerate(log.bodies))
    hashes = LeafHashes(list(map(leaf_hash, log.bodies)))
    for name, only, proofs in (("full", entries, None), ("some", entries[3:5], hashes)):
        write_bundle(
            tmp_path / name,
            tenant=log.tenant,
            note=log.note(),
            vkeys=[log.signer.vkey],
            entries=only,
            proofs=proofs,
        )
    unsigned = log.note().replace("\n40\n", "\n60\n")
    for path in (log.write(tmp_path / "log.db"), tmp_path / "full", tmp_path / "some"):
        for note in (unsigned, *(_wrong(log, size, stranger) for size in (40, 60))):
            for keys in ((), (log.signer.vkey,)):
                found = verify(path, trust=Trust.parse(keys, [note.encode()]))
                assert [one.damage for one in found.all_findings] == [Damage.UNKNOWN_KEY]
                assert "no evidence" in found.all_findings[0].message
                assert (found.exit_status, found.logs[0].checkpoints) == (2, ())
        for size, damage in ((40, Damage.FORKED), (60, Damage.ROLLED_BACK)):
            seen = _wrong(log, size, stranger).encode()
            pinned = (log.signer.vkey, stranger.vkey)
            found = verify(path, trust=Trust.parse(pinned, [seen]))
            assert [one.damage for one in found.all_findings] == [damage]


def _wrong(log: SmallLog, size: int, signer: Ed25519Signer) -> str:
    checkpoint = Checkpoint(origin=log.origin, size=size, root=bytes(32))
    return sign_checkpoint(checkpoint, signer)


def test_damage_is_narrowed_to_the_subtree_that_holds_it(tmp_path: Path) -> None:
    """The signed frontier splits 40 into 32 and 8, so a bad entry 35 is told from a bad entry 3."""
    log = SmallLog()
    path = log.write(tmp_path / "log.db")
    with editing(path) as database:
        change_body(log, 35)
        log.store_bodies(database)
    (found,) = verify(path).all_findings
    assert (found.seq, found.last_seq) == (32, 39)
