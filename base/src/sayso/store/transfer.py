"""Copies rows into another database of the same version, on either store: all, or one tenant's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from sayso.errors import Code, ConfigError
from sayso.store.base import SqlValue

Values: TypeAlias = "tuple[SqlValue, ...]"
Progress: TypeAlias = Callable[[int, int], None]

OF_THE_STORE: Final = frozenset({"migration", "commit_mark"})
"""What each database says of itself: what was applied to it, and what its writers committed."""
_NOT_MOVED: Final = ("format/", "schema/")
"""Keys of `meta` that every database has of its own."""
_HOMES: Final = frozenset({"stop", "limit_use", "policy_version", "policy_change"})
"""Tables whose `home` says whose rows they are, since their `tenant` may be everybody."""
_COUNTED_BY: Final = ("id",)
"""The key of a table whose rows each database numbers by itself."""
Whose: TypeAlias = "tuple[str, str]"
"""A column, and the tenant that stands in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as one store has it.

    Attributes:
        reads: its columns. writes: those that a new row is given; the others are made from these.
        key: the columns of its primary key.
    """

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    key: tuple[str, ...]


class Origin(Protocol):
    """A database whose rows nobody changes while it is read."""

    def tables(self) -> Mapping[str, Table]:
        """Its tables by name."""
        ...

    def count(self, table: str, whose: Whose | None = None) -> int:
        """How many rows a table has, of everybody or of one tenant."""
        ...

    def rows(
        self,
        table: str,
        columns: Sequence[str],
        order: Sequence[str],
        whose: Whose | None = None,
    ) -> Iterator[Values]:
        """The same rows, in the order of these columns, compared by their bytes."""
        ...


class Target(Origin, Protocol):
    """A database that is being filled, in one transaction, while nothing else looks at it."""

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Values]) -> None:
        """Add rows."""
        ...

    def delete(self, table: str, whose: Whose) -> None:
        """Delete the rows of one tenant."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferred:
    """What was copied.

    Attributes:
        rows: how many, by table.
        left_out: tables of the origin that no version of ours makes.
    """

    rows: Mapping[str, int]
    left_out: tuple[str, ...]


def transfer(
    origin: Origin, target: Target, progress: Progress = lambda done, total: None
) -> Transferred:
    """Copy every row, and read each table of the target again to compare it.

    Args:
        progress: given how many rows are copied, and of how many.

    Raises:
        ConfigError: `damaged`, when a table reads otherwise than it was written.
    """
    there = origin.tables()
    tables = [one for one in target.tables().values() if one.name in there.keys() - OF_THE_STORE]
    total = sum(origin.count(one.name) for one in tables)
    done = 0
    copied: dict[str, int] = {}
    for table in tables:
        rows = _Counted(done, total, progress)
        _copy(origin, target, there[table.name], table, rows)
        copied[table.name] = rows.done - done
        done = rows.done
    known = {one.name for one in tables} | OF_THE_STORE
    return Transferred(rows=copied, left_out=tuple(sorted(there.keys() - known)))


def transfer_tenant(
    origin: Origin,
    target: Target,
    tenant: str,
    progress: Progress = lambda done, total: None,
    *,
    only: Container[str] | None = None,
) -> Transferred:
    """Copy the rows of one tenant in the place of those that the target has, and compare each.

    Args:
        only: the tables; every one unless said.

    Raises:
        ConfigError: `damaged`, when a table reads otherwise than it was written.
    """
    there = origin.tables()
    tables = {
        one.name: (one, whose)
        for one in target.tables().values()
        if one.name in there and (whose := _whose(one, tenant, only)) is not None
    }
    for table, whose in reversed(tables.values()):
        target.delete(table.name, whose)
    total = sum(origin.count(name, whose) for name, (_, whose) in tables.items())
    done = 0
    copied: dict[str, int] = {}
    for table, whose in tables.values():
        rows = _Counted(done, total, progress)
        _copy(origin, target, there[table.name], table, rows, whose)
        copied[table.name] = rows.done - done
        done = rows.done
    return Transferred(rows=copied, left_out=())


def clear_tenant(target: Target, tenant: str, *, but: Container[str] = ()) -> None:
    """Delete the rows of one tenant.

    Args:
        but: tables whose rows stay.
    """
    for table in reversed([*target.tables().values()]):
        whose = _whose(table, tenant)
        if whose is not None and table.name not in but:
            target.delete(table.name, whose)


def _whose(table: Table, tenant: str, only: Container[str] | None = None) -> Whose | None:
    """By which column a row is the tenant's; None of a table without tenants."""
    if only is not None and table.name not in only:
        return None
    if table.name in _HOMES:
        return ("home", tenant)
    return ("tenant", tenant) if "tenant" in table.reads else None


def _copy(
    origin: Origin,
    target: Target,
    was: Table,
    becomes: Table,
    rows: _Counted,
    whose: Whose | None = None,
) -> None:
    # Of one tenant among others, a number that a database counts by itself is another one there.
    numbered = whose is not None and _COUNTED_BY in {was.key, becomes.key}
    columns = [name for name in becomes.writes if name in was.reads]
    if numbered:
        columns = [name for name in columns if name not in _COUNTED_BY]
    order = was.key if set(was.key) <= set(columns) else becomes.key
    again = order
    if numbered:
        order, again = was.key, becomes.key
    keeps: Callable[[Values], bool]
    keeps = _not_of_the_store if was.name == "meta" else lambda row: True
    written, read = hashlib.sha256(), hashlib.sha256()

    def passing() -> Iterator[Values]:
        for row in origin.rows(was.name, columns, order, whose):
            if keeps(row):
                written.update(repr(row).encode())
                yield row
            rows.one()

    target.insert(was.name, columns, passing())
    for row in target.rows(was.name, columns, again, whose):
        if keeps(row):
            read.update(repr(row).encode())
    if read.digest() != written.digest():
        raise ConfigError(
            Code.DAMAGED,
            f"the table `{was.name}` reads otherwise than it was written",
            next_step="check the medium of the new database, and copy again; nothing was kept",
        )


def _not_of_the_store(row: Values) -> bool:
    """Whether a row of `meta`, whose key is its first column, goes with the others."""
    return not str(row[0]).startswith(_NOT_MOVED)


class _Counted:
    """Rows as they go by."""

    def __init__(self, done: int, total: int, progress: Progress) -> None:
        self.done = done
        self._total = total
        self._progress = progress

    def one(self) -> None:
        self.done += 1
        self._progress(self.done, self._total)


def refuse_unless_empty(target: Origin) -> None:
    """Refuse a database in which anything but a schema is.

    Raises:
        ConfigError: `store_not_empty`.
    """
    for table in target.tables().values():
        if table.name in OF_THE_STORE:
            continue
        if table.name == "meta":
            rows = list(target.rows(table.name, table.writes, table.key))
            has_rows = any(map(_not_of_the_store, rows))
        else:
            has_rows = target.count(table.name) > 0
        if has_rows:
            raise ConfigError(
                Code.STORE_NOT_EMPTY,
                f"the database to copy to has rows already, such as in `{table.name}`",
                next_step="name a new, empty one; rows of two databases are never put together",
            )
