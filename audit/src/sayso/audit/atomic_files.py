"""Names on the disk before anybody relies on them: a file's own sync says nothing of its name."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sayso.audit.io_errors import writing_to
from sayso.errors import Code, RefusedError


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_NOT_HERE = {errno.EISDIR, errno.EOPNOTSUPP, errno.ENOENT, errno.EINVAL}
"""What a filesystem says that has no files without a name; a folder that is missing, too."""
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK}


@contextmanager
def new_file(path: Path, mode: int = 0o644) -> Generator[BinaryIO]:
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


_RANDOM_BYTES = 4


@contextmanager
def new_folder(path: Path) -> Generator[Path]:
    """A folder that gets its name when it is complete and on disk; until then it has a hidden one.

    Raises:
        ConfigError: `store_full`, `invalid_setting`, when it cannot be written; nothing stays.

    Guarantees: nothing of another user, and nothing that a living process fills, is taken away.
    """
    with writing_to(path):
        _remove_left(path)
        unseen, held = _make_held(path)
        try:
            yield unseen
            sync_folder(unseen)
            unseen.rename(path)
        except BaseException:  # also what the entries' iterator raises, and Ctrl-C
            shutil.rmtree(unseen, ignore_errors=True)
            raise
        finally:
            os.close(held)
        sync_folder(path.parent)


def _make_held(path: Path) -> tuple[Path, int]:
    """A new hidden folder, and the descriptor that keeps it locked."""
    while True:
        unseen = path.parent / f".{path.name}.{secrets.token_hex(_RANDOM_BYTES)}"
        unseen.mkdir()
        # NOTE: somebody else may have taken it away, or be at it, before it is locked.
        with contextlib.suppress(FileNotFoundError):
            held = _open_folder(unseen)
            if _lock(held) is not False and unseen.exists():
                return unseen, held
            os.close(held)


def _remove_left(path: Path) -> None:
    """Take away what killed exports to this path left behind."""
    for left in _hidden(path):
        try:
            held = _open_folder(left)
        except OSError:  # gone, no folder, or nobody's business
            continue
        try:
            # Where nothing can be locked, nobody knows whether it is in use.
            if os.fstat(held).st_uid == os.geteuid() and _lock(held):
                shutil.rmtree(left, ignore_errors=True)
        finally:
            os.close(held)


def _hidden(path: Path) -> Iterator[Path]:
    hidden = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{{2 * _RANDOM_BYTES}}}")
    with os.scandir(path.parent) as found:
        yield from (Path(one.path) for one in found if hidden.fullmatch(one.name))


def _open_folder(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _lock(folder: int) -> bool | None:
    """Whether a folder is ours now; None where the filesystem has no locks of folders."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
