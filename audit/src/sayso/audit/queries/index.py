"""An index of one tenant's log in a file of its own, made by those who read.

It costs those who write nothing: no table, no trigger and no lock of the database has to do with
it. It holds nothing that is not in the log, may be deleted at any time, and is trusted with
nothing: what it finds is read from the log and compared with the query again, and the hashes it
keeps only lead to a proof that has to fit the signed head.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Generator
from pathlib import Path

import orjson

from sayso.audit.fields import Fields
from sayso.audit.queries.terms import terms_of
from sayso.audit.segments.rows import pruned_to, read_segments
from sayso.audit.tree.merkle import leaf_hash
from sayso.audit.tree.tiles import WIDTH, TileHashes, TileWriter
from sayso.ids import Tenant
from sayso.store.base import Reader, text
from sayso.store.private_files import make_private_file

ZONE = 512
"""For so many entries together, the first and the last time is known."""
FILL = 8192
"""How many entries are taken in at once, in one commit."""

_BUSY_S = 10.0
_FEW_NEW = 20_000
"""So many new entries are left as they are."""
_PAGE = 1024
_VERSION = 6
_SCHEMA = """
pragma journal_mode = wal;
begin immediate;
create table if not exists state (
    id integer primary key check (id = 1), first integer not null, size integer not null,
    tidy integer not null);
insert or ignore into state values (1, 0, 0, 0);
create table if not exists zone (
    first integer primary key, min_at integer not null, max_at integer not null);
create table if not exists tile (
    level integer, number integer, hashes blob not null, primary key (level, number)
) without rowid;
create virtual table if not exists term using fts5(
    words, content = '', columnsize = 0, detail = none, tokenize = 'ascii');
