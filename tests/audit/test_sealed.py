"""A sealed segment's file, its twins that were tampered with, and a second reader of the format."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from audit.sealed_log import COUNT, SealedLog
from audit.small_log import frontier_of
from hypothesis import given
from hypothesis import strategies as st
from support.campaign import stride, trials
from vectors.make_sealed_vectors import write_sealed

from sayso.audit.entry import MAX_BODY_BYTES
from sayso.audit.segments.segment import SegmentReader
from sayso.audit.tree.merkle import (
    Frontier,
    LeafHashes,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_subtree,
)
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Check, Damage, FileState, Verdict
from sayso.audit.verify import verify
from sayso.errors import Code, IntegrityError

SEALED = Path(__file__).parents[1] / "vectors" / "sealed"
Members = dict[str, bytes]


def packed(members: Members) -> bytes:
    """An archive in the writer's form, with these members."""
    out = io.BytesIO()
    for name, content in members.items():
        member = tarfile.TarInfo(name)
        member.size = len(content)
        out.write(member.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512))
    out.write(bytes(1024))
    return gzip.compress(out.getvalue(), mtime=0)


def members_of(path: Path) -> Members:
    """What an archive holds, by a reader that is not ours."""
    with tarfile.open(path) as archive:
        files = ((member.name, archive.extractfile(member)) for member in archive)
        return {name: file.read() for name, file in files if file is not None}


def _entries(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Members], Members]:
    """Another list of entries in the segment's only bundle, whose tile fits again."""

    def twin(members: Members) -> Members:
        bodies = change(unbundle(members["tile/entries/000"]))
        bundle = b"".join(len(body).to_bytes(2) + body for body in bodies)
        tile = b"".join(map(leaf_hash, bodies))
        return {**members, "tile/entries/000": bundle, "tile/0/000": tile}

    return twin


def unbundle(bundle: bytes) -> list[bytes]:
    """The entries of a bundle."""
    bodies: list[bytes] = []
    while bundle:
        end = 2 + int.from_bytes(bundle[:2])
        bodies.append(bundle[2:end])
        bundle = bundle[end:]
    return bodies


def _swapped(bodies: list[bytes]) -> list[bytes]:
    return [bodies[1], bodies[0], *bodies[2:]]


TWINS: dict[str, Callable[[Members], Members]] = {
    "an entry edited": _entries(lambda all_: [all_[0].replace(b"agt_1", b"agt_2"), *all_[1:]]),
    "two entries swapped": _entries(_swapped),
    "an entry dropped": _entries(lambda all_: all_[1:]),
    "an entry twice": _entries(lambda all_: [all_[0], *all_]),
    "a tile flipped": lambda m: {**m, "tile/0/000": m["tile/0/000"][:-1] + b"\0"},
    "a member dropped": lambda m: {name: m[name] for name in m if name != "proof"},
    "members reordered": lambda m: dict(sorted(m.items(), reverse=True)),
    "a member added": lambda m: {**m, "more": b""},
    "another tenant": lambda m: {
        **m,
        "manifest.json": m["manifest.json"].replace(b"main", b"mail"),
    },
    "another size": lambda m: {
        **m,
        "manifest.json": m["manifest.json"].replace(b'"size":512', b'"size":513'),
    },
    "another place": lambda m: {
        **m,
        "manifest.json": m["manifest.json"].replace(b'"first":0', b'"first":256'),
    },
    "a manifest of another form": lambda m: {**m, "manifest.json": m["manifest.json"] + b"\n"},
    "a head of another size": lambda m: {
        **m,
        "checkpoint": m["checkpoint"].replace(b"\n512\n", b"\n511\n"),
    },
    "a proof too long": lambda m: {**m, "proof": m["proof"] + m["proof"]},
}


@pytest.mark.promise("audit:sealed")
@pytest.mark.parametrize("name", TWINS)
def test_a_twin_is_found_beside_its_log_and_alone(name: str, tmp_path: Path) -> None:
    """Flipped, dropped, reordered, swapped; each is tampering, and never verified."""
    log = SealedLog(tmp_path)
    one = log.rows[0].segment
    path = log.folder / one.file
    members = members_of(path)
    twin = TWINS[name](members)
    assert list(twin.items()) != list(members.items())
    path.write_bytes(packed(twin))
    log.prune(COUNT)
    trust = Trust.parse([log.signer.vkey], segments=log.files)
    beside = verify(log.write(tmp_path / "log.db"), trust=trust)
    assert beside.exit_status == 1
    assert beside.logs[0].segments[0].state is FileState.DAMAGED
    assert beside.logs[0].first_bad_seq == 0
    renamed = path.rename(tmp_path / "alone.tar.gz")
    assert verify(renamed, trust=trust).exit_status == 1


