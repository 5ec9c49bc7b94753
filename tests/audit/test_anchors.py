"""The auditor's side: cosigned checkpoints, a policy, and a memory of the last verification."""

from __future__ import annotations

from pathlib import Path

import pytest
from audit.small_log import SmallLog, editing
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sayso.audit.exports.bundle import write_bundle
from sayso.audit.signed_note.cosignature import Ed25519Cosigner, MlDsaCosigner
from sayso.audit.signed_note.note import parse_note
from sayso.audit.signed_note.witness_policy import WitnessPolicy
from sayso.audit.tree.merkle import LeafHashes, leaf_hash
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.memory import NOTHING_SEEN, read_memory, remember
from sayso.audit.verifier.verification import Check, Damage, Verdict, Verification
from sayso.audit.verify import main, verify
from sayso.errors import ConfigError

AT = 1_764_072_000
W1, W2, W3 = (
    Ed25519Cosigner(
        f"witness.example/w{seed}", Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    )
    for seed in (1, 2, 3)
)


def policy_of(*witnesses: Ed25519Cosigner, quorum: str = "all", logs: str = "") -> WitnessPolicy:
    """So many of these witnesses."""
    lines = [f"witness {one.name[-2:]} {one.vkey}\n" for one in witnesses]
    names = " ".join(one.name[-2:] for one in witnesses)
    return WitnessPolicy.parse("".join([logs, *lines, f"group g {quorum} {names}\nquorum g\n"]))


def cosigned(log: SmallLog, size: int, *witnesses: Ed25519Cosigner, at_s: int = AT) -> bytes:
    """A head as these witnesses cosigned it."""
    note = log.note(size)
    text = parse_note(note)[0]
    return (note + "".join(one.cosign(text, at_s).text() for one in witnesses)).encode()


def check(path: Path, policy: WitnessPolicy, *notes: bytes) -> Verification:
    """Verify with what witnesses gave."""
    return verify(
        path, trust=Trust.parse([SmallLog(4).signer.vkey], witnessed=notes, policy=policy)
    )


@pytest.mark.promise("audit:anchored")
def test_it_says_how_far_witnesses_vouch_for_it(tmp_path: Path) -> None:
    """Verified to N, anchored to M by W at T, the rest unanchored."""
    log = SmallLog()
    path = log.write(tmp_path / "log.db")
    notes = [cosigned(log, size, W1, at_s=AT + size) for size in (8, 32, 20)]
    found = check(path, policy_of(W1), *notes)
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    (one,) = found.logs
    assert one.anchor is not None
    assert (one.anchor.size, one.anchor.witnesses, one.anchor.at_s) == (32, ("w1",), AT + 32)
    assert "anchored to 32 by w1 at 2025-11-25T12:00:32Z, 8 unanchored" in one.coverage
    document = one.to_json()["anchored"]
    assert isinstance(document, dict)
    assert (document["size"], document["unanchored"]) == (32, 8)


@pytest.mark.promise("audit:anchored")
def test_too_few_witnesses_leave_the_verdict_open(tmp_path: Path) -> None:
    """A quorum of two is two, on one and the same checkpoint."""
    log = SmallLog()
    path = log.write(tmp_path / "log.db")
    policy = policy_of(W1, W2, W3, quorum="2")
    apart = [cosigned(log, 8, W1), cosigned(log, 20, W2), cosigned(log, 20, W2, at_s=AT + 1)]
    for notes in ([], apart):
        found = check(path, policy, *notes)
        assert found.verdict is Verdict.CANNOT_JUDGE
        assert [one.damage for one in found.all_findings] == [Damage.UNWITNESSED]
        assert found.exit_status == 2
    found = check(path, policy, *apart, cosigned(log, 12, W3, W1))
    assert found.logs[0].anchor is not None
    assert (found.logs[0].anchor.size, found.logs[0].anchor.witnesses) == (12, ("w1", "w3"))


@pytest.mark.promise("audit:anchored")
def test_what_witnesses_saw_convicts_even_the_holder_of_the_key(tmp_path: Path) -> None:
    """A rewritten, shortened and re-signed log against one cosigned checkpoint."""
    honest = SmallLog()
    seen = cosigned(honest, 36, W1)
    rewritten, shorter = SmallLog(), SmallLog(32)
    rewritten.bodies[13] = rewritten.bodies[13].replace(b"shop.refund", b"shop.credit")
    for name, log, damage in (
        ("rewritten", rewritten, Damage.FORKED),
        ("shorter", shorter, Damage.ROLLED_BACK),
    ):
        path = log.write(tmp_path / f"{name}.db")
        assert check(path, WitnessPolicy.parse("quorum none\n")).verdict is Verdict.VERIFIED
        found = check(path, policy_of(W1), seen)
        assert found.verdict is Verdict.TAMPERED
        assert damage in {one.damage for one in found.all_findings}


