"""The database alone of a workspace that a released version has left."""

from __future__ import annotations

import tarfile

from upgrade.kept import kept_file

OLDEST = "0.1.0"
"""The oldest version whose databases are upgraded."""


def older_file() -> bytes:
    """Of SQLite."""
    return _member("sqlite", "sayso.db")


def older_dump() -> bytes:
    """Of PostgreSQL, as SQL for an empty database."""
    return _member("postgres", "dump.sql")


def _member(store: str, name: str) -> bytes:
    with tarfile.open(kept_file(OLDEST, store), "r:xz") as archive:
        found = archive.extractfile(name)
        assert found is not None
        return found.read()
