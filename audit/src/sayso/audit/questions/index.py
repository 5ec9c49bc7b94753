"""The index that the questions are asked of: a table of the entries, made for one answer.

It is filled with the exact bodies of a log while these are verified, lies in a file that is gone
when it is closed, and is trusted with nothing: whoever fills it says afterwards that what it was
filled with has verified.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from types import TracebackType
from typing import Self, cast

import orjson

from sayso.audit.entry import MAX_INT
from sayso.audit.fields import Fields, object_in, text_or_none
from sayso.audit.queries.sentence import title_of
from sayso.errors import Code, IntegrityError, RefusedError, SaysoError
from sayso.ids import rfc3339
from sayso.money import Money

_SCHEMA = """
create table entry (
    seq integer primary key, at integer not null, kind text not null, actor_kind text not null,
    actor text not null, action text, request text, approval text, subject text, name text,
    status text, rule text, minor integer, currency text, data text not null);
create table log (
    size integer not null, low integer not null, complete integer not null,
    read_at integer not null);
"""
_INDEXES = """
create index entry_by_kind on entry (kind, seq);
create index entry_by_action on entry (action, seq) where action is not null;
create index entry_by_request on entry (request, seq) where request is not null;
"""
_INSERT = "insert into entry values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_TEXTS = ("action", "request", "approval", "subject", "name", "status", "rule")
_BATCH = 1000
_MAX_STEPS = 2_000_000_000
"""Of SQLite's machine, after which a question is given up: minutes, not hours."""


class QuestionIndex:
    """Entries of one log as a table; see questions.toml for its columns."""

    def __init__(self) -> None:
        # An empty name is a file of SQLite's own, which no other process can open.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.executescript(_SCHEMA)
        self._database.execute("begin")
        for name, arity, call in _FUNCTIONS:
            self._database.create_function(name, arity, call, deterministic=True)
        self._rows: list[tuple[object, ...]] = []
        self._newest = 0
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()

    def add(self, seq: int, body: bytes) -> None:
        """Take in the next entry; a body that is none is left to the verifier, which convicts."""
        try:
            fields = cast("Fields", orjson.loads(body))
        except ValueError:
            return
        if not isinstance(fields, dict):
            return
        self._rows.append(_row(seq, fields))
        self._newest = max(self._newest, _whole(fields.get("at")) or 0)
        self.count += 1
        if len(self._rows) >= _BATCH:
            self._write()

    def finish(self, *, size: int, low: int, complete: bool) -> None:
        """Say that these were all.

        Args:
            size: of the signed head. low: the lowest index that can be here. complete: whether
                every entry from there on has to be.
        """
        self._write()
        self._database.execute(
            "insert into log values (?, ?, ?, ?)", (size, low, complete, self._newest)
        )
        self._database.executescript(_INDEXES)
        self._database.execute("pragma query_only = on")

    def _write(self) -> None:
        try:
            self._database.executemany(_INSERT, self._rows)
        except sqlite3.IntegrityError as error:
            raise IntegrityError(Code.TAMPERED, "two entries have the same index") from error
        self._rows.clear()

    def ask(
        self, sql: str, parameters: Mapping[str, int | str], most: int
    ) -> tuple[tuple[str, ...], list[tuple[str | int, ...]]]:
        """The heads of the columns and up to `most` rows; all values are texts and numbers."""
        steps = 0

        def too_long() -> bool:
            nonlocal steps
            steps += 1_000_000
            return steps > _MAX_STEPS

        self._database.set_progress_handler(too_long, 1_000_000)
        try:
            cursor = self._database.execute(sql, dict(parameters))
            rows: list[tuple[object, ...]] = cursor.fetchmany(most)
        except sqlite3.Error as error:
            raise RefusedError(
                Code.INVALID_INPUT,
                "the question can't be answered of this log",
                next_step="ask about fewer days",
                detail=repr(error),
            ) from error
        heads = tuple(str(one[0]) for one in cursor.description)
        return heads, [tuple(map(_shown, row)) for row in rows]


def _shown(value: object) -> str | int:
    if value is None:
        return ""
    return value if isinstance(value, (str, int)) else str(value)


def _whole(value: object) -> int | None:
    """A whole number that SQLite can hold."""
    return value if type(value) is int and abs(value) <= MAX_INT else None


def _row(seq: int, fields: Fields) -> tuple[object, ...]:
    actor, amount = object_in(fields, "actor"), object_in(fields, "amount")
    return (
        seq,
        _whole(fields.get("at")) or 0,
        text_or_none(fields, "kind") or "",
        text_or_none(actor, "kind") or "",
        text_or_none(actor, "id") or "",
        *(text_or_none(fields, name) for name in _TEXTS),
        _whole(amount.get("amount_minor")),
        text_or_none(amount, "currency"),
        orjson.dumps(object_in(fields, "data")).decode(),
    )


# ---- what SQL can call ---------------------------------------------------------------------------


def _money(minor: object, currency: object) -> str:
    if type(minor) is not int or not isinstance(currency, str):
        return ""
    try:
        return str(Money(minor, currency))
    except SaysoError:  # an odd currency, or a sum too large, is shown as it is
        return f"{minor} {currency}"


def _moment(at: object) -> str | None:
    if type(at) is not int:
        return None
    return f"{rfc3339(at)[:19].replace('T', ' ')}Z" if 0 <= at < 253_402_300_800_000_000 else "?"


def _took(micros: object) -> str | None:
    if type(micros) is not int:
        return None
    seconds = max(0, micros // 1_000_000)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _title(kind: object) -> str | None:
    return title_of(kind) if isinstance(kind, str) else None


_FUNCTIONS = (
    ("money", 2, _money),
    ("moment", 1, _moment),
    ("took", 1, _took),
    ("words_of_kind", 1, _title),
)
