"""The proof of one entry as a text of its own: C2SP tlog-proof.

c2sp.org/tlog-proof@v1
extra <base64>                     only in a receipt: the entry itself
index 7
<hash, base64>…                    the inclusion proof, nearest to the leaf first

acme/main                          the signed head that it leads to
…
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn, Self

from sayso.audit.signed_note.note import Checkpoint, Verifier, open_checkpoint
from sayso.audit.tree.merkle import (
    HASH_BYTES,
    HashSource,
    inclusion_proof,
    leaf_hash,
    verify_inclusion,
)
from sayso.errors import Code, IntegrityError

FIRST_LINE = "c2sp.org/tlog-proof@v1"
_EXTRA = "extra "
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,15})")
_MAX_HASHES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryProof:
    """What shows that an entry stands in a log.

    Attributes:
        seq: its index.
        hashes: the inclusion proof, 32 bytes each.
        note: the signed head, exact text.
        extra: what travels with it; proves nothing by itself.

    Source: c2sp.org/tlog-proof.
    """

    seq: int
    hashes: tuple[bytes, ...]
    note: str
    extra: bytes = b""

    def text(self) -> str:
        """The proof's one form."""
        extra = [f"extra {_encode(self.extra)}"] if self.extra else []
        lines = [FIRST_LINE, *extra, f"index {self.seq}", *map(_encode, self.hashes)]
        return "\n".join(lines) + f"\n\n{self.note}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `text` writes, and nothing else.

        Raises:
            IntegrityError: `tampered`.
        """
        head, _, note = text.partition("\n\n")
        first, *lines = head.split("\n")
        told = bool(lines) and lines[0].startswith(_EXTRA)
        extra = _unpacked(lines.pop(0).removeprefix(_EXTRA)) if told else b""
        index = _INDEX.fullmatch(lines[0]) if lines else None
        if first != FIRST_LINE or index is None or len(lines) > _MAX_HASHES:
            _malformed()
        hashes = tuple(map(_decode, lines[1:]))
        proof = cls(seq=int(index[1]), hashes=hashes, note=note, extra=extra)
        if proof.text() != text:
            _malformed()
        return proof

    def verify(self, body: bytes, keys: Iterable[Verifier]) -> Checkpoint:
        """The signed head under which these exact bytes stand at that index.

        Raises:
            IntegrityError: `tampered` when they do not; `bad_signature` or `key_mismatch` when
                none of the keys signed the head.
        """
        checkpoint = open_checkpoint(self.note, keys)
        if not _leads_to(checkpoint, self.seq, body, self.hashes):
            raise IntegrityError(
                Code.TAMPERED,
                f"the entry {self.seq} is not the one that the checkpoint signs",
                next_step="run `sayso audit verify`",
            )
        return checkpoint


def prove(
    source: HashSource, note: str, checkpoint: Checkpoint, seq: int, body: bytes
) -> EntryProof | None:
    """The proof that a body stands in the log; None when the hashes do not lead to the head.

    Args:
        source: hashes of the log\'s tree, of whatever trustworthiness.
        note: the signed head, and `checkpoint` what it says.
    """
    try:
        hashes = inclusion_proof(source, seq, checkpoint.size)
    except LookupError:
        return None
    if not _leads_to(checkpoint, seq, body, hashes):
        return None
    return EntryProof(seq=seq, hashes=hashes, note=note)


def _leads_to(checkpoint: Checkpoint, seq: int, body: bytes, hashes: Sequence[bytes]) -> bool:
    return verify_inclusion(leaf_hash(body), seq, checkpoint.size, hashes, checkpoint.root)


def _encode(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _decode(line: str) -> bytes:
    value = _unpacked(line)
    if len(value) != HASH_BYTES:
        _malformed()
    return value


def _unpacked(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        _malformed()


def _malformed() -> NoReturn:
    raise IntegrityError(Code.TAMPERED, "that is no proof in the form of its writer")
