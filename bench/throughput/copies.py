"""Fills a database with copies of one real action, faster than the program would.

The first action is done by the program itself. Each copy gets ids, customer, order, key, sealed
reason, card hash, digest and call key of its own, made by the program's own functions, and entries
of the log with canonical bytes; the tree is grown leaf by leaf and its head signed. So the triggers
hold, the log verifies, and a waiting copy can be approved. Only the times of the rows are those of
the first action. Rows go in by plain inserts in big transactions (SQLite) and by COPY (PostgreSQL).
"""

from __future__ import annotations

import asyncio
import re
import secrets
import sqlite3
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

import orjson

from bench.throughput import sayso as throughput_sayso
from bench.throughput.flow import Place
from sayso.actions.model.action_row import read_action
from sayso.actions.model.digest import call_key, hash_of
from sayso.actions.policy.judged import bound_digest
from sayso.audit.authority.keyring import ROW, sealed_bytes
from sayso.audit.entry import Json
from sayso.audit.log import AuditLog
from sayso.audit.personal import Personal
from sayso.audit.signed_note.note import Checkpoint, sign_checkpoint
from sayso.audit.tree.merkle import Frontier, leaf_hash
from sayso.ids import IdSource, SystemClock, Tenant
from sayso.store.base import Row, SqlValue, Transaction

FIRST = 9_000_000_000
"""The number of the first action; the copies count on from it, in as many digits."""
BATCH = 2000
REASON = "it arrived broken"
TABLES: Mapping[str, str] = {
    "subject": "id = :customer",
    "personal": "pseudonym = :pseudonym",
    "action": "id = :action",
    "approval": "action_id = :action",
    "vote": "approval_id = :approval",
    "outbox": "key = :approval",
}
"""Where an action of its own leaves rows, beside the log, in the order of their keys."""
_ENTRY = ("tenant", "seq", "body")
_NUMBERED = frozenset({"outbox"})
_SEPARATOR = "\x1f"

Value = str | int | bytes | None
Table = tuple[list[str], list[list[Value]]]
"""The columns of a table and its rows."""