@pytest.mark.promise("audit:sealed")
@pytest.mark.parametrize("cut", [0, 1, 10, 100, 5000])
def test_a_cut_file_is_found(tmp_path: Path, cut: int) -> None:
    """At any length, down to nothing."""
    log = SealedLog(tmp_path)
    path = log.folder / log.rows[0].segment.file
    path.write_bytes(path.read_bytes()[:cut])
    log.prune(COUNT)
    trust = Trust.parse([log.signer.vkey], segments=log.files)
    found = verify(log.write(tmp_path / "log.db"), trust=trust)
    assert {one.check for one in found.all_findings} == {Check.SEGMENT_FORM}
    assert found.exit_status == 1
    assert verify(path, trust=trust).verdict is not Verdict.VERIFIED


@pytest.mark.promise("audit:bits")
def test_no_flipped_bit_of_a_file_is_missed(tmp_path: Path) -> None:
    """A sample of all bits, and more of the first and the last bytes; alone, by its name."""
    log = SealedLog(tmp_path)
    path = log.folder / log.rows[1].segment.file
    content = path.read_bytes()
    chosen = random.Random(4).sample(range(8 * 20, 8 * (len(content) - 8)), trials(50))
    ends = [*range(8 * 20), *range(8 * (len(content) - 8), 8 * len(content))]
    trust = Trust.parse([log.signer.vkey])
    for bit in [*ends[:: stride(7)], *chosen]:
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        assert verify(path, trust=trust).verdict is not Verdict.VERIFIED, bit
    path.write_bytes(content)
    assert verify(path, trust=trust).verdict is Verdict.VERIFIED


@pytest.mark.promise("audit:sealed")
def test_another_tenants_file_is_found(tmp_path: Path) -> None:
    """Also under the right name, with the row and the entry that tell of it."""
    log, rival = SealedLog(tmp_path), SealedLog(tmp_path / "rival", tenant="rival")
    theirs = rival.folder / rival.rows[0].segment.file
    (log.folder / log.rows[0].segment.file).write_bytes(theirs.read_bytes())
    log.prune(COUNT)
    trust = Trust.parse([log.signer.vkey], segments=log.files)
    found = verify(log.write(tmp_path / "log.db"), trust=trust)
    assert [one.check for one in found.all_findings] == [Check.SEGMENT_ROOT]


@pytest.mark.promise("audit:sealed")
def test_a_segment_of_another_place_is_found(tmp_path: Path) -> None:
    """The second segment's file in the place of the first one's."""
    log = SealedLog(tmp_path)
    first, second = (log.folder / row.segment.file for row in log.rows)
    first.write_bytes(second.read_bytes())
    log.prune(2 * COUNT)
    trust = Trust.parse([log.signer.vkey], segments=log.files)
    found = verify(log.write(tmp_path / "log.db"), trust=trust)
    assert [one.check for one in found.all_findings] == [Check.SEGMENT_ROOT]
    assert [one.state for one in found.logs[0].segments] == [
        FileState.DAMAGED,
        FileState.VERIFIED,
    ]


@pytest.mark.promise("audit:sealed:covered")
@pytest.mark.parametrize("low", [COUNT, 2 * COUNT])
def test_a_rotation_among_pruned_entries_is_followed(tmp_path: Path, low: int) -> None:
    """The first key, pinned, leads to the second by the note that is kept."""
    log = SealedLog(tmp_path, rotated=True)
    first = log.keys[0][0]
    log.prune(low)
    path = log.write(tmp_path / "log.db")
    for segments in (None, log.files):
        found = verify(path, trust=Trust.parse([first], segments=segments))
        assert found.verdict is Verdict.VERIFIED, found.all_findings
        assert found.logs[0].pinned
    for row in log.rows:
        row.segment = replace(row.segment, rotations=())
    without = log.write(tmp_path / "other.db")
    found = verify(without, trust=Trust.parse([first]))
    assert found.exit_status == 1, "a kept change of keys cannot be taken away unseen"


