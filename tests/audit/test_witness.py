"""The witness: it cosigns what follows from what it saw, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from audit.small_log import SmallLog, signer_of
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sayso.audit.signed_note.cosignature import (
    CosignatureVerifier,
    Ed25519Cosigner,
    MlDsaCosigner,
    time_of,
)
from sayso.audit.signed_note.note import Checkpoint, open_note, parse_note, sign_checkpoint
from sayso.audit.signed_note.witness_policy import WitnessPolicy
from sayso.audit.tree.merkle import LeafHashes, consistency_proof, leaf_hash
from sayso.audit.witness.records import WitnessRecords, open_records
from sayso.audit.witness.request import AddCheckpoint
from sayso.audit.witness.witness import Witness, WitnessReply
from sayso.errors import ConfigError
from sayso.ids import to_micros
from sayso.testing.clock import START, FakeClock

KEY = Ed25519Cosigner("witness.example/finance", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
LOG = SmallLog(40)


def policy_of(*vkeys: str) -> WitnessPolicy:
    """A witness's configuration: the logs it knows."""
    return WitnessPolicy.parse("".join(f"log {vkey}\n" for vkey in vkeys) + "quorum none\n")


def make_witness(records: WitnessRecords, *vkeys: str) -> Witness:
    """A witness that knows the small log."""
    return Witness([KEY], policy_of(*(vkeys or (LOG.signer.vkey,))), records, FakeClock())


def ask(old: int, new: int, log: SmallLog = LOG, *, note: str | None = None) -> bytes:
    """A request that leads honestly from one size to another."""
    hashes = LeafHashes([leaf_hash(body) for body in log.bodies])
    proof = consistency_proof(hashes, old, new) if 0 < old <= new else ()
    return AddCheckpoint(old_size=old, proof=proof, note=note or log.note(new)).encoded()


@pytest.fixture
def records(tmp_path: Path) -> Generator[WitnessRecords]:
    """A witness's folder."""
    with open_records(tmp_path / "witness") as opened:
        yield opened


@pytest.mark.promise("audit:witness")
def test_a_log_that_only_grows_is_cosigned(records: WitnessRecords) -> None:
    """The cosignature opens the checkpoint, with the witness's time (tlog-cosignature)."""
    witness = make_witness(records)
    for old, new in ((0, 7), (7, 8), (8, 8), (8, 33), (33, 40)):
        answer = witness.add_checkpoint(ask(old, new))
        assert answer.status == 200, answer.body
        opened = open_note(LOG.note(new) + answer.body, [CosignatureVerifier.parse(KEY.vkey)])
        assert Checkpoint.parse(opened.text).size == new
        (line,) = parse_note(f"{opened.text}\n{answer.body}")[1]
        assert time_of(line.signature) == to_micros(START) // 1_000_000


@pytest.mark.promise("audit:witness")
def test_a_rollback_is_refused_with_the_size_that_is_known(records: WitnessRecords) -> None:
    """tlog-witness: 409 with the size, and nothing changes."""
    witness = make_witness(records)
    assert witness.add_checkpoint(ask(0, 20)).status == 200
    conflict = WitnessReply(status=409, body="20\n", content_type="text/x.tlog.size")
    for request in (ask(0, 12), ask(12, 16), ask(0, 40), ask(12, 40)):
        assert witness.add_checkpoint(request) == conflict
    assert witness.add_checkpoint(ask(20, 12)).status == 400
    assert witness.add_checkpoint(ask(20, 40)).status == 200


@pytest.mark.promise("audit:witness")
def test_a_fork_is_refused_and_its_evidence_kept(tmp_path: Path) -> None:
    """Two signed trees of one size are proof by themselves, so both notes stay."""
    fork = SmallLog(40)
    fork.bodies[3] = fork.bodies[3].replace(b"shop.refund", b"shop.credit")
    with open_records(tmp_path) as records:
        witness = make_witness(records)
        assert witness.add_checkpoint(ask(0, 20)).status == 200
        assert witness.add_checkpoint(ask(20, 40, fork)).status == 422
        for old in (0, 20):
            answer = witness.add_checkpoint(ask(old, 20, fork))
            assert (answer.status, answer.body) == (409, "20\n")
    (evidence,) = (tmp_path / "evidence").iterdir()
    both = evidence.read_text()
    assert fork.note(20) in both
    assert LOG.note(20).partition("\n\n")[0] in both


def test_whose_log_it_is_decides_the_status(records: WitnessRecords) -> None:
    """tlog-witness: 404 for a log it does not know, 403 where no known key signed."""
    witness = make_witness(records)
    assert witness.add_checkpoint(ask(0, 8, SmallLog(8, tenant="rival"))).status == 404
    assert witness.add_checkpoint(ask(0, 8, SmallLog(8, seed=9))).status == 403
    note = LOG.note(8)
    at = note.rindex(" ") + 40
    broken = note[:at] + ("A" if note[at] != "A" else "B") + note[at + 1 :]
    assert witness.add_checkpoint(ask(0, 8, note=broken)).status == 403
    assert witness.newest(LOG.origin).status == 404


