"""Changing the key that signs a log: an entry that the old key and the new key have signed.

The entry holds a signed note, so it stands by itself:

    sayso.key-rotation/v1
    acme/main                              the log
    1204                                   how many entries it has so far
    340+3H8e2VwmE2zyMsPWP1J4P9vVwBYPO…     their root
    acme/main+9c1f2a30+AXk…                the key that signs from here on

    — acme/main WEpmqRsC…                  by the key that signed until here
    — acme/main nB8qMP2d…                  by the new one

It binds the change to one history, so it cannot be carried over into another. No reader can take
it for a checkpoint, whose second line is a number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from sayso.audit.signed_note.note import Signer, Verifier, decode64, encode64, open_note, sign_note
from sayso.audit.tree.merkle import HASH_BYTES
from sayso.audit.verifier.verification import Check, Damage, Findings
from sayso.errors import Code, IntegrityError

STATEMENT = "sayso.key-rotation/v1"
ROTATED = "key.rotated"
"""The kind of the entry; its `data.note` is the signed note."""
FINISH_ROTATION = "set `signing.key` to what `signing.next_key` is, and remove `next_key`"
"""What is left to the operator once the logs are handed over."""

_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What a change of keys says.

    Attributes:
        origin: which log.
        size: how many entries there are before this one, so also the index of this one.
        root: the root over those.
        vkey: the key that signs every head that covers this entry.
    """

    origin: str
    size: int
    root: bytes
    vkey: str

    def text(self) -> str:
        """The lines that both keys sign."""
        lines = (STATEMENT, self.origin, str(self.size), encode64(self.root), self.vkey)
        return "".join(f"{line}\n" for line in lines)

    def signed(self, old: Signer, new: Signer) -> str:
        """The signed note."""
        return sign_note(self.text(), [old, new])

    @classmethod
    def open(cls, note: str, old: Verifier) -> Self:
        """Read a note that the old key and the new one have signed.

        Raises:
            IntegrityError: `tampered`, `bad_signature` or `key_mismatch`.
        """
        text = open_note(note, [old]).text
        lines = text.split("\n")
        root = decode64(lines[3]) if len(lines) == 6 else None
        if root is None or len(root) != HASH_BYTES or not _SIZE.fullmatch(lines[2]):
            raise _not_a_rotation()
        new = Verifier.parse(lines[4])
        rotation = cls(origin=lines[1], size=int(lines[2]), root=root, vkey=new.vkey)
        if rotation.text() != text or new.name != old.name:
            raise _not_a_rotation()
        if len(open_note(note, [old, new]).verified_by) != 2:
            raise _not_a_rotation()
        return rotation


def _not_a_rotation() -> IntegrityError:
    return IntegrityError(Code.TAMPERED, "that is no change of keys as both keys sign it")


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationEntry:
    """An entry of the kind `key.rotated` as a log holds it; not judged.

    Attributes:
        seq: its index.
        note: its `data.note`, whatever that is.
        root: the root over the entries before it, as they were read; None where they were not, and
            only the note's own word for it is there.
    """

    seq: int
    note: object
    root: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPeriod:
    """A key, and the sizes of the heads that it may sign: from `from_size` to below `to_size`."""

    key: Verifier
    from_size: int = 0
    to_size: int | None = None

    def covers(self, size: int) -> bool:
        """Whether the key may sign a head of that size."""
        return self.from_size <= size and (self.to_size is None or size < self.to_size)


def follow_rotations(
    first: Verifier, origin: str, entries: Sequence[RotationEntry], findings: Findings
) -> tuple[KeyPeriod, ...]:
    """The keys of a log, one after the other, as its entries introduce them.

    A change that the key before it has not signed, or that was made for another history, is a
    finding, and introduces nothing.
    """
    periods = [KeyPeriod(key=first)]
    for entry in entries:
        current = periods[-1]
        try:
            if not isinstance(entry.note, str):
                raise _not_a_rotation()
            rotation = Rotation.open(entry.note, current.key)
            root = rotation.root if entry.root is None else entry.root
            if (rotation.origin, rotation.size, rotation.root) != (origin, entry.seq, root):
                raise IntegrityError(Code.TAMPERED, "it was made for another history")
            if rotation.vkey in {period.key.vkey for period in periods}:
                raise IntegrityError(Code.TAMPERED, "it goes back to an older key")
        except IntegrityError as error:
            message = f"a change of keys introduces no key: {error.message}"
            findings.add(Check.KEY_ROTATION, Damage.FORGED, message, entry.seq)
            continue
        at = entry.seq + 1
        periods[-1] = KeyPeriod(key=current.key, from_size=current.from_size, to_size=at)
        periods.append(KeyPeriod(key=Verifier.parse(rotation.vkey), from_size=at))
    return tuple(periods)
