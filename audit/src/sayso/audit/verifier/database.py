"""Reads the logs of an SQLite database for the verifier: read-only, in one snapshot.

The file may have been made by the person who is being checked. So nothing of it is executed:
no trigger can run, views are not read, and generated columns are compared, never relied upon.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain
from pathlib import Path

from sayso.audit.log_of_logs import LOGS, EnteredHead, read_entered
from sayso.audit.place import ends_here, leaves
from sayso.audit.segments.sealed import SealedSegment, parse_sealed
from sayso.audit.signed_note.timestamps import StampedNote
from sayso.audit.signing.keys import ListedKey
from sayso.audit.verifier.checks import LogSource, SourceHead
from sayso.audit.verifier.medium import connect_read_only
from sayso.audit.verifier.replay import TABLES
from sayso.audit.verifier.state_checks import StateRow
from sayso.audit.verifier.stored_rows import PROJECTIONS, StoredRow
from sayso.audit.verifier.walk import Row, in_pages
from sayso.errors import Code, IntegrityError
from sayso.verdicts import is_damage, structural

_NEEDED = {"meta", "log_entry", "log_head", "log_key"}
_BESIDE = {"log_segment", "log_timestamp", "publication", "subject", "erasure", *TABLES}
MOST_TENANTS = 50_000
"""A database with more logs is not judged as a whole: whoever can write it could make a verifier
work for days."""
_STATE = ("action", "approval")
# The file's maker chooses how long a value is, also one that SQLite computes: a few bytes of schema
# can stand for gigabytes. An entry and the columns beside it have less than twice 64 KiB.
_MAX_ENTRY_BYTES = 256 * 1024
_MAX_ROW_BYTES = 16 * 1024 * 1024

_PLAIN = {"id", "tenant", "seq", "body"}

# SOURCE: SQLite documentation, pragma table_xinfo: 2 virtual, 3 stored.
_VIRTUAL = 2
# SOURCE: sqlite3.h.
_SQLITE_INNOCUOUS = 0x200000

# One probe per tenant instead of a scan over all rows.
_TENANTS = """
    select tenant from (with recursive own(tenant) as (
        select min({home}) from {table}
        union all
        select (select min({home}) from {table} where {home} > own.tenant) from own
        where own.tenant is not null
    )
    select tenant from own where tenant is not null)
"""
_ROWS = """
select seq, cast(body as blob){columns} from log_entry where tenant = ? order by seq
"""
_STATE_ROWS = "select id, status, last_seq from {table} where tenant = ? order by id"
_WITNESSED = (
    "select substr(cast(note as blob), 1, 16385) from publication where tenant = ? order by place"
)
_STAMPED = """
select substr(cast(note as blob), 1, 16385), substr(token, 1, 65537) from log_timestamp
where tenant = ? order by size, place
"""
_ENTERED = "select cast(body as blob) from log_entry where tenant = ? order by seq"
_WHOLE = "select r.*{more} from {table} r{joins} where r.{home} = ?"
_SUBJECT = """
    left join subject s on s.tenant = r.{home} and s.id = r.{column}
    left join erasure e on e.tenant = r.{home} and e.subject_id = r.{column}
"""
_OF_SUBJECT = """, s.key as subject_key, s.pseudonym as subject_pseudonym,
    s.created_at as subject_created_at, e.pseudonym as erasing_as
"""
_TEXT = """
    left join subject s on s.tenant = r.tenant and s.pseudonym = r.pseudonym
"""
_OF_TEXT = ", s.id as subject_id, s.key as subject_key, s.created_at as subject_created_at"
_ASKED = """
    left join action a on a.tenant = r.tenant and a.id = r.action_id
    left join outbox o on o.tenant = r.tenant and o.topic = 'approval' and o.key = r.id
"""
_OF_ASKED = (
    ", a.requester as of_requester, a.request_id as of_request, o.key is not null as in_outbox"
)
_ENDS = """
    left join subject a on a.tenant = r.tenant and a.pseudonym = r.account
    left join subject b on b.tenant = r.tenant and b.pseudonym = r.other
"""
_OF_ENDS = """, a.id as end_account_id, a.key as end_account_key,
    a.created_at as end_account_created_at, b.id as end_other_id, b.key as end_other_key,
    b.created_at as end_other_created_at
"""
_AT_HOME = {"stop", "policy_version", "policy_change", "limit_use"}
_SUBJECT_IN = {"action": "subject_id", "request": "subject_id", "stop": "target"}
_CARD = """
    left join approval p on p.tenant = r.tenant and p.action_id = r.id
