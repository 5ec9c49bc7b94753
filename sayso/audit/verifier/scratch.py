"""A database for what a verification puts aside, in a file that SQLite makes and removes."""

from __future__ import annotations

import sqlite3
import weakref


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
    connection.executescript(tables)
    connection.execute("begin")
    return connection