@pytest.mark.promise("audit:sealed:covered")
def test_an_outside_checkpoint_is_compared_where_it_can_be(tmp_path: Path) -> None:
    """At a multiple of 256 by the kept hashes, else with the file, else not at all."""
    log = SealedLog(tmp_path)
    notes = [log.note(size).encode() for size in (100, 256, 300)]
    forked = SealedLog(tmp_path / "fork").note
    log.prune(COUNT)
    path = log.write(tmp_path / "log.db")
    key = log.signer.vkey
    without = verify(path, trust=Trust.parse([key], notes))
    assert without.logs[0].checkpoints == (256, 300)
    assert [(one.check, one.damage) for one in without.all_findings] == [
        (Check.CHECKPOINT_COMPARED, Damage.PRUNED)
    ]
    assert without.exit_status == 2
    whole = verify(path, trust=Trust.parse([key], notes, segments=log.files))
    assert whole.logs[0].checkpoints == (100, 256, 300)
    assert whole.exit_status == 0
    assert forked(100).encode() == notes[0]


@pytest.mark.promise("audit:empty")
def test_a_log_without_entries_and_with_segments_is_not_verified(tmp_path: Path) -> None:
    """Nothing to verify is never verified, whatever the rows say of files."""
    log = SealedLog(tmp_path)
    log.prune(2 * COUNT)
    log.dropped = len(log.bodies)
    found = verify(log.write(tmp_path / "log.db"), trust=Trust.parse([log.signer.vkey]))
    assert found.exit_status == 1, "the head signs what is not there"
    empty = tmp_path / "empty.tar.gz"
    empty.write_bytes(gzip.compress(b""))
    assert verify(empty).verdict is not Verdict.VERIFIED


@pytest.mark.promise("audit:sealed")
def test_a_second_reader_verifies_a_file_by_the_page_alone(tmp_path: Path) -> None:
    """Docs/audit-format.md, section 9: with tar, JSON and SHA-256, and nothing of ours."""

    def sha(data: bytes) -> bytes:
        return hashlib.sha256(data).digest()

    def root(hashes: list[bytes]) -> bytes:
        if len(hashes) == 1:
            return hashes[0]
        half = len(hashes) // 2
        return sha(b"\1" + root(hashes[:half]) + root(hashes[half:]))

    log = SealedLog(tmp_path)
    members = members_of(log.folder / log.rows[1].segment.file)
    manifest = json.loads(members["manifest.json"])
    assert (manifest["first"], manifest["count"]) == (256, 256)
    bodies = unbundle(members["tile/entries/001"])
    assert bodies == log.bodies[256:512]
    node = root([sha(b"\0" + body) for body in bodies])
    at, last = manifest["first"] // manifest["count"], -(-manifest["size"] // 256) - 1
    for line in members["proof"].split():
        sibling = base64.b64decode(line)
        if at & 1 or at == last:
            node = sha(b"\1" + sibling + node)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            node = sha(b"\1" + node + sibling)
        at, last = at >> 1, last >> 1
    signed = members["checkpoint"].split(b"\n")
    assert signed[1:3] == [str(manifest["size"]).encode(), base64.b64encode(node)]


def test_the_largest_entry_has_a_form(tmp_path: Path) -> None:
    """Audit-format, section 9: 65,536 bytes, which two bytes cannot say, are the length 0."""
    log = SealedLog(tmp_path, segments=1)
    body = log.bodies[3]
    text = b"x" * (MAX_BODY_BYTES - len(body) - len(b'"data":{"t":""},'))
    log.bodies[3] = body.replace(b'"kind":"audit', b'"data":{"t":"%s"},"kind":"audit' % text)
    assert len(log.bodies[3]) == MAX_BODY_BYTES
    _, name = log.write_file(0, log.bodies[:COUNT])
    with SegmentReader(log.folder / name) as reader:
        assert list(reader.bodies()) == log.bodies[:COUNT]
        assert reader.root == frontier_of(log.bodies[:COUNT]).root()


def test_a_file_that_is_not_there_is_no_tampering(tmp_path: Path) -> None:
    """Missing and changed are told apart by the code."""
    with pytest.raises(IntegrityError) as caught:
        SegmentReader(tmp_path / "no.tar.gz")
    assert caught.value.code is Code.NOT_A_DATABASE