def test_a_proof_is_needed_exactly_where_there_is_something_to_prove(
    records: WitnessRecords,
) -> None:
    """422 for a missing, a wrong and a needless proof; the record stays."""
    witness = make_witness(records)
    first = AddCheckpoint(old_size=0, proof=[b"x" * 32], note=LOG.note(8)).encoded()
    assert witness.add_checkpoint(first).status == 422
    assert witness.add_checkpoint(ask(0, 8)).status == 200
    for proof in ([], [b"x" * 32], [b"x" * 32] * 63):
        wrong = AddCheckpoint(old_size=8, proof=proof, note=LOG.note(13)).encoded()
        assert witness.add_checkpoint(wrong).status == 422
    assert witness.add_checkpoint(ask(8, 13)).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old 00\n\n" + LOG.note(4).encode(),
        b"old -1\n\n" + LOG.note(4).encode(),
        b"old 0\r\n\n" + LOG.note(4).encode(),
        b"old 0\n" + LOG.note(4).encode(),
        b"old 0\n\n" + LOG.note(4).encode()[:-1],
        b"old 0\n\n" + LOG.note(4).encode() + b"\n",
        b"old 0\nAAAA\n\n" + LOG.note(4).encode(),
        b"old 4\n" + b"A" * 43 + b"=\n" * 64 + b"\n" + LOG.note(4).encode(),
        b"\xff\xfe",
        b"old 0\n\nacme/main\n4\nnope\n\n",
    ],
)
def test_what_is_no_request_is_400(records: WitnessRecords, body: bytes) -> None:
    """A parser at the edge of the network accepts one form only."""
    witness = make_witness(records)
    assert witness.add_checkpoint(body).status == 400
    assert witness.newest(LOG.origin).status == 404


def test_every_flipped_bit_of_a_request_is_noticed(records: WitnessRecords) -> None:
    """No byte of an old size, a proof or a checkpoint can change and still be cosigned."""
    witness = make_witness(records)
    assert witness.add_checkpoint(ask(0, 7)).status == 200
    good = ask(7, 13)
    for at in range(len(good)):
        for bit in range(8):
            flipped = bytearray(good)
            flipped[at] ^= 1 << bit
            assert witness.add_checkpoint(bytes(flipped)).status in {400, 403, 404, 409, 422}
    assert witness.add_checkpoint(good).status == 200


def test_two_keys_of_a_log_are_both_taken(records: WitnessRecords) -> None:
    """So a new signing key can be given to the witness before the log uses it."""
    later = SmallLog(40, seed=2)
    witness = make_witness(records, LOG.signer.vkey, later.signer.vkey)
    assert witness.add_checkpoint(ask(0, 8)).status == 200
    assert witness.add_checkpoint(ask(8, 12, later)).status == 200


def test_a_witness_may_sign_with_two_keys(records: WitnessRecords) -> None:
    """One line per key, Ed25519 and ML-DSA-44 (tlog-cosignature)."""
    second = MlDsaCosigner.generate("witness.example/finance")
    witness = Witness([KEY, second], policy_of(LOG.signer.vkey), records, FakeClock())
    answer = witness.add_checkpoint(ask(0, 8))
    keys = [CosignatureVerifier.parse(vkey) for vkey in witness.vkeys]
    assert open_note(LOG.note(8) + answer.body, keys).verified_by == tuple(keys)


@pytest.mark.promise("audit:witness")
def test_it_remembers_after_it_ended(tmp_path: Path) -> None:
    """A witness that forgot could be led to a second history."""
    with open_records(tmp_path) as records:
        assert make_witness(records).add_checkpoint(ask(0, 20)).status == 200
    with open_records(tmp_path) as records:
        again = make_witness(records)
        assert again.add_checkpoint(ask(0, 12)).status == 409
        kept = again.newest(LOG.origin).body
        keys = [CosignatureVerifier.parse(KEY.vkey)]
        assert Checkpoint.parse(open_note(kept, keys).text).size == 20


COSIGN_FOR_EVER = """
import sys
from pathlib import Path
from audit.test_witness import ask, make_witness
from sayso.audit.witness.records import open_records

with open_records(Path(sys.argv[1])) as records:
    witness = make_witness(records)
    old = int(witness.add_checkpoint(ask(0, 40)).body) if len(sys.argv) > 2 else 0
    for size in range(old + 1, 41):
        sys.stdin.readline()  # as many as it may, or a slow listener would hear of all of them
        assert witness.add_checkpoint(ask(old, size)).status == 200
        print(size, flush=True)
        old = size
"""


