"""What somebody does to the rows of limits who writes the database, and what passes by it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator

import psycopg
from actions.limits.limit_work import TOKEN_HOUR, refund
from support.linked import tie
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


LINK = (
    *("tenant", "id", "account", "other", "proof", "linked_by", "linked_at", "until"),
    *("request_id", "reason_ref", "ended_by", "ended_at", "ended_why", "ended_ref", "last_seq"),
)
PERSON_DAY = """
[[limit]]
id     = "person-day"
say    = "One customer gets at most $100 a day"
of     = "customer"
effect = "money_out"
sum    = { USD = 100 }
per    = "day"
"""


def link_attacks() -> Iterator[str]:
    """The link gone, ended, over, of others, of another conversation; and its entry another."""
    yield "delete from customer_link"
    yield "update customer_link set ended_at = 1, ended_by = 'x', ended_why = 'by_person'"
    for column in ("tenant", "id", "account", "other", "request_id", "linked_by", "reason_ref"):
        yield f"update customer_link set {column} = 'x'"
    for column in ("until", "linked_at", "last_seq"):
        yield f"update customer_link set {column} = 1"
    for proof in ("email", "person", "signed"):
        yield f"update customer_link set proof = '{proof}'"
    where = "where kind = 'customer.linked'"
    for was, now in (("linked_with", "linked_to"), ('"proof":"record"', '"proof":"email"')):
        yield f"update log_entry set body = replace(body, '{was}', '{now}') {where}"
    yield f"update log_entry set kind = 'customer.unlinked' {where}"
    yield f"update log_entry set subject = 'x' {where}"


async def links_passed(opened: ShopWorkspace, url: str) -> AsyncIterator[tuple[str, bool]]:
    """Each attack on what ties two accounts of one whose limit (`PERSON_DAY`) is nearly full.

    Returns:
        The attack, and whether the other account was paid beyond the limit.
    """
    assert (await refund(opened, 8_000, customer="cus_1")).status == "succeeded"
    await tie(opened, "cus_1", "cus_2")
    kept = run_sql(url, opened, f"select {', '.join(LINK)} from customer_link")
    where = "where kind = 'customer.linked'"
    told = run_sql(url, opened, f"select seq, body, subject from log_entry {where}")
    ((seq, body, subject),) = told
    # A server takes a second for each: of those a few, on the store that the others are tried on.
    every = 4 if url.startswith("postgres") else 1
    for attack in list(link_attacks())[::every]:
        before = len(opened.shop.books.payouts)
        with contextlib.suppress(sqlite3.Error, psycopg.Error):  # the store takes no such row
            run_sql(url, opened, attack)
        with contextlib.suppress(SaysoError):
            await refund(opened, 3_000, customer="cus_2")
        yield attack, len(opened.shop.books.payouts) > before
        values = ", ".join("null" if one is None else repr(one) for one in kept[0])
        run_sql(url, opened, "delete from customer_link")
        run_sql(url, opened, f"insert into customer_link ({', '.join(LINK)}) values ({values})")
        text = body.replace("'", "''")
        back = f"body = '{text}'"  # by which SQLite makes the other columns
        if url.startswith("postgres"):
            back += f", subject = '{subject}', kind = 'customer.linked'"
        run_sql(url, opened, f"update log_entry set {back} where seq = {seq}")
    assert (await refund(opened, 3_000, customer="cus_2")).status == "refused"
    assert (await refund(opened, 2_000, customer="cus_2")).status == "succeeded"
