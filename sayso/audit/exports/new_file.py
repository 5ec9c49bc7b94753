"""A file that is there whole or not at all, whenever its process ends."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sayso.audit.unwritten import writing_to
from sayso.errors import Code, RefusedError

_NOT_HERE = {errno.EISDIR, errno.EOPNOTSUPP, errno.ENOENT, errno.EINVAL}
"""What a filesystem says that has no files without a name; a folder that is missing, too."""
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK}


@contextmanager
def new_file(path: Path, mode: int = 0o666) -> Generator[BinaryIO]:
    """A file that gets its name when it is complete and on disk; nothing is written over.

    Until then it has none where the filesystem can do that (Linux), so that a process that is
    killed leaves nothing behind, which may be a customer's data in clear. Elsewhere it has a hidden
    one beside it.

    Args:
        mode: who may read it, less the umask.

    Raises:
        RefusedError: `invalid_input`, when there is one of that name.
        ConfigError: `store_full`, `invalid_setting`, when it cannot be written.
    """
    if path.exists():
        raise _exists(path)
    with writing_to(path):
        nameless = _open_nameless(path.parent, mode)
        if nameless is not None:
            with os.fdopen(nameless, "wb") as file:
                yield file
                _sync(file)
                _link(Path(f"/proc/self/fd/{nameless}"), path)
            return
        unseen = path.parent / f".{path.name}.{secrets.token_hex(4)}"
        try:
            made = os.open(unseen, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(made, "wb") as file:
                yield file
                _sync(file)
            _link(unseen, path)
        finally:
            unseen.unlink(missing_ok=True)


def _open_nameless(folder: Path, mode: int) -> int | None:
    """A file without a name; None where there is no such thing, or nothing to name it by."""
    flag: int | None = getattr(os, "O_TMPFILE", None)
    if flag is None or not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.open(folder, flag | os.O_WRONLY, mode)
    except OSError as error:
        if error.errno in _NOT_HERE:
            return None
        raise


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _link(made: Path, path: Path) -> None:
    """Give it its name, unless something else has got it meanwhile."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # NOTE: with a folder given, what `made` points at is linked, and not the pointer.
        os.link(made, path.name, dst_dir_fd=folder)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        if error.errno not in _NO_LINKS or not made.name.startswith("."):
            raise
        made.rename(path)  # a filesystem without links
    else:
        os.fsync(folder)
    finally:
        os.close(folder)


def _exists(path: Path) -> RefusedError:
    return RefusedError(
        Code.INVALID_INPUT, f"`{path}` exists already", next_step="give the path of a new file"
    )
