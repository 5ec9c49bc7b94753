"""What SQLite's errors mean for the caller, by what stands on the disk."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from pathlib import Path

from sayso.errors import Code, ConfigError, IntegrityError, RetryableError, SaysoError
from sayso.verdicts import damaged, is_damage

_BESIDE = ("-wal", "-shm")
_ROOM = 64 * 1024
"""What a process needs at least to open a file: 32 KiB of shared memory and the first pages."""
_GIVE_ACCESS = "give this user write access to the file and its folder"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_CANNOT_TELL = ("unable to open", "disk I/O error")


def store_error(error: sqlite3.Error, path: Path, *, opened: bool = False) -> SaysoError:
    """Say what SQLite's error means for the caller.

    Args:
        opened: whether it was a database of ours a moment ago.
    """
    reason = str(error)
    name = path.name
    if isinstance(error, sqlite3.IntegrityError):
        return IntegrityError(
            Code.TAMPERED,
            "the database refused a write that contradicts it",
            next_step="run `sayso audit verify`",
            detail=reason,
        )
    if "malformed JSON" in reason:  # of a column beside a body, which SQLite computes
        return IntegrityError(
            Code.TAMPERED,
            "an entry of the log is no JSON",
            next_step="run `sayso audit verify`, and restore the database from a backup",
            detail=reason,
        )
    if is_damage(error) or (opened and "not a database" in reason):
        return damaged(f"the file `{name}` cannot be read: {reason}", detail=reason)
    if "locked" in reason or "busy" in reason:
        return RetryableError(
            Code.STORE_BUSY,
            f"the database `{name}` is locked by another program",
            next_step="close the program that holds it, then try again",
            detail=reason,
        )
    code, problem, step = Code.STORE_UNAVAILABLE, "cannot be used", "check the path and the disk"
    if "readonly" in reason or "read-only" in reason:
        code, problem, step = Code.STORE_READ_ONLY, "cannot be written", _give_access(path)
    elif "full" in reason:
        code, problem, step = Code.STORE_FULL, "has no room left", "free some disk space"
    elif "not a database" in reason:
        code, problem = Code.NOT_A_DATABASE, "is no usable SQLite file"
        step = "point `store.url` at a Sayso database, or restore it from a backup"
    elif any(words in reason for words in _CANNOT_TELL):
        code, problem, step = _looked_up(path) or (code, problem, step)
    return ConfigError(code, f"the database `{name}` {problem}", next_step=step, detail=reason)


def room_error(error: OSError, path: Path) -> ConfigError:
    """Say why the disk takes no more beside a database."""
    code, problem, step = Code.STORE_UNAVAILABLE, "cannot be written", "check the path and the disk"
    if error.errno in _FULL:
        code, problem, step = Code.STORE_FULL, "has no room left", "free some disk space"
    elif error.errno in _CLOSED:
        code, step = Code.STORE_READ_ONLY, _GIVE_ACCESS
    message = f"the database `{path.name}` {problem}"
    return ConfigError(code, message, next_step=step, detail=str(error))


def _looked_up(path: Path) -> tuple[Code, str, str] | None:
    """What the disk says, where SQLite says only that it could not: code, problem, next step."""
    folder = path.absolute().parent
    try:
        if not folder.is_dir():
            step = "correct `store.url` in sayso.toml, or bring the folder back"
            return Code.STORE_UNAVAILABLE, f"cannot be there: `{folder}` is no folder", step
        if not path.exists():
            return _missing(folder)
        if path.is_dir():
            return Code.NOT_A_DATABASE, "is a folder", "point `store.url` at a file"
        return _unusable(path, folder)
    except OSError:  # not even that may be looked at
        return Code.STORE_UNAVAILABLE, "cannot be reached by this user", _GIVE_ACCESS


def _missing(folder: Path) -> tuple[Code, str, str]:
    if not os.access(folder, os.W_OK | os.X_OK):
        return Code.STORE_READ_ONLY, "is not there, and its folder cannot be written", _GIVE_ACCESS
    if shutil.disk_usage(folder).free < _ROOM:
        return Code.STORE_FULL, "is not there, and has no room", "free some disk space"
    step = "bring the file back, or run `sayso migrate`, which makes an empty one"
    return Code.STORE_UNAVAILABLE, "is not there", step


def _unusable(path: Path, folder: Path) -> tuple[Code, str, str] | None:
    if not os.access(path, os.R_OK):
        return Code.STORE_UNAVAILABLE, "cannot be read by this user", _GIVE_ACCESS
    if _closed_to_us(path):
        return Code.STORE_READ_ONLY, "cannot be written", _give_access(path)
    if shutil.disk_usage(folder).free < _ROOM:
        return Code.STORE_FULL, "has no room left", "free some disk space"
    return None


def _closed_to_us(path: Path) -> list[Path]:
    """Those of the file, its folder and the files beside it that this user cannot write."""
    beside = [path.with_name(path.name + ending) for ending in _BESIDE]
    written = [path, path.absolute().parent, *(one for one in beside if one.exists())]
    return [one for one in written if not os.access(one, os.W_OK)]


def _give_access(path: Path) -> str:
    """The next step, with names.

    NOTE: SQLite makes the files beside with the file's own mode, so what it made while that could
    not be written stays in the way once it can.
    """
    closed = _closed_to_us(path)
    if not closed:
        return _GIVE_ACCESS
    return f"give this user write access to {', '.join(f'`{one}`' for one in closed)}"


def is_busy(error: BaseException) -> bool:
    """Whether another process has the file."""
    return (
        isinstance(error, sqlite3.OperationalError)
        and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    )
