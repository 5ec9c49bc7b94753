"""What an auditor remembers between two verifications: the last head of each log that verified.

With it, every verification also shows that nothing was rewritten since the one before.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from sayso.audit.entry import Json, canonical_bytes, read_canonical
from sayso.audit.io_errors import unwritten
from sayso.audit.signed_note.note import Checkpoint, parse_note
from sayso.audit.verifier.verification import Verdict, Verification
from sayso.audit.witness.records import write_durably
from sayso.errors import Code, ConfigError, IntegrityError

FORMAT = "sayso-auditor-memory"
VERSION = 1
_MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditorMemory:
    """The last verified head of each log.

    Attributes:
        notes: by origin, the signed note.
    """

    notes: Mapping[str, str]

    def checkpoints(self) -> tuple[bytes, ...]:
        """The notes, to be held against the logs as they are now."""
        return tuple(note.encode() for note in self.notes.values())

    def with_verified(self, verification: Verification) -> AuditorMemory:
        """What is to be remembered after a verification.

        Only logs that verified count, and a head never replaces a larger one.
        """
        notes = dict(self.notes)
        for log in verification.logs:
            if log.verdict is Verdict.VERIFIED and log.is_whole and log.note:
                known = notes.get(log.origin)
                if known is None or _size(known) <= (log.size or 0):
                    notes[log.origin] = log.note
        return AuditorMemory(notes=notes)


NOTHING_SEEN = AuditorMemory(notes={})


def read_memory(path: Path) -> AuditorMemory:
    """Read the file; one that is not there is an empty memory.

    Raises:
        ConfigError: `invalid_setting`, when it is there and is not what was written: an auditor
            whose memory was exchanged must not go on as if there had been none.
    """
    try:
        with path.open("rb") as file:
            encoded = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return NOTHING_SEEN
    except OSError as error:
        raise _unreadable(path, str(error)) from error
    try:
        notes = _read(encoded)
    except (IntegrityError, ValueError) as error:
        raise _unreadable(path, str(error)) from error
    return AuditorMemory(notes=notes)


def remember(path: Path, verification: Verification) -> None:
    """Add what has just been verified to the file; two at once both count.

    Raises:
        ConfigError: `invalid_setting`, when the file is damaged or cannot be written; `store_full`.
    """
    try:
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            memory = read_memory(path).with_verified(verification)
            logs: dict[str, Json] = dict(memory.notes)
            listed: list[Json] = [{"note": logs[name], "origin": name} for name in sorted(logs)]
            lines = b"\n".join(canonical_bytes(one) for one in [_HEAD, *listed])
            write_durably(path, lines + b"\n")
        finally:
            os.close(lock)
    except OSError as error:
        raise unwritten(
            f"the memory `{path}`",
            error,
            full="free some disk space, and verify again; what was remembered is as it was",
            otherwise="name a file in a folder that is there, and that this user can write",
        ) from error


_HEAD: Json = {"format": FORMAT, "version": VERSION}


def _read(encoded: bytes) -> dict[str, str]:
    head, *lines = encoded.split(b"\n")
    whole = len(encoded) <= _MAX_BYTES and lines and lines.pop() == b""
    if not whole or read_canonical(head) != _HEAD:
        raise ValueError("its first line")
    notes: dict[str, str] = {}
    for line in lines:
        fields = cast("dict[str, object]", read_canonical(line))
        note, origin = fields["note"], fields["origin"]
        if fields.keys() != {"note", "origin"} or not isinstance(note, str):
            raise ValueError("a line")
        if Checkpoint.parse(parse_note(note)[0]).origin != origin or origin in notes:
            raise ValueError("an origin")
        notes[str(origin)] = note
    return notes


def _size(note: str) -> int:
    return Checkpoint.parse(parse_note(note)[0]).size


def _unreadable(path: Path, detail: str) -> ConfigError:
    return ConfigError(
        Code.INVALID_SETTING,
        f"the memory `{path}` cannot be used",
        next_step="restore it from a backup; delete it only if you know why it is damaged",
        detail=detail,
    )
