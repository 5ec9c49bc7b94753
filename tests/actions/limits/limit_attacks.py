"""What somebody does to the rows of limits who writes the database, and what passes by it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator

import psycopg
from actions.limits.limit_work import TOKEN_HOUR, refund
from support.shop_workspace import ShopWorkspace
from support.sql import run_sql

from sayso.errors import SaysoError

COLUMNS = {
    "limit_counter": (
        *("tenant", "limit_id", "key", "currency", "bucket", "count", "held_minor"),
        *("settled_minor", "told"),
    ),
    "limit_use": (
        *("tenant", "home", "action_id", "revision", "limit_id", "key", "currency", "bucket"),
        *("count", "minor", "state", "why", "last_seq"),
    ),
}
TEXTS = frozenset("tenant home action_id limit_id key currency state why".split())
FULL = TOKEN_HOUR + TOKEN_HOUR.replace("token-hour", "customer-day").replace(
    'of     = "token"', 'of     = "customer"'
).replace('"hour"', '"day"')


class LimitRows:
    """The rows of limits as they are at a moment, to be put back."""

    def __init__(self, url: str, opened: ShopWorkspace) -> None:
        self._url, self._opened = url, opened
        self._kept = {
            table: run_sql(url, opened, f"select {', '.join(columns)} from {table}")
            for table, columns in COLUMNS.items()
        }

    def put_back(self) -> None:
        """All of them, and no others."""
        said: list[str] = []
        for table, rows in self._kept.items():
            said.append(f"delete from {table}")
            said += [f"insert into {table} values ({', '.join(map(repr, row))})" for row in rows]
        self.change(*said)

    def change(self, *statements: str) -> None:
        """What somebody does who writes the database."""
        on_server = self._url.startswith("postgres")
        for statement in ["; ".join(statements)] if on_server else statements:
            run_sql(self._url, self._opened, statement)


def limit_attacks() -> Iterator[tuple[str, ...]]:
    """Each row gone, each column of each table another, one row more; and both tables together."""
    yield ("delete from limit_counter",)
    yield ("delete from limit_use",)
    yield ("delete from limit_counter", "delete from limit_use")
    yield (
        "update limit_counter set settled_minor = 0, count = 0",
        "update limit_use set minor = 0, state = 'released'",
    )
    for table, columns in COLUMNS.items():
        for column in columns:
            for value in ("'x'", "''", "'*'") if column in TEXTS else ("0", f"{column} - 1"):
                yield (f"update {table} set {column} = {value}",)
        listed = ", ".join(columns)
        fresh = ", ".join("key || 'x'" if one == "key" else one for one in columns)
        yield (f"insert into {table} ({listed}) select {fresh} from {table}",)


async def limits_passed(opened: ShopWorkspace, url: str) -> AsyncIterator[tuple[str, bool]]:
    """Each attack on a workspace whose limits (`FULL`) are nearly full, and whether it was paid."""
    assert (await refund(opened, 30_000)).status == "succeeded"
    older = LimitRows(url, opened)
    assert (await refund(opened, 40_000)).status == "succeeded"
    rows = LimitRows(url, opened)
    for attack in (*limit_attacks(), ("older",)):
        before = len(opened.shop.books.payouts)
        if attack == ("older",):
            older.put_back()
        else:
            with contextlib.suppress(sqlite3.Error, psycopg.Error):  # the store takes no such row
                rows.change(*attack)
        with contextlib.suppress(SaysoError):
            await refund(opened, 40_000)
        yield "; ".join(attack), len(opened.shop.books.payouts) > before
        rows.put_back()
