"""Reading a SQLite file from its medium, a table at a time, to find what does not come back."""

from __future__ import annotations

import re
import sqlite3

from sayso.verdicts import damaged, is_damage, structural

WHOLE = ""
"""The part that stands for the whole file."""
SMALL_BYTES = 64 * 1024 * 1024
"""A file of so much is read at once: a fraction of a second."""

_PLACE = re.compile(r"Tree (?P<tree>\d+)(?: page (?P<page>\d+))?|[Pp]age (?P<alone>\d+)")


def parts_of(connection: sqlite3.Connection, size: int) -> list[str]:
    """What is examined one by one: each table with its indexes, or a small file as a whole.

    Args:
        size: of the file, in bytes.
    """
    if size <= SMALL_BYTES:
        return [WHOLE]
    rows = connection.execute(
        "select name from sqlite_master where type = 'table' and rootpage > 0 order by rootpage"
    )
    return [str(name) for (name, *_) in rows]


def examine_part(connection: sqlite3.Connection, part: str) -> None:
    """Read every page of a part.

    Raises:
        ConfigError: `damaged`, with the table, and the page where SQLite tells it.
    """
    found = _check(connection, part)
    if not found:
        return
    if part == WHOLE and (named := _table_of(connection)):
        part = named
        found = _check(connection, part) or found
    raise damaged(f"{_place(connection, part, found[0])} cannot be read", detail="; ".join(found))


def _check(connection: sqlite3.Connection, part: str) -> list[str]:
    quoted = part.replace('"', '""')
    statement = f'pragma quick_check("{quoted}")' if part else "pragma quick_check(10)"
    try:
        return structural([str(row[0]) for row in connection.execute(statement)])
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        return [str(error)]


def _table_of(connection: sqlite3.Connection) -> str:
    """The first table that cannot be read; empty where it is something else, such as free pages."""
    try:
        for name in parts_of(connection, SMALL_BYTES + 1):
            if _check(connection, name):
                return name
    except sqlite3.Error:
        return ""
    return ""


def _place(connection: sqlite3.Connection, part: str, told: str) -> str:
    """Where the damage is, in words: the page as far as SQLite says it, and whose it is."""
    found = _PLACE.search(told)
    page = "" if found is None else (found["page"] or found["alone"] or "")
    named = _owner(connection, found["tree"] if found else None) or (
        f"the table `{part}`" if part else "the file"
    )
    return f"page {page} of {named}" if page else named


def _owner(connection: sqlite3.Connection, root: str | None) -> str:
    if root is None:
        return ""
    try:
        row = connection.execute(
            "select type, name from sqlite_master where rootpage = ?", (int(root),)
        ).fetchone()
    except sqlite3.Error:
        return ""
    return "" if row is None else f"the {row[0]} `{row[1]}`"
