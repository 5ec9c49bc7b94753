"""Files and folders that only their owner may read; what is there already keeps its mode."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

PRIVATE_FILE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700
_OTHERS = 0o007


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user only.

    Raises:
        OSError: it cannot be made.
    """
    if folder.is_dir():
        return
    make_private_folder(folder.parent)
    folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def make_private_file(path: Path) -> None:
    """Make an empty file for this user only, unless there is one or none can be made.

    SQLite takes an empty file for a new database, and gives the files beside it the same mode.
    """
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE))


def is_open_to_others(path: Path) -> bool:
    """Whether somebody who is neither the owner nor of the group may do something with a file."""
    try:
        return bool(path.stat().st_mode & _OTHERS)
    except OSError:
        return False
