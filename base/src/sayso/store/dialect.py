"""SQL that is written once, for SQLite and for PostgreSQL (docs/decisions/0121).

A file of `sql/migrations` names three types, and each store has its own for them. A trigger that
only refuses says `refuse 'why'`. What one store alone has stands after a line `-- sqlite:` or
`-- postgres:`, up to the next such line; `-- both:` ends it.
"""

from __future__ import annotations

import re
from typing import Literal

Dialect = Literal["sqlite", "postgres"]

POSTGRES_TYPES = {
    "integer primary key": "bigint generated always as identity primary key",
    "integer": "bigint",
    "text": 'text collate "C"',
    "blob": "bytea",
}
"""By what our files call it. Text is compared by its bytes ("C"), as SQLite does it."""

_BLOCK = re.compile(r"^-- (sqlite|postgres|both):\n", re.MULTILINE)
_TABLE = re.compile(r"^create table .*?^\);$", re.MULTILINE | re.DOTALL)
_COLUMN = re.compile(rf"^(    \w+) ({'|'.join(POSTGRES_TYPES)})\b", re.MULTILINE)
_ADDED = re.compile(
    rf"^(alter table \w+ add column \w+) ({'|'.join(POSTGRES_TYPES)})\b", re.MULTILINE
)
_RIGHT = re.compile(r"^(?:grant|create policy) [^;]*;\n", re.MULTILINE)
_REFUSAL = re.compile(
    r"^(?P<what>create trigger (?P<name>\w+) before [\w, ]+ on (?P<table>\w+))\n"
    r"(?:    when \((?P<when>.*?)\)\n)?    refuse (?P<why>'[^']*');",
    re.MULTILINE | re.DOTALL,
)
_OTHER = re.compile(r"\bis not (?=(?:old|new)\.)")


def sql_for(dialect: Dialect, source: str) -> str:
    """A file as one store reads it."""
    first, *rest = _BLOCK.split(source)
    blocks = zip(rest[::2], rest[1::2], strict=True)
    sql = first + "".join(text for store, text in blocks if store in {"both", dialect})
    return _for_sqlite(sql) if dialect == "sqlite" else _for_postgres(sql)


def _for_sqlite(sql: str) -> str:
    """There are no rights in a file, so that they are left out."""

    def refusal(found: re.Match[str]) -> str:
        when = "" if found["when"] is None else f"when {found['when']}\n"
        return f"{found['what']}\n{when}begin\n    select raise(abort, {found['why']});\nend;"

    strict = _TABLE.sub(lambda table: table[0].removesuffix(";") + " strict;", sql)
    return _REFUSAL.sub(refusal, _RIGHT.sub("", strict))


def _for_postgres(sql: str) -> str:
    """What is never deleted is never emptied either, which is another command there."""

    def typed(column: re.Match[str]) -> str:
        return f"{column[1]} {POSTGRES_TYPES[column[2]]}"

    def refusal(found: re.Match[str]) -> str:
        condition = "" if found["when"] is None else _OTHER.sub("is distinct from ", found["when"])
        when = f" when ({condition})" if condition else ""
        refuse = f"execute function refuse({found['why']});"
        made = f"{found['what']}\n    for each row{when}\n    {refuse}"
        if not found["name"].endswith("_is_never_deleted"):
            return made
        emptied = found["name"].replace("deleted", "emptied")
        truncate = f"create trigger {emptied} before truncate on {found['table']}"
        return f"{made}\n{truncate}\n    for each statement {refuse}"

    tables = _TABLE.sub(lambda table: _COLUMN.sub(typed, table[0]), sql)
    return _REFUSAL.sub(refusal, _ADDED.sub(typed, tables))
