"""A migrated SQLite file with nothing in it: made once in a process, and copied for each test.

Its migrations take longer than most of what a test does with it. What they do is tested where they
are: tests/store/test_sqlite_file.py.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from sayso.store.private_files import make_private_file
from sayso.store.sqlite.schema import migrate
from sayso.store.sqlite.store import open_connection


def make_database(path: Path) -> None:
    """A new file, as `SqliteStore(path, create=True)` would make it."""
    make_private_file(path)
    path.write_bytes(_migrated())


@functools.cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sayso.db"
        connection = open_connection(path, create=True)
        migrate(connection)
        connection.close()
        return path.read_bytes()