def test_a_witness_of_another_key_does_not_count(tmp_path: Path) -> None:
    """Its name is not enough."""
    log = SmallLog()
    path = log.write(tmp_path / "log.db")
    impostor = Ed25519Cosigner.generate(W1.name)
    found = check(path, policy_of(W1), cosigned(log, 20, impostor))
    assert [one.check for one in found.all_findings] == [Check.ANCHOR_PRESENT]


def test_a_cosignature_that_does_not_fit_under_what_is_held_convicts_nobody(tmp_path: Path) -> None:
    """Whoever can write where an auditor reads heads can put a witness's name there too."""
    log = SmallLog()
    path = log.write(tmp_path / "log.db")
    head, line = (cosigned(log, 20, W1), W1.cosign("another text", AT).text().encode())
    spoilt = log.note(20).encode() + line
    for trust in (
        Trust.parse((), [spoilt, head], policy=policy_of(W1)),
        Trust.parse((), [head], witnessed=[spoilt], policy=policy_of(W1)),
    ):
        found = verify(path, trust=trust)
        assert [one.check for one in found.all_findings] == [Check.COSIGNATURE_FITS]
        assert found.verdict is Verdict.CANNOT_JUDGE


def test_what_witnesses_cosigned_convicts_whoever_signed_it(tmp_path: Path) -> None:
    """A checkpoint that is held and that no known key signed is evidence by its cosignatures."""
    honest = SmallLog(40, seed=9)
    path = SmallLog(32).write(tmp_path / "log.db")
    note = cosigned(honest, 36, W1)
    found = verify(path, trust=Trust.parse((), [note], policy=policy_of(W1)))
    assert {one.damage for one in found.all_findings} >= {Damage.ROLLED_BACK, Damage.UNKNOWN_KEY}
    found = verify(path, trust=Trust.parse((), [note], policy=policy_of(W2)))
    assert Damage.ROLLED_BACK not in {one.damage for one in found.all_findings}


def test_notes_in_the_database_count_by_their_cosignatures_alone(tmp_path: Path) -> None:
    """Nobody can forge one; a wrong one is damage."""
    log = SmallLog()
    path = log.write(tmp_path / "log.db")
    with editing(path) as database:
        row = ("main", "finance", cosigned(log, 20, W1).decode())
        database.execute("insert into publication values (?, ?, ?)", row)
    found = check(path, policy_of(W1))
    assert found.logs[0].anchor is not None
    assert found.logs[0].anchor.size == 20
    with editing(path) as database:
        database.execute(
            "update publication set note = replace(note, char(10) || '20', char(10) || '21')"
        )
    found = check(path, policy_of(W1))
    assert Check.COSIGNATURE_FITS in {one.check for one in found.all_findings}
    assert found.verdict is Verdict.TAMPERED


def test_a_log_with_a_second_key_must_have_signed_with_both(tmp_path: Path) -> None:
    """Where the policy names an ML-DSA-44 key, a head without its signature is no anchor."""
    log = SmallLog()
    path = log.write(tmp_path / "log.db")
    second, stranger = (MlDsaCosigner.generate(log.origin) for _ in range(2))
    policy = policy_of(W1, logs=f"log {log.signer.vkey}\nlog {second.vkey}\n")
    note = cosigned(log, 20, W1)
    text = parse_note(note)[0]
    for key, checks in (
        (None, {Check.ANCHOR_PRESENT}),
        (stranger, {Check.ANCHOR_PRESENT}),
        (second, set[Check]()),
    ):
        lines = note if key is None else note + key.cosign(text, AT).text().encode()
        found = check(path, policy, lines)
        assert {one.check for one in found.all_findings} == checks


def test_a_policy_pins_the_keys_of_its_logs(tmp_path: Path) -> None:
    """So one file is all that an auditor keeps."""
    log = SmallLog()
    path = log.write(tmp_path / "log.db")
    for seed, verdict in ((1, Verdict.VERIFIED), (9, Verdict.CANNOT_JUDGE)):
        vkey = SmallLog(4, seed=seed).signer.vkey
        policy = WitnessPolicy.parse(f"log {vkey}\nquorum none\n")
        assert verify(path, trust=Trust.parse(policy=policy)).verdict is verdict


