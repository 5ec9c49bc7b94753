"""Proofs that a log only grew, which tell an export that is older from a log that was rolled back.

A proof is what `GET /v1/audit/proof?old_size=…` gives. It is hashes only: who made it, and who
signed the head in it, makes no difference, since no false one leads from one root to another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from sayso.audit.signed_note.note import Checkpoint, parse_note
from sayso.audit.tree.merkle import verify_consistency
from sayso.audit.witness.request import AddCheckpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A consistency proof from an older size of a log to a newer head.

    Attributes:
        old_size: how many entries the log had.
        proof: the hashes, as RFC 9162 section 2.1.4 has them.
        size, root: of the newer head.
    """

    old_size: int
    proof: tuple[bytes, ...]
    size: int
    root: bytes

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read what a server gave.

        Raises:
            RefusedError: `invalid_input`; IntegrityError when the head in it is none.
        """
        asked = AddCheckpoint.parse(content)
        head = Checkpoint.parse(parse_note(asked.note)[0])
        return cls(
            old_size=asked.old_size, proof=tuple(asked.proof), size=head.size, root=head.root
        )

    def leads_from(self, size: int, root: bytes) -> bool:
        """Whether a tree of that size and root is the beginning of the newer one."""
        return size == self.old_size and verify_consistency(
            size, root, self.size, self.root, self.proof
        )


def is_beginning(size: int, root: bytes, of: Checkpoint, growths: Iterable[Growth]) -> bool:
    """Whether the proofs show that a tree is the beginning of the one that a checkpoint tells of.

    Directly, or since both are beginnings of one that is newer still: of two trees that begin the
    same third one, the smaller begins the larger.
    """
    if not 0 < size <= of.size:
        return False
    known = list(growths)
    reached = {(one.size, one.root) for one in known if one.leads_from(size, root)}
    if (of.size, of.root) in reached:
        return True
    return any(one.leads_from(of.size, of.root) for one in known if (one.size, one.root) in reached)
