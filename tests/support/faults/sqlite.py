"""Real trouble for one SQLite file: no room, not to be written, locked, a disk that fails."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from sayso.store.sqlite.store import SqliteStore

_NO_LIMIT = 1_073_741_823


class SqliteTrouble:
    """Opens a file as a store whose writing connection can be brought into trouble.

    Every method may be called between two units of work, or by a `Points` strike inside one.

    Args:
        path: a database of this version.
        busy_timeout_s: how long the store waits for a lock.

    Attributes:
        store: the open store.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = 0.05) -> None:
        self._path = path
        self._writers: list[sqlite3.Connection] = []
        self.store = SqliteStore(path, busy_timeout_s=busy_timeout_s, prepare=self._writers.append)

    def leave_room(self, pages: int) -> None:
        """Let the file grow by so many pages more; then it is full (`store_full`)."""
        now = int(self._pragma("page_count"))
        self._pragma(f"max_page_count = {now + pages}")

    def make_room(self) -> None:
        """Let the file grow again."""
        self._pragma(f"max_page_count = {_NO_LIMIT}")

    def make_read_only(self) -> None:
        """Let SQLite refuse every write (`store_read_only`)."""
        self._pragma("query_only = on")

    def make_writable(self) -> None:
        """Let it write again."""
        self._pragma("query_only = off")

    @contextmanager
    def locked(self) -> Generator[None]:
        """Hold the file's lock, as another program would, while the block runs (`store_busy`)."""
        with closing(sqlite3.connect(self._path, isolation_level=None)) as other:
            other.execute("begin immediate")
            yield
            other.execute("rollback")

    def _pragma(self, words: str) -> str:
        row = self._writers[0].execute(f"pragma {words}").fetchone()
        return "" if row is None else str(row[0])


def fail_statement() -> None:
    """A strike: what SQLite raises in a statement when the disk does not answer.

    Raises:
        sqlite3.OperationalError: always.
    """
    raise sqlite3.OperationalError("disk I/O error")


class FailingDisk:
    """A disk that takes no byte more: every write of this process to a file fails with EFBIG.

    `fail` is a strike. While it lasts, nothing of this process can write to a file, so it belongs
    just before a commit (the point `unit end` of a `TappedStore`), and `mend` right after (`failed`
    and `committed`).
    """

    def __init__(self) -> None:
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fail(self) -> None:
        """Take nothing from now on."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, self._before[1]))

    def mend(self) -> None:
        """Take bytes again; harmless when it did not fail."""
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)