"""
_OF_CARD = """, p.view as card, p.digest as card_digest, p.expires_at as card_expires_at,
    p.erased_seq as card_erased_seq
"""
_SEGMENTS = """
select first, count, root, tile, rotations, file, bytes, sha256, sealed_seq, pruned_to
from log_segment where tenant = ? order by first
"""
_NEWEST = "select cast(body as blob) from log_entry where tenant = ? order by seq desc limit 1000"
_BODY = "select cast(body as blob) from log_entry where tenant = ? and seq = ?"


class LogDatabase:
    """An open snapshot of a database with logs. Made by `open_database`.

    Every method raises `sqlite3.Error` when the file is damaged.

    Args:
        copies: logs that go on elsewhere, whose rows are there.
    """

    def __init__(
        self, connection: sqlite3.Connection, copies: Collection[str] = frozenset()
    ) -> None:
        self._connection = connection
        self._copies = copies
        # NOTE: SQLite finds a table by its name in any case, so `ACTION` is `action` to everybody.
        kinds = {
            str(name).lower(): kind
            for schema, name, kind, *_ in connection.execute("pragma table_list")
            if schema == "main"
        }
        tables = {name for name, kind in kinds.items() if kind == "table"}
        self.replaced = sorted((kinds.keys() - tables) & _BESIDE)
        if not tables >= _NEEDED:
            raise IntegrityError(
                Code.NOT_A_DATABASE,
                "the database holds no audit log",
                next_step="give the path of a Sayso database or of an exported bundle",
            )
        self._tables = tables
        self._entered: dict[str, tuple[EnteredHead, ...]] | None = None
        row = connection.execute("select value from meta where key = 'deployment'").fetchone()
        self.deployment = str(row[0]) if row else ""

    def tenants(self) -> list[str]:
        """Every tenant that has entries, a head or a key, or a row that entries should tell of."""
        read = [
            "log_entry",
            "log_head",
            "log_key",
            *(name for name in TABLES if name in self._tables and name != "limit_use"),
        ]
        statement = " union ".join(
            _TENANTS.format(table=name, home=_home_of(name)) for name in read
        )
        found = self._connection.execute(f"{statement} order by 1 limit {MOST_TENANTS + 1}")
        return check_tenants([str(tenant) for (tenant,) in found])

    def entered(self) -> dict[str, tuple[EnteredHead, ...]]:
        """The heads that the log of logs has, by tenant."""
        if self._entered is None:
            rows = self._connection.execute(_ENTERED, (LOGS,))
            self._entered = read_entered(row[0] for row in rows if isinstance(row[0], bytes))
        return self._entered

    def faults(self) -> tuple[bool, list[str]]:
        """What SQLite itself finds inconsistent, such as an index that hides a row. Slow.

        Returns:
            Whether it is the pages that are wrong, and what is.
        """
        try:
            rows = self._connection.execute("pragma integrity_check(10)")
            found = [str(line) for (line,) in rows]
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            return True, [str(error)]
        if found == ["ok"]:
            return False, []
        pages = structural(found)
        return bool(pages), pages or found

    def log(self, tenant: str, *, deep: bool) -> LogSource:
        """The log of a tenant.

        Args:
            deep: whether to read the virtual columns too, which SQLite computes from the body.
        """
        columns = self._projected(deep=deep)
        chosen = "".join(f', "{name}"' for name in columns)
        head = self._connection.execute(
            "select size, frontier, cast(note as blob) from log_head where tenant = ?", (tenant,)
        ).fetchone()
        keys = self._connection.execute(
            "select vkey, from_size, to_size from log_key where tenant = ? order by from_size",
            (tenant,),
        )
        gone = tenant in self._copies or self._has_gone(tenant, head)
        return LogSource(
            tenant=tenant,
            origin=f"{self.deployment}/{tenant}",
            head=_head(head) if head else None,
            keys=tuple(
                ListedKey(
                    vkey=str(vkey),
                    from_size=_size(from_size),
                    to_size=None if to_size is None else _size(to_size),
                )
                for vkey, from_size, to_size in keys
            ),
            pages=in_pages(self._rows(_ROWS.format(columns=chosen), tenant)),
            columns=columns,
            state=None if gone else self._state(tenant),
            stored=self._stored(tenant) if deep and not gone else None,
            entered=self.entered().get(tenant, ()),
            witnessed=self._witnessed(tenant),
            stamped=self._stamped(tenant),
            body_at=partial(self._body_at, tenant),
            sealed=self._sealed(tenant),
        )

    def _has_gone(self, tenant: str, head: tuple[object, ...] | None) -> bool:
        """Whether the log's rows are in another database: it has ended here, or never arrived."""
        size = head[0] if head else 0
        if type(size) is int and ends_here(self._body_at(tenant, size - 1)):
            return True
        # Most have an action, and so much is not read again of the others only to find out.
        return (
            not self._has_rows(tenant, _STATE)
            and leaves(self._newest(tenant))
            and not self._has_rows(tenant, TABLES)
        )

    def _has_rows(self, tenant: str, tables: Collection[str]) -> bool:
        try:
            return any(
                self._connection.execute(
                    f"select 1 from {table} where {_home_of(table)} = ? limit 1",  # noqa: S608
                    (tenant,),
                ).fetchone()
                for table in tables
                if table in self._tables
            )
        except sqlite3.Error:
            return True  # whoever compares the rows says so

    def _newest(self, tenant: str) -> Iterator[bytes]:
        for (body,) in self._reading(_MAX_ENTRY_BYTES, _NEWEST, tenant):
            yield body if isinstance(body, bytes) else b""

    def _sealed(self, tenant: str) -> tuple[SealedSegment | None, ...]:
        if "log_segment" not in self._tables:
            return ()
        names = (
            "first count root tile rotations file length sha256_hex sealed_seq pruned_to".split()
        )
        rows = self._connection.execute(_SEGMENTS, (tenant,))
        return tuple(parse_sealed(**dict(zip(names, row, strict=True))) for row in rows)

    def _witnessed(self, tenant: str) -> tuple[bytes, ...]:
        """The notes with cosignatures that publishing left; each counts by those alone."""
        if "publication" not in self._tables:
            return ()
        rows = self._connection.execute(_WITNESSED, (tenant,))
        return tuple(note for (note,) in rows if isinstance(note, bytes))

    def _stamped(self, tenant: str) -> Iterator[StampedNote]:
        """The heads with time stamps that publishing left; what is none counts as a broken one."""
        if "log_timestamp" not in self._tables:
            return
        for note, token in self._connection.execute(_STAMPED, (tenant,)):
            yield StampedNote(
                note=note if isinstance(note, bytes) else b"",
                token=token if isinstance(token, bytes) else b"",
            )

    def uncovered(self) -> list[str]:
        """Columns beside the bodies that no entry says anything about."""
        names = {name for name, _ in self._columns()}
        return sorted(names - _PLAIN - PROJECTIONS.keys())

    def _columns(self) -> list[tuple[str, int]]:
        rows = self._connection.execute("pragma table_xinfo(log_entry)")
        return [(str(row[1]).lower(), int(row[6])) for row in rows]

    def _projected(self, *, deep: bool) -> tuple[str, ...]:
        return tuple(
            name
            for name, hidden in self._columns()
            if name in PROJECTIONS and (deep or hidden != _VIRTUAL)
        )

    def _rows(self, statement: str, tenant: str) -> Iterator[Row]:
        # Asked when the first row is wanted, and no generator of ours stands between the rows.
        asked = (self._reading(_MAX_ENTRY_BYTES, statement, tenant) for _ in range(1))
        return chain.from_iterable(asked)

    def _reading(self, most: int, statement: str, tenant: str) -> sqlite3.Cursor:
        """Ask something whose answer may be long; from here on, no value has more bytes."""
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most)
        return self._connection.execute(statement, (tenant,))

    def _state(self, tenant: str) -> dict[str, Iterator[StateRow]]:
        # A table that is not there has no rows: what the entries say of them is found missing.
        tables = [table for table in _STATE if table in self._tables]
        return {table: self._state_rows(table, tenant) for table in tables}

    def _state_rows(self, table: str, tenant: str) -> Iterator[StateRow]:
        rows = self._reading(_MAX_ROW_BYTES, _STATE_ROWS.format(table=table), tenant)
        for name, status, last_seq in rows:
            yield str(name), status, last_seq

    def _stored(self, tenant: str) -> dict[str, Iterator[StoredRow]]:
        """Whole rows, with as much beside them as the database has."""
        found: dict[str, Iterator[StoredRow]] = {table: iter(()) for table in TABLES}
        for table in (table for table in TABLES if table in self._tables):
            home = _home_of(table)
            more = joins = ""
            if table in _SUBJECT_IN and self._tables >= {"subject", "erasure"}:
                more += _OF_SUBJECT
                joins += _SUBJECT.format(home=home, column=_SUBJECT_IN[table])
            if table == "action" and "view" in self._columns_of("approval"):
                more += _OF_CARD
                joins += _CARD
            if table == "personal" and "subject" in self._tables:
                more, joins = _OF_TEXT, _TEXT
            if table == "customer_link" and "subject" in self._tables:
                more, joins = _OF_ENDS, _ENDS
            if table == "approval" and self._tables >= {"action", "outbox"}:
                more, joins = _OF_ASKED, _ASKED
            statement = _WHOLE.format(more=more, table=table, joins=joins, home=home)
            found[table] = self._whole_rows(statement, tenant)
        return found

    def _columns_of(self, table: str) -> set[str]:
        rows = self._connection.execute(f"pragma table_info({table})")
        return {str(row[1]).lower() for row in rows}

    def _whole_rows(self, statement: str, tenant: str) -> Iterator[StoredRow]:
        found = self._reading(_MAX_ROW_BYTES, statement, tenant)
        columns = [str(column[0]).lower() for column in found.description]
        for row in found:
            yield dict(zip(columns, row, strict=True))

    def _body_at(self, tenant: str, seq: object) -> bytes | None:
        # NOTE: a column may hold the least that SQLite can, and one less is no number for it.
        if type(seq) is not int or seq < 0:
            return None
        row = self._connection.execute(_BODY, (tenant, seq)).fetchone()
        return row[0] if row and isinstance(row[0], bytes) else None


