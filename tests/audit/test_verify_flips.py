"""No single bit of a log, its note, its frontier or its bundle can change unnoticed."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from audit.small_log import SmallLog, editing, frontier_of
from support.campaign import stride, trials

from sayso.audit.exports.bundle import write_bundle
from sayso.audit.signing.keys import ListedKey
from sayso.audit.tree.merkle import LeafHashes, leaf_hash
from sayso.audit.verifier.bundle import CHECKPOINT, VKEYS
from sayso.audit.verifier.checks import LogSource, SourceHead, Trust, judge_log
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify, verify_bundle


def flips(data: bytes) -> Iterator[bytes]:
    """The data with a bit of each byte flipped in turn; in a long campaign with each bit."""
    for place in range(0, 8 * len(data), stride(7)):
        at, bit = divmod(place, 8)
        yield data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def _verdict(log: SmallLog, bodies: list[bytes], note: bytes, frontier: bytes) -> Verdict:
    source = LogSource(
        tenant=log.tenant,
        origin=log.origin,
        head=SourceHead(note=note, size=len(log.bodies), frontier=frontier),
        keys=(ListedKey(vkey=log.signer.vkey),),
        pages=[enumerate(bodies)],
    )
    return judge_log(source, (), Trust()).verdict


@pytest.mark.campaign
@pytest.mark.promise("audit:bits")
def test_no_bit_of_a_body_can_change() -> None:
    """The root covers every bit of every body."""
    log = SmallLog(4)
    note, frontier = log.note().encode(), frontier_of(log.bodies).to_bytes()
    assert _verdict(log, log.bodies, note, frontier) is Verdict.VERIFIED
    missed = tried = 0
    for seq, body in enumerate(log.bodies):
        for flipped in flips(body):
            bodies = [*log.bodies[:seq], flipped, *log.bodies[seq + 1 :]]
            missed += _verdict(log, bodies, note, frontier) is not Verdict.TAMPERED
            tried += 1
    assert missed == 0
    assert tried > sum(map(len, log.bodies))


@pytest.mark.campaign
@pytest.mark.promise("audit:bits")
def test_no_bit_of_the_head_can_change() -> None:
    """The strict parser leaves no byte of the note or the frontier without a meaning."""
    log = SmallLog(4)
    note, frontier = log.note().encode(), frontier_of(log.bodies).to_bytes()
    for flipped in flips(note):
        assert _verdict(log, log.bodies, flipped, frontier) is Verdict.TAMPERED
    for flipped in flips(frontier):
        assert _verdict(log, log.bodies, note, flipped) is Verdict.TAMPERED


@pytest.mark.campaign
@pytest.mark.promise("audit:bits")
@pytest.mark.parametrize("filtered", [False, True])
def test_no_bit_of_a_bundle_can_change(filtered: bool, tmp_path: Path) -> None:
    """Every file of a bundle, the manifest included."""
    log = SmallLog(2, plain=True)
    entries = list(enumerate(log.bodies))
    bundle = tmp_path / "bundle"
    write_bundle(
        bundle,
        tenant=log.tenant,
        note=log.note(),
        vkeys=[log.signer.vkey],
        entries=entries[1:2] if filtered else entries,
        proofs=LeafHashes(list(map(leaf_hash, log.bodies))) if filtered else None,
    )
    assert verify_bundle(bundle).verdict is Verdict.VERIFIED
    # The head and the keys of a filtered bundle are read as those of a full one.
    once = {CHECKPOINT, VKEYS} if filtered else set[str]()
    for path in sorted(path for path in bundle.iterdir() if path.name not in once):
        whole = path.read_bytes()
        for flipped in flips(whole):
            path.write_bytes(flipped)
            assert verify_bundle(bundle).verdict is not Verdict.VERIFIED, path.name
        path.write_bytes(whole)


@pytest.mark.campaign
@pytest.mark.promise("audit:bits")
def test_no_bit_of_the_database_file_changes_the_log_unnoticed(tmp_path: Path) -> None:
    """A flipped bit anywhere in the file is found, or it changes nothing that the log says.

    A deep walk, since only SQLite itself finds an index that says something else than its table.
    """
    path = SmallLog(12).write(tmp_path / "log.db")
    with editing(path) as database:
        database.execute("pragma journal_mode = delete")
    whole = path.read_bytes()
    original = _says(path)
    chance = random.Random(20_260_101)
    for _ in range(trials(150)):
        at = chance.randrange(len(whole))
        flipped = bytes([whole[at] ^ 1 << chance.randrange(8)])
        path.write_bytes(whole[:at] + flipped + whole[at + 1 :])
        if verify(path, deep=True).verdict is Verdict.VERIFIED:
            assert _says(path) == original, at


def _says(path: Path) -> list[object]:
    connection = sqlite3.connect(path)
    try:
        return [
            connection.execute(query).fetchall()
            for query in (
                "select tenant, seq, cast(body as blob), kind from log_entry order by tenant, seq",
                "select tenant, size, frontier, note from log_head",
                "select tenant, id, status, last_seq from action order by id",
                "select tenant, id, status, last_seq from approval order by id",
            )
        ]
    finally:
        connection.close()
