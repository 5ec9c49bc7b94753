"""Which entry was the last to set a status, in memory that does not grow with the log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_KEPT = 50_000
"""Ids in memory; the entries of one mostly stand close together, so few are noted twice."""

_TABLES = """
create table noted (id text, seq, status);
create table stated (id text, status, last_seq);
"""
# SOURCE: SQLite documentation, "Bare columns in an aggregate query": with max(), the other columns
# are those of the row that has it.
_LATEST = "create table latest as select id, max(seq) as seq, status from noted group by id"
_DISAGREEING = """
select s.id, s.status, s.last_seq, l.seq, l.status
from stated as s left join latest as l on l.id = s.id
where l.seq is not s.last_seq or l.status is not s.status or s.status is null
order by s.rowid
"""
_UNSTATED = """
select id, seq from latest where id not in (select id from stated) order by seq
"""


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

    def __init__(self) -> None:
        self.recent: dict[str, tuple[int, object]] = {}
        """What is in memory: `{id: (index, status)}`. Written to directly, for speed's sake."""
        self._file: sqlite3.Connection | None = None
        self.stated = 0
        """How many rows were compared."""

    def spill_if_many(self) -> None:
        """Move what is in memory to the file, if it is much; for the end of each batch."""
        if len(self.recent) > _KEPT:
            self._spill()

    def disagreeing(self, rows: Iterable[tuple[str, object, object]]) -> Iterator[StatedRow]:
        """The rows, `(id, status, last_seq)`, that are not what the last entry says, in order."""
        file = self._spill()
        self.stated += file.executemany("insert into stated values (?, ?, ?)", rows).rowcount
        file.execute(_LATEST)
        for name, status, last_seq, latest, latest_status in file.execute(_DISAGREEING):
            yield StatedRow(name, status, last_seq, latest, latest_status)

    def unstated(self) -> Iterator[tuple[str, int]]:
        """What has entries and no row, with its last entry; after `disagreeing`."""
        yield from self._spill().execute(_UNSTATED)

    def _spill(self) -> sqlite3.Connection:
        if self._file is None:
            # An empty name is a file of its own in the system's folder for such files.
            self._file = sqlite3.connect("", isolation_level=None)
            self._file.execute("pragma synchronous = off")
            self._file.execute("pragma journal_mode = off")
            self._file.executescript(_TABLES)
            self._file.execute("begin")
        rows = (
            (name, seq, status if isinstance(status, str) else None)
            for name, (seq, status) in self.recent.items()
        )
        self._file.executemany("insert into noted values (?, ?, ?)", rows)
        self.recent.clear()
        return self._file
