"""The committed vectors: the format as others may rely on it, and its tampered twins."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from vectors.make_audit_vectors import write_vectors

from sayso.audit.entry import StoredEntry, canonical_bytes, read_canonical
from sayso.audit.signed_note.note import Ed25519Signer, Verifier, open_checkpoint, sign_checkpoint
from sayso.audit.signing.keys import ListedKey
from sayso.audit.tree.merkle import Frontier, leaf_hash, verify_consistency, verify_inclusion
from sayso.audit.verifier.checks import LogSource, SourceHead, Trust, judge_log
from sayso.audit.verifier.verification import Damage, LogVerification, Verdict
from sayso.audit.verify import verify

VECTORS = Path(__file__).parents[1] / "vectors"
LOG: dict[str, Any] = json.loads((VECTORS / "audit-log.json").read_text())
BODIES = [str(body).encode() for body in LOG["bodies"]]
KEY = Verifier.parse(LOG["vkey"])


def test_the_vectors_are_what_the_code_writes(tmp_path: Path) -> None:
    """A change of the format is a new version, so the committed bytes never change."""
    write_vectors(tmp_path)
    written = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert len(written) == 10
    for path in written:
        assert (tmp_path / path).read_bytes() == (VECTORS / path).read_bytes(), path


def test_bodies_and_leaves() -> None:
    """Each body is canonical, is an entry, and has the leaf hash that stands beside it."""
    for seq, (body, leaf) in enumerate(zip(BODIES, LOG["leaves_hex"], strict=True)):
        stored = StoredEntry.read(body)
        assert (stored.tenant, stored.seq, stored.leaf.hex()) == (LOG["tenant"], seq, leaf)
        assert canonical_bytes(read_canonical(body)) == body


def test_heads_and_signatures() -> None:
    """Each size has its root, its frontier and its signed note; Ed25519 is deterministic."""
    signer = Ed25519Signer.from_text(LOG["skey"])
    assert signer.vkey == LOG["vkey"]
    frontier = Frontier()
    for head in LOG["heads"]:
        if head["size"]:
            frontier.append(leaf_hash(BODIES[frontier.size]))
        assert frontier.root().hex() == head["root_hex"]
        assert frontier.to_bytes().hex() == head["frontier_hex"]
        checkpoint = open_checkpoint(head["note"], [KEY])
        assert (checkpoint.size, checkpoint.root) == (head["size"], frontier.root())
        assert sign_checkpoint(checkpoint, signer) == head["note"]


def test_proofs() -> None:
    """Inclusion of each entry, consistency of each pair of sizes."""
    roots: list[bytes] = [bytes.fromhex(head["root_hex"]) for head in LOG["heads"]]
    for one in LOG["inclusion"]:
        leaf = bytes.fromhex(LOG["leaves_hex"][one["seq"]])
        seq, size = int(one["seq"]), int(one["size"])
        assert verify_inclusion(leaf, seq, size, _hashes(one), roots[size])
    for one in LOG["consistency"]:
        old, new = int(one["old"]), int(one["new"])
        assert verify_consistency(old, roots[old], new, roots[new], _hashes(one))


def _hashes(vector: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(text) for text in vector["proof"]]


def _judge(bodies: list[bytes]) -> LogVerification:
    head = LOG["heads"][-1]
    source = LogSource(
        tenant=LOG["tenant"],
        origin=LOG["origin"],
        head=SourceHead(
            note=head["note"], size=head["size"], frontier=bytes.fromhex(head["frontier_hex"])
        ),
        keys=(ListedKey(vkey=LOG["vkey"]),),
        pages=[enumerate(bodies)],
    )
    return judge_log(source, (), Trust(keys=(KEY,)), deep=True)


def test_the_log_itself_verifies() -> None:
    """And with every rule of the format."""
    assert _judge(BODIES).findings == ()


@pytest.mark.parametrize("twin", LOG["tampered"], ids=[one["damage"] for one in LOG["tampered"]])
def test_each_tampered_twin_gets_its_damage(twin: dict[str, Any]) -> None:
    """Flip, drop, swap, cut, append, another form."""
    result = _judge([body.encode() for body in twin["bodies"]])
    assert result.verdict is Verdict.TAMPERED
    assert Damage(twin["damage"]) in {found.damage for found in result.findings}


@pytest.mark.parametrize("name", ["bundle", "bundle-filtered"])
def test_the_committed_bundles_verify(name: str) -> None:
    """A bundle of version 1 stays readable."""
    trust = Trust.parse([LOG["vkey"]], [LOG["heads"][-1]["note"].encode()])
    assert verify(VECTORS / name, trust=trust, deep=True).all_findings == ()
