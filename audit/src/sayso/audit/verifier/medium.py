"""The SQLite files of a verification: one that is only read, and one to put things aside in.

SQLite needs a place for the two files beside a database in WAL mode even to read it. Evidence lies
on media and shares where there is none.
"""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sayso.errors import Code, IntegrityError


def open_scratch(owner: object, tables: str) -> sqlite3.Connection:
    """Make one, inside a transaction that never ends.

    Args:
        owner: it is closed and gone once this object is.
        tables: the statements that make its tables.
    """
    # An empty name is a file of its own in the system's folder for such files.
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    weakref.finalize(owner, connection.close)
    connection.execute("pragma synchronous = off")
    connection.execute("pragma journal_mode = off")
    # Kept by the system as long as there is room: what each of these keeps is memory for good.
    connection.execute("pragma cache_size = -512")
    connection.executescript(tables)
    connection.execute("begin")
    return connection


_NO_PLACE = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
_PRIMARY = 0xFF  # SOURCE: SQLite documentation, "Result and Error Codes": the rest says more
_BESIDE = ("-wal", "-journal")


@dataclass(frozen=True, slots=True, kw_only=True)
class StillFile:
    """A file that is read as if nobody could write to it, and what shows that nobody did."""

    path: Path
    mark: tuple[int, ...]

    @classmethod
    def of(cls, path: Path) -> StillFile:
        """The file as it is now.

        Raises:
            IntegrityError: `not_a_database`, when something beside it belongs to what it says.
        """
        beside = _unwritten_beside(path)
        if beside:
            raise IntegrityError(
                Code.NOT_A_DATABASE,
                f"`{path.name}` lies where nothing can be written, and `{beside}` beside it holds "
                f"a part of it; copy both to a folder that can be written, and read the copy",
                next_step=f"copy the database with its {beside.removeprefix(path.name)} file to a "
                "writable folder",
            )
        return cls(path=path, mark=_mark(path))

    def check(self) -> None:
        """Look whether it is still as it was.

        Raises:
            IntegrityError: `not_a_database`, when somebody wrote to it meanwhile.
        """
        if _mark(self.path) != self.mark or _unwritten_beside(self.path):
            raise IntegrityError(
                Code.NOT_A_DATABASE,
                f"`{self.path.name}` was written to while it was read, so nothing here is judged; "
                "read a copy, or where its folder can be written",
                next_step="copy the database to a writable folder, and read the copy",
            )


def connect_read_only(
    path: Path, prepare: Callable[[sqlite3.Connection], None]
) -> tuple[sqlite3.Connection, StillFile | None]:
    """Connect to a file that is only read.

    Args:
        path: the file.
        prepare: sets a connection up, before anything is read of the file.

    Returns:
        The connection, and what is to be checked at the end, where the file had to be taken for
        one that nobody writes to.

    Raises:
        IntegrityError: `not_a_database`, when it cannot be opened, or not without what stands
            beside it.
        sqlite3.Error: when the file is damaged.
    """
    path = path.resolve()
    connection = _connect(path, "mode=ro")
    prepare(connection)
    try:
        # Nothing is opened before the first look.
        connection.execute("select 1 from sqlite_master limit 1").fetchone()
    except sqlite3.Error as error:
        connection.close()
        # INVARIANT: what somebody may be writing to is never opened as `immutable`.
        if _code_of(error) not in _NO_PLACE or os.access(path.parent, os.W_OK):
            raise
        still = StillFile.of(path)
        connection = _connect(path, "mode=ro&immutable=1")
        prepare(connection)
        return connection, still
    return connection, None


def _connect(path: Path, options: str) -> sqlite3.Connection:
    try:
        return sqlite3.connect(f"{path.as_uri()}?{options}", uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise IntegrityError(
            Code.NOT_A_DATABASE, f"`{path}` cannot be opened", detail=str(error)
        ) from error


def _code_of(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY


def _unwritten_beside(path: Path) -> str | None:
    """The name of a file beside it with what the file itself does not have yet."""
    for ending in _BESIDE:
        beside = path.with_name(path.name + ending)
        if beside.exists() and beside.stat().st_size:
            return beside.name
    return None


def _mark(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