def test_a_bundle_is_anchored_too(tmp_path: Path) -> None:
    """A full one by every note, a filtered one by notes of its own head."""
    log = SmallLog()
    entries = list(enumerate(log.bodies))
    keys = [log.signer.vkey]
    write_bundle(tmp_path / "full", tenant="main", note=log.note(), vkeys=keys, entries=entries)
    assert check(tmp_path / "full", policy_of(W1), cosigned(log, 20, W1)).verdict == "verified"
    hashes = LeafHashes([leaf_hash(body) for body in log.bodies])
    head = cosigned(log, 40, W1)
    for name, note in (("own", head.decode()), ("plain", log.note())):
        folder = tmp_path / name
        write_bundle(
            folder, tenant="main", note=note, vkeys=keys, entries=entries[3:5], proofs=hashes
        )
    assert check(tmp_path / "own", policy_of(W1)).verdict == "verified"
    assert check(tmp_path / "plain", policy_of(W1), head).verdict == "verified"
    assert check(tmp_path / "plain", policy_of(W1), cosigned(log, 20, W1)).verdict == "cannot_judge"
    for name in ("full", "plain"):  # a checkpoint that the auditor holds, as `--checkpoint` gives
        trust = Trust.parse(keys, [head], policy=policy_of(W1))
        found = verify(tmp_path / name, trust=trust)
        assert found.verdict == "verified", name
        assert [one.anchor is not None and one.anchor.size for one in found.logs] == [40]


@pytest.mark.promise("audit:memory")
def test_the_next_verification_starts_from_the_last(tmp_path: Path) -> None:
    """A history that was rewritten in between is found by the auditor's own file, also where every
    key was exchanged with it: what verified before needs nobody's signature."""
    memory = tmp_path / "memory"
    log = SmallLog(20)
    path = log.write(tmp_path / "log.db")
    assert read_memory(memory) == NOTHING_SEEN
    remember(memory, verify(path))
    for count in (32, 40):
        log.bodies = SmallLog(count).bodies
        with editing(path) as database:
            log.store_bodies(database)
            log.store_head(database)
            log.store_state(database)
        found = verify(path, trust=_remembering(memory))
        assert found.verdict is Verdict.VERIFIED
        remember(memory, found)
    assert verify(path, trust=_remembering(memory)).logs[0].checkpoints == (40,)
    log.bodies[3] = log.bodies[3].replace(b"shop.refund", b"shop.credit")
    with editing(path) as database:
        log.store_bodies(database)
        log.store_head(database)
    forked = verify(path, trust=_remembering(memory))
    assert [one.damage for one in forked.all_findings] == [Damage.FORKED]
    before = memory.read_bytes()
    remember(memory, forked)
    assert memory.read_bytes() == before
    other = SmallLog(40, seed=9)
    other.bodies = log.bodies
    exchanged = verify(other.write(tmp_path / "other.db"), trust=_remembering(memory))
    assert {one.damage for one in exchanged.all_findings} == {Damage.FORKED, Damage.UNKNOWN_KEY}
    assert exchanged.verdict is Verdict.TAMPERED


def _remembering(memory: Path) -> Trust:
    return Trust.parse(remembered=read_memory(memory).checkpoints())


def test_a_smaller_head_never_replaces_a_larger_one(tmp_path: Path) -> None:
    """Two verifications at once, or an older copy that verifies by itself."""
    memory = tmp_path / "memory"
    for count in (40, 20):
        remember(memory, verify(SmallLog(count).write(tmp_path / f"{count}.db")))
    assert [note.split(b"\n")[1] for note in read_memory(memory).checkpoints()] == [b"40"]


@pytest.mark.parametrize("damage", [b"", b"{}\n", b"\x00", b"{"])
def test_a_damaged_memory_is_never_taken_for_none(tmp_path: Path, damage: bytes) -> None:
    """An auditor whose memory was exchanged must not go on as if there had been none."""
    memory = tmp_path / "memory"
    found = verify(SmallLog(8).write(tmp_path / "log.db"))
    remember(memory, found)
    whole = memory.read_bytes()
    for content in (damage, whole[:-1], whole + whole.splitlines(keepends=True)[1], whole[:60]):
        memory.write_bytes(content)
        with pytest.raises(ConfigError):
            read_memory(memory)
        with pytest.raises(ConfigError):
            remember(memory, found)


@pytest.mark.promise("audit:anchored")
def test_the_offline_entry_point_takes_a_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the policy's witnesses nothing is verified; with them it says how far."""
    log = SmallLog()
    path = log.write(tmp_path / "log.db")
    policy, note = tmp_path / "policy", tmp_path / "seen.note"
    policy.write_text(f"log {log.signer.vkey}\nwitness w1 {W1.vkey}\nquorum w1\n")
    note.write_bytes(cosigned(log, 32, W1))
    assert main([str(path), "--policy", str(policy)]) == 2
    assert main([str(path), "--policy", str(policy), "--checkpoint", str(note)]) == 0
    assert "anchored to 32 by w1 at 2025-11-25T12:00:00Z, 8 unanchored" in capsys.readouterr().out
    policy.write_text("quorum nobody\n")
    assert main([str(path), "--policy", str(policy)]) == 2
