"""Which entry was the last to set a status, in memory that does not grow with the log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_KEPT = 50_000
"""Ids in memory; the entries of one mostly stand close together, so few are noted twice."""

_TABLES = """
create table noted (id text, seq, status);
create table unstated (id text, seq);
"""
# SOURCE: SQLite documentation, "Bare columns in an aggregate query": with max(), the other columns
# are those of the row that has it.
_LATEST = "select id, max(seq), status from noted group by id order by id"
_SOUGHT = "select id, seq, status from noted where id = ? order by seq desc limit 1"
_UNSTATED = "select id, seq from unstated order by seq"


class StatedRow(NamedTuple):
    """A row that is not simply what the last entry says.

    Attributes:
        id, status, last_seq: as the row has them.
        latest: the index of the last entry that sets a status; None when there is none.
        latest_status: the status that it sets.
    """

    id: str
    status: object
    last_seq: object
    latest: int | None
    latest_status: object


class LatestStatus:
    """For each action, or each approval, the last entry that sets its status.

    Most of it is kept in a temporary file, which SQLite makes and removes, and compared there.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        """With as many ids in memory as `kept`, at the end of each batch."""
        self._kept = kept
        self.recent: dict[str, tuple[int, object]] = {}
        """What is in memory: `{id: (index, status)}`. Written to directly, for speed's sake."""
        self._file: sqlite3.Connection | None = None
        self.stated = 0
        """How many rows were compared."""

    def spill_if_many(self) -> None:
        """Move what is in memory to the file, if it is much; for the end of each batch."""
        if len(self.recent) > self._kept:
            self._spill()

    def disagreeing(self, rows: Iterable[tuple[str, object, object]]) -> Iterator[StatedRow]:
        """The rows, `(id, status, last_seq)`, that are not what the last entry says, in order.

        Args:
            rows: by rising id, which is fast; one out of its place is looked for by itself.
        """
        file = self._spill()
        noted: Iterator[tuple[str, int, str | None]] = file.execute(_LATEST)
        latest, is_stated, before = next(noted, None), False, ""
        for name, status, last_seq in rows:
            self.stated += 1
            while latest is not None and latest[0] < name:
                if not is_stated:
                    file.execute("insert into unstated values (?, ?)", latest[:2])
                latest, is_stated = next(noted, None), False
            found = latest if latest is not None and latest[0] == name else None
            if found is not None:
                is_stated = True
            elif name <= before:
                found = self._sought(name)
            before = max(before, name)
            if found is None:
                yield StatedRow(name, status, last_seq, None, None)
            elif found[1] != last_seq or found[2] != status or status is None:
                yield StatedRow(name, status, last_seq, found[1], found[2])
        if latest is not None and not is_stated:
            file.execute("insert into unstated values (?, ?)", latest[:2])
        file.executemany("insert into unstated values (?, ?)", (left[:2] for left in noted))

    def unstated(self) -> Iterator[tuple[str, int]]:
        """What has entries and no row, with its last entry; after `disagreeing`."""
        yield from self._spill().execute(_UNSTATED)

    def _sought(self, name: str) -> tuple[str, int, str | None] | None:
        """The last entry of one whose row is out of its place, and which has a row after all."""
        file = self._spill()
        file.execute("create index if not exists noted_id on noted (id, seq)")
        file.execute("delete from unstated where id = ?", (name,))
        found = file.execute(_SOUGHT, (name,)).fetchone()
        return None if found is None else (str(found[0]), int(found[1]), found[2])

    def _spill(self) -> sqlite3.Connection:
        if self._file is None:
            # An empty name is a file of its own in the system's folder for such files.
            self._file = sqlite3.connect("", isolation_level=None)
            self._file.execute("pragma synchronous = off")
            self._file.execute("pragma journal_mode = off")
            self._file.executescript(_TABLES)
            self._file.execute("begin")
        rows = [
            (name, seq, status if type(status) is str else None)
            for name, (seq, status) in self.recent.items()
        ]
        self._file.executemany("insert into noted values (?, ?, ?)", rows)
        self.recent.clear()
        return self._file
