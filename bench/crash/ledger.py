"""What a database holds, read past the program that wrote it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

OPEN = ("planned", "stale", "approved", "executing", "pending_approval")
_ACTIONS = "select id, idempotency_key, status, amount_minor, receipt, due_at from action"
_HEAD = "select note from log_head"
_ENTRIES = "select seq, action_id, at, kind from log_entry where action_id is not null order by seq"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A row of the ledger.

    Attributes:
        receipt_id: of its receipt, or None.
        due_at: microseconds since 1970.
    """

    id: str
    key: str
    status: str
    amount: int
    receipt_id: str | None
    due_at: int | None

    @property
    def open(self) -> bool:
        """Whether something will still happen by itself, or somebody still waits for a yes."""
        return self.status in OPEN or (self.status == "unknown" and self.due_at is not None)

    @property
    def for_a_person(self) -> bool:
        """Whether only a person who looks at the provider can settle it."""
        return self.status == "unknown" and self.due_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """An entry of the log about an action; `at` in microseconds since 1970."""

    seq: int
    action_id: str
    at: int
    kind: str


class Database(Protocol):
    """Answers a question in SQL."""

    def all(self, sql: str) -> Sequence[Sequence[Any]]:
        """The rows."""
        ...


class SqliteDatabase:
    """A file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self, sql: str) -> Sequence[Sequence[Any]]:
        """The rows, on a connection of its own."""
        address = f"{self._path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=30)) as connection:
            return connection.execute(sql).fetchall()


class PostgresDatabase:
    """A database of a server, as its superuser, so that row security hides nothing."""

    def __init__(self, url: str) -> None:
        self._url = url

    def all(self, sql: str) -> Sequence[Sequence[Any]]:
        """The rows, on a connection of its own."""
        from sayso.store.postgres.connection import connect_plainly  # needs an extra

        with connect_plainly(self._url) as connection:
            connection.execute("set search_path to sayso")  # pyright: ignore[reportArgumentType, reportCallIssue]
            return connection.execute(sql.encode()).fetchall()


class Ledger:
    """The actions, the newest signed head and the entries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def actions(self) -> list[Kept]:
        """Every action."""
        return [
            Kept(
                id=row[0],
                key=row[1],
                status=row[2],
                amount=row[3] or 0,
                receipt_id=None if row[4] is None else json.loads(row[4])["id"],
                due_at=row[5],
            )
            for row in self._database.all(_ACTIONS)
        ]

    def head(self) -> bytes | None:
        """The newest signed head; None before the first entry."""
        rows = self._database.all(_HEAD)
        return str(rows[0][0]).encode() if rows else None

    def entries(self) -> list[Logged]:
        """Every entry that is about an action, in order."""
        return [
            Logged(seq=row[0], action_id=row[1], at=row[2], kind=row[3])
            for row in self._database.all(_ENTRIES)
        ]