class Target(Protocol):
    """A database that takes rows past the program."""

    def read(self, table: str, where: str, values: Mapping[str, str]) -> list[dict[str, Value]]:
        """Rows by a condition with `:name` parameters."""
        ...

    def write(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
        """Insert rows; triggers and constraints hold."""
        ...

    def set_head(self, tenant: str, size: int, frontier: bytes, note: str) -> None:
        """The signed head of the tree that has been written."""
        ...

    def commit(self) -> None:
        """End the transaction and begin the next."""
        ...

    def settle(self) -> None:
        """What an operator does after a bulk load."""
        ...


class SqliteTarget:
    """A file; syncs are off while it is filled."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("pragma synchronous = off")
        self._connection.execute("pragma foreign_keys = on")
        self._connection.execute("pragma cache_size = -200000")
        self._connection.execute("begin immediate")

    def read(self, table: str, where: str, values: Mapping[str, str]) -> list[dict[str, Value]]:
        rows = self._connection.execute(f"select * from {table} where {where}", dict(values))
        return [dict(row) for row in rows]

    def write(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
        marks = ", ".join("?" * len(columns))
        statement = f"insert into {table} ({', '.join(columns)}) values ({marks})"
        self._connection.executemany(statement, rows)

    def set_head(self, tenant: str, size: int, frontier: bytes, note: str) -> None:
        self._connection.execute(
            "update log_head set size = ?, frontier = ?, note = ? where tenant = ?",
            (size, frontier, note, tenant),
        )

    def commit(self) -> None:
        self._connection.execute("commit")
        self._connection.execute("begin immediate")

    def settle(self) -> None:
        self._connection.execute("commit")
        self._connection.execute("pragma wal_checkpoint(truncate)")
        self._connection.close()


class PostgresTarget:
    """A database, as the superuser of the bench's own server."""

    def __init__(self, url: str) -> None:
        import psycopg  # needs an extra
        from psycopg.rows import dict_row

        self._connection = psycopg.Connection[dict[str, Any]].connect(
            url, row_factory=dict_row, options="-c search_path=sayso -c synchronous_commit=off"
        )

    def read(self, table: str, where: str, values: Mapping[str, str]) -> list[dict[str, Value]]:
        condition = re.sub(r":(\w+)", r"%(\1)s", where)
        statement = f"select * from {table} where {condition}".encode()
        return list(self._connection.execute(statement, dict(values)))

    def write(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
        statement = f"copy {table} ({', '.join(columns)}) from stdin".encode()
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def set_head(self, tenant: str, size: int, frontier: bytes, note: str) -> None:
        self._connection.execute(
            "update log_head set size = %s, frontier = %s, note = %s where tenant = %s",
            (size, frontier, note, tenant),
        )

    def commit(self) -> None:
        self._connection.commit()

    def settle(self) -> None:
        self._connection.commit()
        self._connection.autocommit = True
        self._connection.execute("vacuum analyze")
        self._connection.execute("checkpoint")
        self._connection.close()


class Copies:
    """The first action, taken apart."""

    def __init__(self, target: Target, place: Place, first: int) -> None:
        self._target = target
        self._first = first
        workspace = throughput_sayso.workspace_in(place)
        self._tenant = workspace.settings.workspace.tenant
        self._log = AuditLog(workspace.settings.workspace.name, workspace.signer(), SystemClock())
        self._signer = workspace.signer().named(self._log.origin_of(Tenant(self._tenant)))
        self._ids = IdSource(SystemClock())
        self._keyring = workspace.keyring()
        self._personal = Personal(secrets.token_bytes, self._keyring)
        self._read_first()
        head = target.read("log_head", "tenant = :tenant", {"tenant": self._tenant})[0]
        size, frontier = head["size"], head["frontier"]
        assert isinstance(size, int)
        assert isinstance(frontier, bytes)
        self._tree = Frontier.from_bytes(size, frontier)

    def _read_first(self) -> None:
        customer = f"cus_{self._first}"
        subject = self._target.read("subject", "id = :customer", {"customer": customer})[0]
        action = self._target.read("action", "subject_id = :customer", {"customer": customer})[0]
        self._since = cast("int", subject["created_at"])
        named = {"customer": customer, "action": str(action["id"])}
        approval = self._target.read("approval", "action_id = :action", named)[0]
        named |= {"approval": str(approval["id"]), "pseudonym": str(subject["pseudonym"])}
        self._rows = {
            table: self._target.read(table, where, named) for table, where in TABLES.items()
        }
        entries = self._target.read("log_entry", "action_id = :action order by seq", named)
        self._seqs = [cast("int", entry["seq"]) for entry in entries]
        self._bodies = [str(entry["body"]) for entry in entries]
        self._layout = _Layout(self._rows)
        self._words = self._layout.join(self._bodies)
        snapshot = cast("dict[str, str]", orjson.loads(str(action["snapshot"])))
        self._named = {
            **named,
            "order": f"o{self._first}",
            "reason": str(action["reason_ref"]),
            "c": _sealed_digest(self._bodies[0]),
            "key": str(action["idempotency_key"]),
            "digest": snapshot["digest"],
            "view": snapshot["view_sha256"],
            "call": str(action["call_key"] or "no call key"),
        }

    def write(self, count: int) -> None:
        """Write so many copies, with the signed head that covers them."""
        for first in range(0, count, BATCH):
            tables: dict[str, Table] = {}
            for number in range(first, min(first + BATCH, count)):
                self._add(tables, self._first + 1 + number)
            for table, (columns, rows) in tables.items():
                self._target.write(table, columns, rows)
            checkpoint = Checkpoint(
                origin=self._log.origin_of(Tenant(self._tenant)),
                size=self._tree.size,
                root=self._tree.root(),
            )
            note = sign_checkpoint(checkpoint, self._signer)
            self._target.set_head(self._tenant, self._tree.size, self._tree.to_bytes(), note)
            self._target.commit()

    def _add(self, tables: dict[str, Table], number: int) -> None:
        customer = f"cus_{number}"
        subject = _Subject()
        tx, tenant = cast("Transaction", subject), Tenant(self._tenant)
        pseudonym = self._personal.pseudonym(tx, tenant, customer, self._since)
        reason = self._ids.new("pii")
        sealed = self._personal.seal(tx, tenant, customer, reason, REASON)
        new = {
            "customer": customer,
            "pseudonym": pseudonym,
            "order": f"o{number}",
            "action": self._ids.new("act"),
            "approval": self._ids.new("apr"),
            "reason": reason,
            "c": sealed.c,
            "key": secrets.token_hex(16),
        }
        words = self._words
        for name, value in new.items():
            words = words.replace(self._named[name], value)
        approval = self._layout.row(words, "approval")
        view = hash_of(cast("Json", orjson.loads(str(approval["view"]))))
        words = words.replace(self._named["view"], view)
        action = self._layout.row(words, "action")
        digest = _bound(action, cast("int", approval["expires_at"]))
        words = words.replace(self._named["digest"], digest)
        words = words.replace(self._named["call"], call_key(self._tenant, new["action"], digest))
        copied, bodies = self._layout.parts(words)
        seal = self._keyring.seal_row(sealed_bytes("action", copied["action"][0]))
        bodies[-1] = bodies[-1].replace(str(orjson.loads(bodies[-1])["data"][ROW]), seal)
        moved = self._append(tables, bodies)
        copied["subject"][0]["key"] = subject.values["key"]
        copied["personal"][0]["nonce"] = subject.values["nonce"]
        copied["personal"][0]["ciphertext"] = subject.values["ciphertext"]
        for table, found in copied.items():
            for row in found:
                _put(tables, table, row, moved)

    def _append(self, tables: dict[str, Table], bodies: Sequence[str]) -> dict[int, int]:
        """Give the entries their place in the log; returns where each of the first's moved."""
        moved: dict[int, int] = {}
        columns, rows = tables.setdefault("log_entry", (list(_ENTRY), []))
        assert columns
        for old, body in zip(self._seqs, bodies, strict=True):
            seq = self._tree.size
            placed = body.replace(f'"seq":{old},', f'"seq":{seq},', 1)
            self._tree.append(leaf_hash(placed.encode()))
            rows.append([self._tenant, seq, placed])
            moved[old] = seq
        return moved


class _Layout:
    """All the text of an action as one string, so that a name is replaced everywhere at once."""

    def __init__(self, rows: Mapping[str, Sequence[Mapping[str, Value]]]) -> None:
        self._rows = rows
        self._begins: dict[str, int] = {}
        at = 0
        for table, found in rows.items():
            self._begins[table] = at
            at += sum(isinstance(value, str) for row in found for value in row.values())

    def join(self, bodies: Sequence[str]) -> str:
        """The texts of the rows, then the bodies of the entries."""
        texts = [
            value
            for found in self._rows.values()
            for row in found
            for value in row.values()
            if isinstance(value, str)
        ]
        return _SEPARATOR.join([*texts, *bodies])

    def row(self, words: str, table: str) -> dict[str, Value]:
        """The first row of a table."""
        texts = iter(words.split(_SEPARATOR)[self._begins[table] :])
        return _with_texts(self._rows[table][0], texts)

    def parts(self, words: str) -> tuple[dict[str, list[dict[str, Value]]], list[str]]:
        """All rows, and the bodies."""
        texts = iter(words.split(_SEPARATOR))
        rows = {
            table: [_with_texts(row, texts) for row in found] for table, found in self._rows.items()
        }
        return rows, list(texts)


def _with_texts(row: Mapping[str, Value], texts: Iterator[str]) -> dict[str, Value]:
    return {
        column: next(texts) if isinstance(value, str) else value for column, value in row.items()
    }


class _Subject:
    """Takes what `Personal` writes about a new subject, instead of a database."""

    def __init__(self) -> None:
        self.values: dict[str, SqlValue] = {}

    def one(self, query: str, /, **params: SqlValue) -> Row | None:
        return {**self.values} if "key" in self.values else None

    def run(self, query: str, /, **params: SqlValue) -> int:
        self.values.update(params)
        return 1

    def recall(self, key: object) -> object | None:
        return None

    def remember(self, key: object, value: object) -> None:
        return None


def _bound(action: Mapping[str, Value], expires_at: int) -> str:
    row = read_action(action)
    assert row.snapshot is not None
    assert row.judgement is not None
    return bound_digest(row, row.snapshot, row.judgement, expires_at)


def _sealed_digest(body: str) -> str:
    pii = cast("dict[str, dict[str, str]]", orjson.loads(body))["pii"]
    return pii["c"]


def _put(
    tables: dict[str, Table], table: str, row: Mapping[str, Value], moved: Mapping[int, int]
) -> None:
    left_out = {"id"} if table in _NUMBERED else set[str]()
    columns, rows = tables.setdefault(table, ([name for name in row if name not in left_out], []))
    placed = {**row}
    if "last_seq" in placed:
        placed["last_seq"] = moved[cast("int", placed["last_seq"])]
    rows.append([placed[name] for name in columns])


@contextmanager
def _open_target(place: Place) -> Generator[Target]:
    target: Target
    if place.url:
        target = PostgresTarget(place.url)
    else:
        target = SqliteTarget(str(place.folder / "sayso.db"))
    yield target
    target.settle()


def fill(place: Place, count: int, *, settled: bool) -> float:
    """Make a workspace with so many actions, settled or waiting; returns the seconds it took."""
    throughput_sayso.new_workspace(place)
    return add(place, count, settled=settled, first=FIRST)


def add(place: Place, count: int, *, settled: bool, first: int) -> float:
    """Add so many to a workspace, numbered on from `first`, which has ten digits."""

    async def do_first() -> None:
        async with throughput_sayso.open_async_peer(place) as peer:
            approval = await peer.propose(first)
            if settled:
                await peer.approve(approval)

    asyncio.run(do_first())
    begin = time.perf_counter()
    with _open_target(place) as target:
        Copies(target, place, first).write(count - 1)
    return time.perf_counter() - begin