@pytest.mark.promise("audit:witness")
def test_nothing_it_cosigned_is_forgotten_by_kill_9(tmp_path: Path) -> None:
    """What left with a cosignature is on the disk, and the next process goes on from there."""
    tests = Path(__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}"}
    heard = 0
    for more in ([], ["again"], ["again"]):
        command = [sys.executable, "-c", COSIGN_FOR_EVER, str(tmp_path), *more]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"\n" * 8)
        process.stdin.flush()
        for _ in range(4):
            heard = int(process.stdout.readline())
        process.kill()
        rest = process.communicate()[0].split(b"\n")[:-1]
        heard = int(rest[-1]) if rest else heard
        with open_records(tmp_path) as records:
            newest = records.newest(LOG.origin)
        assert newest is not None
        assert newest[0].size >= heard


@pytest.mark.parametrize("damage", [b"", b"acme/main\n4\n", b"\x00" * 100])
def test_a_damaged_record_is_never_taken_for_none(tmp_path: Path, damage: bytes) -> None:
    """Invariant 10: without its memory it cosigns nothing."""
    with open_records(tmp_path) as records:
        assert make_witness(records).add_checkpoint(ask(0, 20)).status == 200
    (record,) = tmp_path.glob("*.checkpoint")
    record.write_bytes(damage)
    with open_records(tmp_path) as records:
        witness = make_witness(records)
        assert witness.add_checkpoint(ask(0, 12)).status == 500
        assert witness.newest(LOG.origin).status == 500


def test_a_record_of_another_log_is_a_damaged_one(tmp_path: Path) -> None:
    """Somebody who swaps two records would have the witness start again from another size."""
    other = SmallLog(40, tenant="other")
    with open_records(tmp_path) as records:
        witness = make_witness(records, LOG.signer.vkey, other.signer.vkey)
        assert witness.add_checkpoint(ask(0, 20)).status == 200
        (record,) = tmp_path.glob("*.checkpoint")
        assert witness.add_checkpoint(ask(0, 8, other)).status == 200
        (second,) = set(tmp_path.glob("*.checkpoint")) - {record}
        record.write_bytes(second.read_bytes())
        assert witness.add_checkpoint(ask(8, 12)).status == 500


def test_lines_that_anybody_adds_do_not_get_into_the_record(records: WitnessRecords) -> None:
    """A line with the witness's own name would make its record unreadable for ever."""
    witness = make_witness(records)
    first = witness.add_checkpoint(ask(0, 8))
    note = LOG.note(8) + first.body + "— junk.example AAAAAAAAAAAA\n"
    assert witness.add_checkpoint(ask(8, 8, note=note)).status == 200
    assert "junk" not in witness.newest(LOG.origin).body
    assert witness.add_checkpoint(ask(8, 13)).status == 200


def test_two_witnesses_do_not_share_a_folder(tmp_path: Path) -> None:
    """Each would cosign against its own memory."""
    with open_records(tmp_path), pytest.raises(ConfigError), open_records(tmp_path):
        pass


def test_two_at_once_cannot_both_go_on_from_one_size(records: WitnessRecords) -> None:
    """tlog-witness: the check and the record are one step."""
    witness = make_witness(records)
    assert witness.add_checkpoint(ask(0, 8)).status == 200
    together = threading.Barrier(8)

    def go(size: int) -> int:
        together.wait()
        return witness.add_checkpoint(ask(8, size)).status

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(go, range(9, 17)))
    assert statuses == [200] + [409] * 7


def test_a_record_that_cannot_be_written_gives_no_cosignature(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is not on the disk is not cosigned; why, both sides hear."""
    with open_records(tmp_path) as records:
        witness = make_witness(records)
        assert witness.add_checkpoint(ask(0, 8)).status == 200
        (record,) = tmp_path.glob("*.checkpoint")
        record.with_name(f"{record.name}.new").mkdir()  # so it cannot be written
        told = "the witness's memory fails: is a directory"
        assert witness.add_checkpoint(ask(8, 13)) == WitnessReply(status=500, body=f"{told}\n")
        assert caplog.messages == [f"nothing is cosigned: {told}"]
        record.with_name(f"{record.name}.new").rmdir()
        assert witness.add_checkpoint(ask(8, 13)).status == 200


def test_a_key_that_signed_is_the_log_s_own(records: WitnessRecords) -> None:
    """A checkpoint of another origin under a known key is of no known log."""
    other = Checkpoint(origin="acme/other", size=1, root=b"r" * 32)
    note = sign_checkpoint(other, signer_of(LOG.origin))
    assert make_witness(records).add_checkpoint(ask(0, 1, note=note)).status == 404
