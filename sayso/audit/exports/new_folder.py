"""A folder that is there whole or not at all, whenever its process ends.

A process that is killed cannot take away what it had written. So each such folder is held locked
while it is filled, and whoever exports to the same path next takes away those that nobody holds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from sayso.audit.durable import sync_folder
from sayso.audit.unwritten import writing_to

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
