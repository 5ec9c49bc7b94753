"""A directory as a place: a share, a mounted bucket, another machine's disk."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from sayso.audit.atomic_files import sync_folder
from sayso.audit.publishing.base import CheckpointSubmission, PublishReceipt
from sayso.audit.safe_open import open_regular
from sayso.audit.signed_note.note import MAX_NOTE_BYTES, Checkpoint, parse_note
from sayso.audit.tree.tiles import index_path
from sayso.errors import Code, ConfigError, IntegrityError, RetryableError

_SUFFIX = ".checkpoint"
_LOCK = "lock"
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")


class DirectoryTarget:
    """Keeps each checkpoint as a file of its own that is never written again.

    `acme/main/x001/x204/331.checkpoint` is the log `acme/main` at 1,204,331 entries.

    Args:
        name: what the settings call it.
        folder: must exist: a share that is not mounted must not become a folder of this disk.

    Guarantees: when `publish` returns, the file and its name are on the disk, whole. A file is
    made under its name only when it is complete, and never replaced. Two writers wait for each
    other. The file system must have hard links.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._folder = folder

    @property
    def name(self) -> str:
        """What the settings call it."""
        return self._name

    async def publish(self, submission: CheckpointSubmission) -> PublishReceipt:
        """Keep the checkpoint; see `PublishTarget`."""
        note = await asyncio.to_thread(self._keep, submission.checkpoint, submission.note)
        return PublishReceipt(note=note)

    async def close(self) -> None:
        """Nothing is open."""

    def _keep(self, checkpoint: Checkpoint, note: str) -> str:
        path = checkpoint_path(self._folder, checkpoint.origin, checkpoint.size)
        try:
            if not self._folder.is_dir():
                raise FileNotFoundError(2, "no such folder", str(self._folder))
            with _locked(self._folder):
                if not path.exists():
                    _create(path, note.encode(), self._folder)
                    return note
                kept = _read_note(path)
        except OSError as error:
            raise RetryableError(
                Code.PUBLISH_TARGET_UNAVAILABLE,
                f"the directory `{self._name}` cannot be written: {(error.strerror or '').lower()}",
                next_step="mount it, make room, or correct its path",
                detail=str(error),
            ) from error
        if Checkpoint.parse(parse_note(kept)[0]) != checkpoint:
            raise IntegrityError(
                Code.TAMPERED,
                f"`{path}` has another tree of {checkpoint.size} entries",
                next_step="run `sayso audit verify --published` with that directory",
            )
        return kept


def read_published(folder: Path, newest: int = 1000) -> Iterator[bytes]:
    """The notes that a directory keeps, per log the newest ones, largest size first.

    What is no note is given too: it is for the verifier to say so. INVARIANT: only what lies where
    `publish` puts it counts as one of the newest. Whoever may add files, and take none away, could
    else hide the newest head behind copies of an old one under larger names.

    Raises:
        OSError: the folder cannot be read.
    """
    if not folder.is_dir():
        raise NotADirectoryError(20, "no such folder", str(folder))
    for log in sorted({*_logs(folder)}):
        files = sorted(log.rglob(f"*{_SUFFIX}"), key=lambda path: _size_of(log, path))
        given = strays = 0
        while files and given < newest:
            path = files.pop()
            note = _read_bytes(path) if path.is_file() else b""
            if _is_in_place(folder, path, note):
                given += 1
            elif (strays := strays + 1) > newest:
                continue
            yield note


def _is_in_place(folder: Path, path: Path, note: bytes) -> bool:
    try:
        checkpoint = Checkpoint.parse(parse_note(note)[0])
        return checkpoint_path(folder, checkpoint.origin, checkpoint.size) == path
    except (IntegrityError, ConfigError):
        return False


def _logs(folder: Path) -> Iterator[Path]:
    for path in folder.glob("*/*"):
        if path.is_dir():
            yield path


def _size_of(log: Path, path: Path) -> int:
    digits = "".join(path.relative_to(log).with_suffix("").parts).replace("x", "")
    return int(digits) if digits.isdecimal() else -1


def checkpoint_path(folder: Path, origin: str, size: int) -> Path:
    """Where the checkpoint of a log at a size is kept.

    Raises:
        ConfigError: `invalid_setting`, when the log's name cannot be that of a folder.
    """
    parts = origin.split("/")
    if len(parts) != 2 or not all(_PART.fullmatch(part) for part in parts):
        raise ConfigError(
            Code.INVALID_SETTING,
            f"the log `{origin[:80]}` cannot be the name of a folder",
            next_step="use letters, digits, dots, colons, @ and hyphens",
        )
    return folder.joinpath(*parts, *f"{index_path(size)}{_SUFFIX}".split("/"))


def _read_note(path: Path) -> str:
    return _read_bytes(path).decode(errors="replace")


def _read_bytes(path: Path) -> bytes:
    """As much of a file as can be a note, and a little more; nothing of what is no file."""
    with open_regular(path) as file:
        return file.read(2 * MAX_NOTE_BYTES)


def _create(path: Path, content: bytes, top: Path) -> None:
    """Make a file under its name at once, whole and durable; never over another one."""
    made = [parent for parent in (path.parent, *path.parent.parents) if not parent.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    for parent in made:
        sync_folder(parent.parent)
    beside = top / ".new"
    # NOTE: whoever died after the link has left it as a second name of a published file.
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        view = memoryview(content)
        while view:  # a disk that is nearly full takes a part
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    # Fails where the name is taken, which a rename would not.
    os.link(beside, path)
    beside.unlink()
    sync_folder(path.parent)


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
