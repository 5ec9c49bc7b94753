"""Which entry was the last to set a status, in memory that does not grow with the log."""

from __future__ import annotations

import sqlite3
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import IO, NamedTuple, TypeAlias, cast

import orjson

from sayso.audit.verifier.medium import open_scratch

_KEPT = 50_000
"""Ids in memory; the entries of one mostly stand close together, so few are noted twice."""
_BLOCK = 256
"""Ids that are read back at once, of each run."""

_TABLES = """
create table noted (id text, seq, status);
create table unstated (id text, seq);
"""
_SOUGHT = "select seq, status from noted where id = ? order by seq desc limit 1"
_UNSTATED = "select id, seq from unstated order by seq"

_Noted: TypeAlias = "Sequence[object]"
"""An index and a status."""


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

    Most of it is kept in a temporary file, in runs that are sorted by id, and merged there with the
    rows. An id says when it was made, so a run hardly reaches into the next one; but no order is
    relied on.
    """

    def __init__(self, kept: int = _KEPT, block: int = _BLOCK) -> None:
        """With as many ids in memory as `kept`, at the end of each batch; `block`, for tests."""
        self._kept = kept
        self._block = block
        self.recent: dict[str, tuple[int, object]] = {}
        """What is in memory: `{id: (index, status)}`. Written to directly, for speed's sake."""
        self._spilled: IO[bytes] | None = None
        self._runs: list[tuple[int, int]] = []
        self._heads: list[tuple[str, int, _Run]] = []
        """Of each run that is not read to its end: the first id that is not in the window."""
        self._window: dict[str, _Noted] = {}
        """What the file has of the ids up to where the rows are, as far as no row had them."""
        self._roomy = kept
        self._odd: sqlite3.Connection | None = None
        self._has_noted = False
        self.stated = 0
        """How many rows were compared."""

    @property
    def held(self) -> int:
        """How many ids are in memory, but for a block of each run."""
        return len(self.recent) + len(self._window)

    def spill_if_many(self) -> None:
        """Move what is in memory to the file, if it is much; for the end of each batch."""
        if len(self.recent) > self._kept:
            self._spill()

    def disagreeing(self, rows: Iterable[tuple[str, object, object]]) -> Iterator[StatedRow]:
        """The rows, `(id, status, last_seq)`, that are not what the last entry says, in order.

        Args:
            rows: by rising id, which is fast; one out of its place is looked for by itself.
        """
        self._spill()
        self._heads = [
            (run.ids[0], at, run) for at, run in enumerate(map(self._opened, self._runs))
        ]
        heapify(self._heads)
        take, before = self._window.pop, ""
        following = self._heads[0][0] if self._heads else None
        for name, status, last_seq in rows:
            self.stated += 1
            if following is not None and following <= name:
                following = self._read_to(name)
            found = take(name, None)
            if name > before:
                before = name
            elif found is None:
                found = self._sought(name)
            if found is None:
                yield StatedRow(name, status, last_seq, None, None)
            elif found[0] != last_seq or found[1] != status or status is None:
                yield StatedRow(name, status, last_seq, cast("int", found[0]), found[1])
        while self._heads:
            self._let_go(self._read_to(self._heads[0][0]))
        self._let_go(None)

    def unstated(self) -> Iterator[tuple[str, int]]:
        """What has entries and no row, with its last entry; after `disagreeing`."""
        if self._odd is not None:
            yield from self._odd.execute(_UNSTATED)

    def _spill(self) -> None:
        """Add a run to the file: blocks of ids in their order, and of what is noted of each."""
        if not self.recent:
            return
        if self._spilled is None:
            # Without a name, so that it is gone with us, however we end.
            self._spilled = tempfile.TemporaryFile()  # noqa: SIM115
            weakref.finalize(self, self._spilled.close)
        ids, begin = sorted(self.recent), self._spilled.tell()
        for at in range(0, len(ids), self._block):
            names = ids[at : at + self._block]
            encoded = _encoded(names, [self.recent[name] for name in names])
            self._spilled.write(len(encoded).to_bytes(8) + encoded)
        self._runs.append((begin, self._spilled.tell()))
        self.recent.clear()

    def _opened(self, run: tuple[int, int]) -> _Run:
        assert self._spilled is not None
        return _Run(self._spilled, *run)

    def _read_to(self, name: str) -> str | None:
        """Have in the window whatever may be noted of this id; the first id that is not in it."""
        window = self._window
        while self._heads and self._heads[0][0] <= name:
            _, number, run = heappop(self._heads)
            twice = {one: window[one] for one in window.keys() & run.ids}
            window.update(zip(run.ids, run.noted, strict=True))
            for one, noted in twice.items():
                if cast("int", noted[0]) > cast("int", window[one][0]):
                    window[one] = noted
            run.read_block()
            if run.ids:
                heappush(self._heads, (run.ids[0], number, run))
        if len(window) > self._roomy:
            self._let_go(name)
            self._roomy = max(self._kept, 2 * len(window))
        return self._heads[0][0] if self._heads else None

    def _let_go(self, end: str | None) -> None:
        """Set down as having no row what has had none so far, of the ids below `end`."""
        gone = [name for name in self._window if end is None or name < end]
        if gone:
            left = [(name, self._window.pop(name)[0]) for name in gone]
            self._odd_ones().executemany("insert into unstated values (?, ?)", left)

    def _sought(self, name: str) -> _Noted | None:
        """The last entry of one whose row is out of its place, and which has a row after all."""
        odd = self._odd_ones()
        if not self._has_noted:
            self._has_noted = True
            for run in map(self._opened, self._runs):
                while run.ids:
                    rows = [
                        (one, seq, status if type(status) is str else None)
                        for one, (seq, status) in zip(run.ids, run.noted, strict=True)
                    ]
                    odd.executemany("insert into noted values (?, ?, ?)", rows)
                    run.read_block()
            odd.execute("create index noted_id on noted (id, seq)")
        odd.execute("delete from unstated where id = ?", (name,))
        found: tuple[int, object] | None = odd.execute(_SOUGHT, (name,)).fetchone()
        return found

    def _odd_ones(self) -> sqlite3.Connection:
        if self._odd is None:
            self._odd = open_scratch(self, _TABLES)
        return self._odd


def _encoded(names: list[str], noted: list[tuple[int, object]]) -> bytes:
    try:
        return orjson.dumps((names, noted))
    except TypeError:  # no status, but something that is nested as deep as can be
        texts = [(seq, status if type(status) is str else None) for seq, status in noted]
        return orjson.dumps((names, texts))


class _Run:
    """What was spilled at once, block by block: `ids` and `noted` are empty at its end."""

    def __init__(self, file: IO[bytes], begin: int, end: int) -> None:
        self._file = file
        self._at, self._end = begin, end
        self.ids: list[str] = []
        self.noted: list[list[object]] = []
        self.read_block()

    def read_block(self) -> None:
        """Go on to the next one."""
        if self._at == self._end:
            self.ids, self.noted = [], []
            return
        self._file.seek(self._at)
        length = int.from_bytes(self._file.read(8))
        self.ids, self.noted = orjson.loads(self._file.read(length))
        self._at += 8 + length
