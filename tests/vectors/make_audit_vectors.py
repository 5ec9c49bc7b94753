"""Writes the vectors of the audit format: `python tests/vectors/make_audit_vectors.py`.

They are committed, and a test compares them with what this writes: a change of the format shows as
a change of the vectors, and a format on disk is never changed in place.
"""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json, PiiRef
from sayso.audit.exports.bundle import write_bundle
from sayso.audit.signed_note.note import Checkpoint, Ed25519Signer, sign_checkpoint
from sayso.audit.tree.merkle import (
    Frontier,
    LeafHashes,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
)
from sayso.money import Money

TENANT = "main"
ORIGIN = "acme/main"
# A key for vectors only: its seed stands here for everybody to read.
SIGNER = Ed25519Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
_AGENT = Actor(kind=ActorKind.AGENT, id="agt_1")
_MARIA = Actor(kind=ActorKind.PERSON, id="per_maria")
_SYSTEM = Actor(kind=ActorKind.SYSTEM, id="sayso")
_AT = 1_764_072_000_000_000


def _refund(kind: EntryKind, actor: Actor, status: str, data: dict[str, Json]) -> Entry:
    return Entry(
        kind=kind,
        actor=actor,
        action="act_1",
        request="req_1",
        approval="apr_1",
        subject="sub_7f3a",
        name="stripe.refund",
        amount=Money(12900, "USD"),
        status=status,
        rule="refunds.large",
        digest="ab" * 32,
        data=data,
    )


ENTRIES = [
    Entry(kind=EntryKind.LOG_OPENED, actor=_SYSTEM),
    Entry(
        kind=EntryKind.REQUEST_ASKED,
        actor=_AGENT,
        request="req_1",
        subject="sub_7f3a",
        pii=PiiRef(ref="pii_1", alg="A256GCM", c="cd" * 32),
    ),
    _refund(EntryKind.ACTION_PENDING, _AGENT, "pending_approval", {"revision": 1}),
    _refund(EntryKind.ACTION_APPROVED, _MARIA, "approved", {"approval_status": "approved"}),
    _refund(EntryKind.ACTION_INTENT, _SYSTEM, "executing", {"attempt": 1, "last": None}),
    _refund(EntryKind.ACTION_SUCCEEDED, _SYSTEM, "succeeded", {"receipt": "re_1 é \u2028 \n"}),
    Entry(kind=EntryKind.AUDIT_QUERIED, actor=_MARIA, data={"words": ["who", "paid"], "n": -1}),
]
BODIES = [
    entry.body(tenant=TENANT, seq=seq, at_micros=_AT + seq) for seq, entry in enumerate(ENTRIES)
]
LEAVES = [leaf_hash(body) for body in BODIES]
SOURCE = LeafHashes(LEAVES)


def note_at(size: int) -> str:
    """The signed head of the first `size` entries."""
    checkpoint = Checkpoint(origin=ORIGIN, size=size, root=root_of(LEAVES[:size]))
    return sign_checkpoint(checkpoint, SIGNER)


def _proofs() -> list[Json]:
    size = len(BODIES)
    return [
        {
            "seq": seq,
            "size": size,
            "proof": [base64.b64encode(one).decode() for one in inclusion_proof(SOURCE, seq, size)],
        }
        for seq in range(size)
    ]


def _consistency() -> list[Json]:
    pairs = [(old, new) for new in range(1, len(BODIES) + 1) for old in range(1, new + 1)]
    return [
        {
            "old": old,
            "new": new,
            "proof": [
                base64.b64encode(one).decode() for one in consistency_proof(SOURCE, old, new)
            ],
        }
        for old, new in pairs
    ]


def _heads() -> list[Json]:
    heads: list[Json] = []
    for size in range(len(BODIES) + 1):
        frontier = Frontier()
        frontier.extend(LEAVES[:size])
        heads.append(
            {
                "size": size,
                "root_hex": frontier.root().hex(),
                "frontier_hex": frontier.to_bytes().hex(),
                "note": note_at(size),
            }
        )
    return heads


def _twins() -> list[Json]:
    """The log with one thing wrong, under its true head; each with the damage it must be given."""
    texts = [body.decode() for body in BODIES]
    edited = [*texts[:3], texts[3].replace("per_maria", "per_mario"), *texts[4:]]
    swapped = [*texts[:2], texts[3], texts[2], *texts[4:]]
    return [
        {"damage": "edited", "bodies": list[Json](edited)},
        {"damage": "deleted", "bodies": list[Json](texts[:2] + texts[3:])},
        {"damage": "reordered", "bodies": list[Json](swapped)},
        {"damage": "truncated", "bodies": list[Json](texts[:-1])},
        {"damage": "forged", "bodies": list[Json]([*texts, texts[-1].replace(':6,"t', ':7,"t')])},
        {"damage": "non_canonical", "bodies": list[Json]([texts[0] + " ", *texts[1:]])},
    ]


def write_vectors(folder: Path) -> None:
    """Write `audit-log.json`, `bundle/` and `bundle-filtered/` into the folder."""
    document: dict[str, Json] = {
        "tenant": TENANT,
        "origin": ORIGIN,
        "skey": SIGNER.to_text(),
        "vkey": SIGNER.vkey,
        "bodies": [body.decode() for body in BODIES],
        "leaves_hex": [leaf.hex() for leaf in LEAVES],
        "heads": _heads(),
        "inclusion": _proofs(),
        "consistency": _consistency(),
        "tampered": _twins(),
    }
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    (folder / "audit-log.json").write_bytes(orjson.dumps(document, option=options))
    numbered = list(enumerate(BODIES))
    for name, entries, proofs in (
        ("bundle", numbered, None),
        ("bundle-filtered", numbered[2:6], SOURCE),
    ):
        shutil.rmtree(folder / name, ignore_errors=True)
        write_bundle(
            folder / name,
            tenant=TENANT,
            note=note_at(len(BODIES)),
            vkeys=[SIGNER.vkey],
            entries=entries,
            proofs=proofs,
        )


if __name__ == "__main__":
    write_vectors(Path(__file__).parent)
