"""Opening files that somebody else may have put there."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading; a pipe, which would be waited for, or a device is refused.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    # NOTE: without O_NONBLOCK, opening a pipe waits for somebody who writes.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


MAX_HELD_BYTES = 64 * 1024
"""More than any checkpoint, key or proof that somebody holds has."""


def read_start(path: Path, most: int) -> bytes:
    """As much of a file or a pipe as can be meant; what is longer is cut, and refused for that.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(most)