@given(level=st.integers(0, 4), index=st.integers(0, 20), more=st.integers(0, 40), data=st.data())
def test_a_subtree_is_proven_in_every_tree_that_has_it(
    level: int, index: int, more: int, data: st.DataObject
) -> None:
    """RFC 6962 above a level: the proof leads there, and no other subtree's does."""
    size = ((index + 1) << level) + more
    leaves = [leaf_hash(b"%d" % at) for at in range(size)]
    own = leaves[index << level : (index + 1) << level]
    node, whole = root_of(own), root_of(leaves)
    proof = inclusion_proof(LeafHashes(leaves), index << level, size)[level:]
    assert verify_subtree(node, level, index, size, proof, whole)
    other = data.draw(st.integers(0, size >> level))
    if other != index:
        assert not verify_subtree(node, level, other, size, proof, whole)
    assert not verify_subtree(leaf_hash(node), level, index, size, proof, whole)
    grown = Frontier()
    grown.extend(leaves[: index << level])
    grown.append_tree(node, level)
    grown.extend(leaves[(index + 1) << level :])
    assert grown.root() == whole


@pytest.mark.promise("audit:sealed")
def test_the_vectors_are_read_and_are_what_is_written_inside(tmp_path: Path) -> None:
    """The committed bytes are read for ever, by whatever zlib they were packed."""
    key = SealedLog(tmp_path / "own").signer.vkey
    write_sealed(tmp_path / "new")
    files = sorted((SEALED / "segments" / "main").glob("*.tar.gz"))
    new = sorted((tmp_path / "new" / "segments" / "main").glob("*.tar.gz"))
    assert [gzip.decompress(one.read_bytes()) for one in files] == [
        gzip.decompress(one.read_bytes()) for one in new
    ]
    for file in files:
        assert verify(file, trust=Trust.parse([key])).verdict is Verdict.VERIFIED
    trust = Trust.parse([key], segments=SEALED / "segments")
    found = verify(SEALED / "bundle", trust=trust, deep=True)
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    assert found.logs[0].complete
    alone = verify(SEALED / "bundle", trust=Trust.parse([key]))
    assert (alone.verdict, alone.logs[0].complete) == (Verdict.VERIFIED, False)


def test_entries_of_a_segment_are_those_that_were_sealed_though_its_file_is_elsewhere(
    tmp_path: Path,
) -> None:
    """An entry that was edited after it was sealed, under a head signed anew, contradicts the root
    in the entry `log.sealed`, whether the segment's file is at hand or not."""
    log = SealedLog(tmp_path)
    log.prune(COUNT)
    assert verify(log.write(tmp_path / "log.db")).verdict is Verdict.VERIFIED
    log.bodies[COUNT + 5] = log.bodies[COUNT + 5].replace(b"agt_1", b"agt_2")
    found = verify(log.write(tmp_path / "edited.db"))
    assert found.verdict is Verdict.TAMPERED
    (one,) = found.all_findings
    assert (one.check, one.seq) == (Check.SEGMENT_ROOT, COUNT)


@pytest.mark.parametrize("at_hand", [False, True])
def test_the_changes_of_keys_that_a_row_keeps_are_those_of_its_entries(
    at_hand: bool, tmp_path: Path
) -> None:
    """Only where nobody reads the entries do the row's notes count, and each has to be signed; but
    where the entries are read, no bit of the row may say anything else than they do."""
    log = SealedLog(tmp_path, segments=3, rotated=True)
    log.prune(COUNT)
    trust = Trust(segments=log.files if at_hand else None)
    assert verify(log.write(tmp_path / "log.db"), trust=trust).verdict is Verdict.VERIFIED
    first, second = (log.rows[at].segment for at in (0, 1))
    (kept,) = first.rotations
    moved = replace(kept, seq=COUNT + 3)
    wrong = [(1, replace(second, rotations=(moved,)))]
    if at_hand:
        wrong += [(0, replace(first, rotations=())), (0, replace(first, rotations=(kept, kept)))]
    for number, (at, segment) in enumerate(wrong):
        log.rows[0].segment, log.rows[1].segment = first, second
        log.rows[at].segment = segment
        found = verify(log.write(tmp_path / f"{number}.db"), trust=trust)
        assert found.verdict is Verdict.TAMPERED
        assert {one.check for one in found.all_findings} == {Check.SEGMENT_ROW}
