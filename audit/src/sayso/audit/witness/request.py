"""The body of `add-checkpoint`: the size that the witness knows, a proof, and the new checkpoint.

Source: c2sp.org/tlog-witness.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from sayso.audit.signed_note.note import MAX_NOTE_BYTES, decode64, encode64
from sayso.audit.tree.merkle import HASH_BYTES
from sayso.errors import Code, RefusedError

MAX_PROOF_LINES = 63
MAX_REQUEST_BYTES = MAX_NOTE_BYTES + 64 * 48
_OLD = re.compile(r"old (0|[1-9][0-9]{0,15})")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCheckpoint:
    """What a log asks of a witness.

    Attributes:
        old_size: the size of the checkpoint that the witness cosigned last; 0 for none.
        proof: the consistency proof from there, hashes of 32 bytes.
        note: the new checkpoint, signed by the log.
    """

    old_size: int
    proof: Sequence[bytes]
    note: str

    def encoded(self) -> bytes:
        """The body of the call."""
        lines = [f"old {self.old_size}\n", *(f"{encode64(item)}\n" for item in self.proof), "\n"]
        return "".join([*lines, self.note]).encode()

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read the body of a call; the note itself is not looked at.

        Raises:
            RefusedError: `invalid_input`.
        """
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise _refused("it is not UTF-8") from None
        head, blank, note = text.partition("\n\n")
        first, *lines = head.split("\n")
        match = _OLD.fullmatch(first)
        if len(body) > MAX_REQUEST_BYTES or not blank or not note or match is None:
            raise _refused("it is no `old` line, proof, empty line and checkpoint")
        proof = [decode64(line) for line in lines]
        whole = [item for item in proof if item is not None and len(item) == HASH_BYTES]
        if len(whole) != len(lines) or len(lines) > MAX_PROOF_LINES:
            raise _refused("a line of the proof is no hash, or there are over 63")
        return cls(old_size=int(match[1]), proof=tuple(whole), note=note)


def _refused(why: str) -> RefusedError:
    return RefusedError(
        Code.INVALID_INPUT,
        f"that is no add-checkpoint request: {why}",
        next_step="see c2sp.org/tlog-witness",
    )
