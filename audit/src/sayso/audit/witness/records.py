"""What a witness remembers: a file per log, replaced whole, on disk before anybody hears of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from sayso.audit.atomic_files import sync_folder
from sayso.audit.signed_note.note import MAX_NOTE_BYTES, Checkpoint, parse_note
from sayso.errors import Code, ConfigError, IntegrityError

_LOCK = "lock"
_EVIDENCE = "evidence"
MAX_EVIDENCE = 1000
"""Proofs of misbehaviour beyond this are not kept: the first ones are enough to act on."""


class WitnessRecords:
    """The newest checkpoint of each log, in a folder that one witness holds.

    Use `open_records`. Not safe for two threads at once.

    Guarantees: when `replace` returns, the checkpoint is on the disk, whole; a crash at any point
    leaves the old one or the new one. What cannot be read is an error, never "none".
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, origin: str) -> Path:
        # NOTE: an origin may hold slashes and dots; its hash cannot leave the folder.
        return self._folder / f"{sha256(origin.encode()).hexdigest()}.checkpoint"

    def newest(self, origin: str) -> tuple[Checkpoint, str] | None:
        """The checkpoint cosigned last, and its signed note; None when there was none.

        Raises:
            IntegrityError: `tampered`, when the file is not what was written.
        """
        try:
            with self._path(origin).open("rb") as file:
                encoded = file.read(2 * MAX_NOTE_BYTES)
        except FileNotFoundError:
            return None
        note = encoded.decode(errors="replace")
        try:
            checkpoint = Checkpoint.parse(parse_note(note)[0])
        except IntegrityError as error:
            raise _damaged(self._path(origin)) from error
        if checkpoint.origin != origin:
            raise _damaged(self._path(origin))
        return checkpoint, note

    def replace(self, origin: str, note: str) -> None:
        """Remember this note as the newest.

        Raises:
            OSError: nothing was replaced.
        """
        write_durably(self._path(origin), note.encode())

    def keep_evidence(self, origin: str, known: str, other: str) -> None:
        """Keep two signed checkpoints that cannot both be honest. Never fails."""
        folder = self._folder / _EVIDENCE
        with contextlib.suppress(OSError):
            folder.mkdir(exist_ok=True)
            both = f"{known}\n{other}".encode()
            name = folder / f"{sha256(origin.encode() + both).hexdigest()}.notes"
            if not name.exists() and len(list(folder.iterdir())) < MAX_EVIDENCE:
                write_durably(name, both)


def _damaged(path: Path) -> IntegrityError:
    return IntegrityError(
        Code.TAMPERED,
        f"the witness's record `{path.name}` is not what was written",
        next_step="restore it from a backup; without it the witness cannot tell a rollback",
    )


def write_durably(path: Path, content: bytes) -> None:
    """Put a whole file in place of the old one; after a crash it is one of the two."""
    beside = path.with_name(f"{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    beside.replace(path)
    sync_folder(path.parent)


@contextmanager
def open_records(folder: Path) -> Generator[WitnessRecords]:
    """Take the folder for this process; made when it is not there.

    Raises:
        ConfigError: `invalid_setting`, when another witness holds it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ConfigError(
            Code.INVALID_SETTING,
            f"the witness's folder `{folder}` cannot be used: {(error.strerror or '').lower()}",
            next_step="choose a folder that this user can write",
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # INVARIANT: two writers could cosign two histories, each against its own memory.
            raise ConfigError(
                Code.INVALID_SETTING,
                f"another witness runs on `{folder}`",
                next_step="stop it, or give this one a folder of its own",
            ) from error
        yield WitnessRecords(folder)
    finally:
        os.close(descriptor)
