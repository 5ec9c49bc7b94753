"""Folders of exports while they are made, and what is left of those of servers that ended."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import stat
import tempfile
import time
from io import FileIO
from pathlib import Path

from sayso.errors import logged

logger = logging.getLogger("sayso.http")

PREFIX = "sayso-export-"
YOUNG_S = 3600.0
"""A folder without the file may be one that is being made, for so long."""
_IN_USE = "in-use"


class ExportFolder:
    """A new folder that is ours alone until `remove`.

    Args:
        base: where it is made; the system's folder for temporary files by default.
    """

    def __init__(self, base: Path | None = None) -> None:
        held: FileIO | None = None
        while held is None:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
            held = _hold(self.path, os.O_CREAT | os.O_EXCL)
        self._held = held

    def remove(self) -> None:
        """Take it away with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._held.close()


def remove_left(base: Path | None = None) -> int:
    """Take away the folders that ended servers of this user left behind; how many there were.

    Guarantees: nothing of another user, nothing behind a link, and no folder that a living process
    uses, on this machine or in another container that shares the folder.
    """
    count = 0
    for path in Path(base or tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            count += _remove_if_left(path)
        except OSError as error:  # somebody else was at it, or may not be followed
            logger.info("a folder of an export stays: %s", logged(error))
    return count


def _remove_if_left(path: Path) -> bool:
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return False
    if not (path / _IN_USE).exists():
        if time.time() - found.st_mtime < YOUNG_S:
            return False
        shutil.rmtree(path)
        return True
    held = _hold(path, 0)
    if held is None:
        return False
    with held:
        shutil.rmtree(path)
    return True


def _hold(folder: Path, flags: int) -> FileIO | None:
    """Lock the file of a folder; None where somebody else has it, or took the folder away."""
    path = folder / _IN_USE
    try:
        held = FileIO(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600))
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(held.fileno()).st_nlink:
            return held
    except BlockingIOError:
        pass
    held.close()
    return None
