"""What keeps an export from being written, said to whoever asked for it."""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sayso.errors import Code, ConfigError

_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def writing_to(path: Path) -> Generator[None]:
    """The block writes a file or folder of that name.

    Raises:
        ConfigError: `store_full`, when the disk is; `invalid_setting`, when the path cannot be
            written for another reason.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:  # none of the system's
            raise
        is_full = error.errno in _FULL
        raise ConfigError(
            Code.STORE_FULL if is_full else Code.INVALID_SETTING,
            f"`{path}` cannot be written: {(error.strerror or '').lower()}",
            next_step="free some disk space, or name a path on another disk"
            if is_full
            else "name a path in a folder that is there, and that this user can write",
        ) from error
