"""What keeps an export or a command's output from being written or read, said to who asked."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, TypeVar

from sayso.errors import Code, ConfigError

_T = TypeVar("_T")
_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def writing_to(path: Path) -> Generator[None]:
    """The block writes a file or folder of that name; what it reads meanwhile, by `reading`.

    Raises:
        ConfigError: `store_full`, when the disk is; `invalid_setting`, when the path cannot be
            written for another reason.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:  # none of the system's
            raise
        raise unwritten(
            f"`{path}`",
            error,
            full="free some disk space, or name a path on another disk",
            otherwise="name a path in a folder that is there, and that this user can write",
        ) from error


def unwritten(what: str, error: OSError, *, full: str, otherwise: str) -> ConfigError:
    """What to say when something cannot be written.

    Args:
        full, otherwise: the next step where the disk is full, and where it is not.
    """
    is_full = error.errno in _FULL
    return ConfigError(
        Code.STORE_FULL if is_full else Code.INVALID_SETTING,
        f"{what} cannot be written: {(error.strerror or '').lower()}",
        next_step=full if is_full else otherwise,
    )


def reading(rows: Iterable[_T]) -> Iterator[_T]:
    """The same rows; what the system says while they are read is told as an error of reading.

    INVARIANT: they are consumed inside of `writing_to`, which would blame the path that is written.

    Raises:
        ConfigError: `store_unavailable`.
    """
    try:
        yield from rows
    except OSError as error:
        raise ConfigError(
            Code.STORE_UNAVAILABLE,
            f"the log cannot be read: {(error.strerror or str(error)).lower()}",
            next_step="check the disk that the database is on, or its server",
            detail=str(error),
        ) from error


def drop_output(stream: TextIO) -> None:
    """Send to nowhere what a stream still holds, since the interpreter would complain at its end.

    SOURCE: Python docs, signal: note on SIGPIPE.
    """
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