pragma user_version = 6;
commit;
"""
_DROP = """
drop table if exists state;
drop table if exists zone;
drop table if exists tile;
drop table if exists term;
"""
_ZONE = """
insert into zone values (:first, :low, :high) on conflict (first)
do update set min_at = min(min_at, :low), max_at = max(max_at, :high)
"""
_FIND = """
select rowid from term where term match :match and rowid >= :low and rowid < :before
order by rowid desc limit :limit
"""


class LogIndex:
    """The index of one tenant's log; safe for several threads, and for several processes.

    Args:
        path: the file, made if need be; None for one that is gone when it is closed.
        tenant: whose log.

    Raises:
        sqlite3.Error: when there can be no such file, or this SQLite has no full-text search.
    """

    def __init__(self, path: Path | None, tenant: Tenant) -> None:
        self._tenant = tenant
        self._path = path
        self._lock = threading.RLock()
        self._connection = self._open()
        self._hashes = TileHashes(self._tile)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    @property
    def tenant(self) -> Tenant:
        """Whose log."""
        return self._tenant

    @property
    def size(self) -> int:
        """How many entries it covers, from the first one on."""
        with self._lock:
            return int(self._connection.execute("select size from state").fetchone()[0])

    def fill(self, reader: Reader, size: int) -> int:
        """Take in the next entries, at most `FILL` of them.

        Args:
            reader: of the log.
            size: how many entries the log has.

        Returns:
            How many are still missing.
        """
        with self._lock:
            self._hashes = TileHashes(self._tile)  # another process may have added to the last tile
            low = pruned_to(reader, self._tenant)
            if self.size < size or self._is_useless(reader, low, size):
                with self._writing():
                    if self._is_useless(reader, low, size):
                        self._empty()
                        self._begin_at(reader, low)
                    self._take_in(reader, size)
                    self._tidy(size)
            return max(size - self.size, 0)

    @property
    def first(self) -> int:
        """The lowest index that it covers; what is below was pruned from the log."""
        with self._lock:
            return int(self._connection.execute("select first from state").fetchone()[0])

    def forget(self) -> None:
        """Begin again: what is in it does not fit the log."""
        with self._lock, self._writing():
            self._empty()

    def find(self, match: str, *, low: int, before: int, limit: int) -> list[int]:
        """Indexes of entries that have the terms, from `low` to below `before`, highest first."""
        values = {"match": match, "low": low, "before": before, "limit": limit}
        with self._lock:
            return [int(row[0]) for row in self._connection.execute(_FIND, values)]

    def between(self, at_from: int | None, at_to: int | None) -> tuple[int, int]:
        """The indexes `[low, before)` outside of which nothing it covers has such a time."""
        with self._lock:
            low, before = 0, self.size
            if at_from is not None:
                found = "select min(first) from zone where max_at >= ?"
                first = self._connection.execute(found, (at_from,)).fetchone()[0]
                low = before if first is None else int(first)
            if at_to is not None:
                found = "select max(first) from zone where min_at < ?"
                last = self._connection.execute(found, (at_to,)).fetchone()[0]
                before = 0 if last is None else min(int(last) + ZONE, before)
        return low, before

    @contextlib.contextmanager
    def snapshot(self) -> Generator[None]:
        """Whatever is asked inside is answered from one state of the index."""
        with self._lock:
            self._connection.execute("begin")
            try:
                yield
            finally:
                self._connection.execute("rollback")

    @property
    def hashes(self) -> TileHashes:
        """The hashes of the tree over what it covers, for proofs."""
        return self._hashes

    def _open(self) -> sqlite3.Connection:
        name = "" if self._path is None else str(self._path)
        if self._path is not None:
            make_private_file(self._path)
        connection = sqlite3.connect(
            name, isolation_level=None, check_same_thread=False, timeout=_BUSY_S
        )
        try:
            # NOTE: not FULL: what a power loss takes is taken in again.
            connection.execute("pragma synchronous = normal")
            version = connection.execute("pragma user_version").fetchone()[0]
            if version != _VERSION:
                # Of an older version is of no use: its terms are others.
                connection.executescript((_DROP if version else "") + _SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextlib.contextmanager
    def _writing(self) -> Generator[None]:
        self._connection.execute("begin immediate")
        try:
            yield
            self._connection.execute("commit")
        except BaseException:
            self._connection.execute("rollback")
            raise

    def _is_useless(self, reader: Reader, low: int, size: int) -> bool:
        """Whether it has words of entries that were pruned, or is of another log."""
        return self.first < low or self._is_of_another_log(reader, size)

    def _begin_at(self, reader: Reader, low: int) -> None:
        """Begin at the log's lowest index, with the hashes that are kept of what is below."""
        writer = TileWriter({})
        for one in read_segments(reader, self._tenant) if low else ():
            writer.extend_tiles(one.tiles[: max(one.pruned_to - one.first, 0) // WIDTH])
        self._connection.executemany("insert into tile values (?, ?, ?)", writer.tiles())
        self._connection.execute("update state set first = ?, size = ?", (low, low))

    def _is_of_another_log(self, reader: Reader, size: int) -> bool:
        """Whether the newest entry that both have is not the same one.

        The index may be ahead: another process took in what this reader does not see yet.
        """
        newest = min(self.size, size) - 1
        if newest < self.first:
            return False
        row = reader.one("log.bodies", tenant=self._tenant, from_seq=newest, limit=1)
        own = self._hashes.hash_of(0, newest)
        return row is None or leaf_hash(text(row, "body").encode()) != own

    def _empty(self) -> None:
        self._connection.execute("update state set first = 0, size = 0, tidy = 0")
        self._connection.execute("delete from zone")
        self._connection.execute("delete from tile")
        self._connection.execute("insert into term (term) values ('delete-all')")
        self._hashes = TileHashes(self._tile)

    def _take_in(self, reader: Reader, size: int) -> None:
        begin = self.size
        end = min(size, begin + FILL)
        writer = TileWriter({0: (begin // WIDTH, b""), **self._partial_tiles()})
        for start in range(begin, end, _PAGE):
            limit = min(_PAGE, end - start)
            rows = reader.all("log.bodies", tenant=self._tenant, from_seq=start, limit=limit)
            bodies = [text(row, "body").encode() for row in rows]
            writer.extend(map(leaf_hash, bodies))
            self._note(start, [orjson.loads(body) for body in bodies])
        if end > begin:
            self._connection.executemany(
                "insert or replace into tile values (?, ?, ?)", writer.tiles()
            )
            self._connection.execute("update state set size = ?", (end,))
            self._hashes = TileHashes(self._tile)

    def _tidy(self, size: int) -> None:
        """Merge the lists of terms into one, once in a while: asking is several times faster then.

        It costs about a microsecond for each entry, so it waits until a quarter is new.
        """
        now, tidy = self._connection.execute("select size, tidy from state").fetchone()
        if now == size and now - tidy > max(tidy // 4, _FEW_NEW):
            self._connection.execute("insert into term (term) values ('optimize')")
            self._connection.execute("update state set tidy = ?", (now,))

    def _note(self, start: int, bodies: list[Fields]) -> None:
        self._connection.executemany(
            "insert into term (rowid, words) values (?, ?)",
            [(start + at, " ".join(terms_of(fields))) for at, fields in enumerate(bodies)],
        )
        zones: dict[int, list[int]] = {}
        for seq, fields in enumerate(bodies, start):
            zones.setdefault(seq - seq % ZONE, []).append(_time_of(fields))
        for first, times in zones.items():
            zone = {"first": first, "low": min(times), "high": max(times)}
            self._connection.execute(_ZONE, zone)

    def _partial_tiles(self) -> dict[int, tuple[int, bytes]]:
        found: dict[int, tuple[int, bytes]] = {}
        for level, number, hashes in self._connection.execute(
            "select level, max(number), hashes from tile group by level"
        ):
            full = len(hashes) == WIDTH * 32
            found[level] = (number + 1, b"") if full else (number, hashes)
        return found

    def _tile(self, level: int, number: int) -> bytes:
        with self._lock:
            row = self._connection.execute(
                "select hashes from tile where level = ? and number = ?", (level, number)
            ).fetchone()
        return bytes(row[0]) if row else b""


def _time_of(fields: Fields) -> int:
    at = fields["at"]
    assert isinstance(at, int), "each entry has a time"
    return at