def check_tenants(found: list[str]) -> list[str]:
    """The tenants, if there are not too many.

    Raises:
        IntegrityError: `not_a_database`.
    """
    if len(found) > MOST_TENANTS:
        raise IntegrityError(
            Code.NOT_A_DATABASE,
            f"the database has more than {MOST_TENANTS:,} logs, which is the most that are judged",
            next_step="verify one of them with --tenant",
        )
    return found


def _home_of(table: str) -> str:
    """The column that says whose rows those of a table are."""
    return "home" if table in _AT_HOME else "tenant"


def _head(row: tuple[object, ...]) -> SourceHead:
    size, frontier, note = row
    return SourceHead(
        note=note if isinstance(note, bytes) else b"",
        size=_size(size),
        frontier=frontier if isinstance(frontier, bytes) else b"\x00",
    )


def _size(value: object) -> int:
    # A value of another type is there only when the table was exchanged; -1 agrees with nothing.
    return value if isinstance(value, int) else -1


@contextmanager
def open_database(path: Path, *, copies: Collection[str] = frozenset()) -> Generator[LogDatabase]:
    """Open a database read-only; everything read inside is one snapshot.

    Args:
        copies: see `LogDatabase`.

    Raises:
        IntegrityError: `not_a_database`, when it cannot be opened or holds no audit log, or when
            somebody wrote to it though it lies where nothing can be written.
        sqlite3.Error: when the file is damaged.
    """
    connection, still = connect_read_only(path, _guard_connection)
    try:
        connection.execute("begin")
        yield LogDatabase(connection, copies)
        if still is not None:
            still.check()
    finally:
        connection.close()


def _guard_connection(connection: sqlite3.Connection) -> None:
    """Before anything is read of the file."""
    connection.text_factory = _lenient_text
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_ENTRY_BYTES)
    connection.execute("pragma query_only = on")
    if _json_is_innocuous():
        connection.execute("pragma trusted_schema = off")
    connection.execute("pragma cell_size_check = on")


def _json_is_innocuous() -> bool:
    """Whether a distrusted schema may still call `->>`, as the columns of `log_entry` do.

    SQLite before 3.41 (Debian 12 has 3.40) forgot to mark its JSON functions. There the schema
    stays trusted: what it can call besides is only read with, since views and virtual tables are
    tampering and loading an extension is off.
    """
    query = "select flags from pragma_function_list where name = '->>'"
    with closing(sqlite3.connect(":memory:")) as asked:
        return all(flags & _SQLITE_INNOCUOUS for (flags,) in asked.execute(query))


def _lenient_text(encoded: bytes) -> str:
    # Bytes that are no text become a text that agrees with nothing, instead of stopping the walk.
    return encoded.decode("utf-8", "replace")
