"""The physical limit of whatever is durable here: one-row commits, one after the other."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from bench.stopwatch import Taken


def measure(folder: Path, commits: int) -> Taken:
    """Commit one row at a time with WAL and synchronous FULL."""
    folder.mkdir(parents=True)
    connection = sqlite3.connect(folder / "rows.db", isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.execute("create table rows (id integer primary key, body text not null)")
    taken = Taken()
    with taken.timed():
        for number in range(commits):
            begin = time.perf_counter()
            connection.execute("begin immediate")
            connection.execute("insert into rows values (?, ?)", (number, "x" * 200))
            connection.execute("commit")
            taken.each_s.append(time.perf_counter() - begin)
    connection.close()
    return taken
