"""Named SQL, read once from the files in `store/sql/queries`; both stores run the same text.

But for a query marked `(postgres)`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from operator import itemgetter

from sayso.store.base import SqlValue

_NAME = re.compile(
    r"^-- name: ([a-z][a-z0-9_]*)(?: \(((?:count unread|one row|postgres|beside|, )+)\))?$",
    re.MULTILINE,
)
_OWNERS = frozenset({"tenant", "owner", "home"})
"""Parameters that say whose rows a query is about."""
_PLAIN_INSERT = re.compile(r"insert\s+into\b(?!.*\bon\s+conflict\b)(?!.*\bselect\b)", re.DOTALL)

# The server itself fails where another number of rows was changed (`division_by_zero`), so that
# nobody has to wait and count before the commit.
_ONE_ROW = "select 1::bigint / (count(*) = 1)::int as counted from changed"
# Literals, quoted names, comments and casts are stepped over, so that a colon in them is no
# parameter.
_PARAMETER = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|::|:([a-z_][a-z0-9_]*)", re.DOTALL
)

_NUMBER = re.compile(r"\$(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A query in PostgreSQL's own form.

    Attributes:
        name: `file.name`; unique.
        sql: with `$1`, `$2` … for the parameters.
        parameters: their names, in that order.
        count: how many rows it changes when it does not fail, where that is known beforehand or
            nobody asks (-1); None where the server has to say.
        is_checked: it has to change one row; in `sql` the server sees to it.
        owners: those of its parameters that say whose rows it is about.
        is_beside: a unit that holds one tenant may run it whatever it names; see `Store.write`.
    """

    name: str
    sql: str
    parameters: tuple[str, ...] = ()
    count: int | None = None
    is_checked: bool = False
    owners: tuple[str, ...] = ()
    is_beside: bool = False


@functools.cache
def named_queries() -> dict[str, str]:
    """Every query by `file.name`, such as `action.by_id`; parameters are written `:name`.

    One marked `(postgres)` is for that store alone, and not among them.
    """
    return {name: sql for name, (sql, mark) in _read().items() if "postgres" not in mark}


@functools.cache
def numbered_queries() -> dict[str, Statement]:
    """The same queries with numbered parameters.

    A query whose name is followed by `(count unread)` is one whose count no caller reads: its
    answer need not be waited for, and `run` returns -1. With `(one row)`, `run` returns 1 without
    waiting, and the unit fails when it was another number.

    One marked `(beside)` may be run while others write for other tenants: what it reads of somebody
    else is only appended to, or changed by units that run alone; what it writes is one row of its
    own, or one that is the same whoever writes it.
    """
    return {name: _numbered(name, sql, mark) for name, (sql, mark) in _read().items()}


@functools.cache
def positional_queries() -> dict[
    str, tuple[str, Callable[[Mapping[str, SqlValue]], Sequence[SqlValue]]]
]:
    """The queries of `named_queries` as SQLite takes values in their order, and what orders them.

    NOTE: Python's `sqlite3` asks SQLite for each parameter's name, at each call, where values are
    given by name; that is a tenth of what a small statement costs.
    """
    return {name: _positional(sql) for name, sql in named_queries().items()}


def _positional(sql: str) -> tuple[str, Callable[[Mapping[str, SqlValue]], Sequence[SqlValue]]]:
    one = _numbered("", sql, frozenset())
    in_order: Callable[[Mapping[str, SqlValue]], Sequence[SqlValue]]
    match one.parameters:
        case ():
            in_order = _no_values
        case (name,):
            in_order = lambda params: (params[name],)  # noqa: E731
        case names:
            first, second, *others = names
            in_order = itemgetter(first, second, *others)
    return _NUMBER.sub(r"?\1", one.sql), in_order


def _no_values(params: Mapping[str, SqlValue]) -> tuple[()]:
    return ()


@functools.cache
def repeated_query(name: str, times: int) -> tuple[str, tuple[str, ...]]:
    """A query for several sets of parameters, as one statement of SQLite.

    Returns:
        The statement, whose first column says which set a row is of, and the names of the
        parameters of one set, in the order in which each set gives their values.
    """
    one = numbered_queries()[name]

    def part(nth: int) -> str:
        before = nth * len(one.parameters)
        rest = _NUMBER.sub(lambda match: f"?{before + int(match[1])}", one.sql)
        return f"select {nth} as nth, {rest.removeprefix('select ')}"

    return " union all ".join(map(part, range(times))), one.parameters


@functools.cache
def _read() -> dict[str, tuple[str, frozenset[str]]]:
    found: dict[str, tuple[str, frozenset[str]]] = {}
    folder = resources.files("sayso.store") / "sql" / "queries"
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        if not file.name.endswith(".sql"):
            continue
        noun = file.name.removesuffix(".sql")
        parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, mark, sql in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            key = f"{noun}.{name}"
            assert key not in found, f"two queries are called {key}"
            found[key] = (sql.strip().rstrip(";"), frozenset((mark or "").split(", ")))
    return found


def _numbered(name: str, sql: str, marks: frozenset[str]) -> Statement:
    parameters: list[str] = []

    def number(match: re.Match[str]) -> str:
        parameter: str | None = match[1]
        if parameter is None:
            return "" if match[0].startswith(("--", "/*")) else match[0]
        if parameter not in parameters:
            parameters.append(parameter)
        return f"${parameters.index(parameter) + 1}"

    numbered = _PARAMETER.sub(number, sql).strip().rstrip(";")
    one_row = "one row" in marks
    known = 1 if one_row or _PLAIN_INSERT.match(numbered) else None
    if one_row:
        numbered = f"with changed as ({numbered} returning 1) {_ONE_ROW}"
    return Statement(
        name=name,
        sql=numbered,
        parameters=tuple(parameters),
        count=-1 if "count unread" in marks else known,
        is_checked=one_row,
        owners=tuple(one for one in parameters if one in _OWNERS),
        is_beside="beside" in marks,
    )
