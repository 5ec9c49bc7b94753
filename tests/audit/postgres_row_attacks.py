"""The same on PostgreSQL, by its superuser with every trigger and key off: see `row_attacks`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from audit.column_edits import live_busily
from audit.columns import FREE, FREE_TABLES
from audit.row_attacks import Attack
from audit.test_rebuilt import keyring_of
from support.shop_workspace import STORE_URLS

from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify_sources
from sayso.errors import SaysoError
from sayso.sdk.audit.stored import read_sources
from sayso.store.postgres.connection import connect_plainly
from sayso.store.postgres.store import open_reader

_COLUMNS = """
select table_name, column_name, data_type from information_schema.columns
where table_schema = 'sayso' and is_generated = 'NEVER' order by table_name, ordinal_position
"""
_KEYS = """
select c.relname, a.attname from pg_index i join pg_class c on c.oid = i.indrelid
join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)
where i.indisprimary and c.relnamespace = 'sayso'::regnamespace
order by c.relname, array_position(i.indkey, a.attnum)
"""
_MOST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """A busy workspace on PostgreSQL, whose older rows are in a schema of their own.

    Attributes:
        columns: of each table, with their types. keys: of each table.
    """

    url: str
    folder: Path
    columns: dict[str, dict[str, str]]
    keys: dict[str, list[str]]

    @contextlib.contextmanager
    def owned(self) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        """A login whom nothing holds back."""
        with connect_plainly(self.url) as admin:
            admin.execute(b"set search_path = sayso")
            admin.execute(b"set session_replication_role = replica")
            yield admin


def make_busy_on(url: str, folder: Path) -> Busy:
    """Live on a fresh database, and put off what guards its tables."""

    def keep() -> None:
        copy_all("older")

    def copy_all(schema: str) -> None:
        with connect_plainly(url) as admin:
            admin.execute(f"create schema {schema}".encode())
            for table in columns:
                admin.execute(f"create table {schema}.{table} as table sayso.{table}".encode())

    with connect_plainly(url) as admin:
        columns: dict[str, dict[str, str]] = {}
        for table, column, kind in admin.execute(_COLUMNS.encode()).fetchall():
            columns.setdefault(str(table), {})[str(column)] = str(kind)
        keys: dict[str, list[str]] = {}
        for table, column in admin.execute(_KEYS.encode()).fetchall():
            keys.setdefault(str(table), []).append(str(column))
    STORE_URLS.append(url)
    try:
        asyncio.run(live_busily(folder, keep))
    finally:
        STORE_URLS.remove(url)
    copy_all("kept")
    with connect_plainly(url) as admin:
        for table in columns:
            admin.execute(f"alter table sayso.{table} disable trigger all".encode())
    return Busy(url=url, folder=folder, columns=columns, keys=keys)


def attacks_on(busy: Busy) -> Iterator[Attack]:
    """Every attack on the rows, and every edit of a column that is not free."""
    for table, columns in busy.columns.items():
        key = busy.keys.get(table) or [*columns][-1:]
        listed, order = ", ".join(columns), ", ".join(key)
        one = f"(select ctid from {table} order by {order} limit 1)"
        yield Attack(table, "deleted", f"delete from {table} where ctid = {one}")
        changed = f"select {listed} from older.{table} except select {listed} from {table}"
        same = " and ".join(f"now.{name} = was.{name}" for name in key)
        for at in range(_MOST):
            one = f"select * from ({changed}) as o order by {order} limit 1 offset {at}"
            yield Attack(
                table,
                "replayed",
                f"delete from {table} now using ({one}) was where {same};"
                f" insert into {table} ({listed}) overriding system value {one}",
            )
        named = "seq" if table == "log_entry" else "key" if table == "outbox" else key[-1]
        fresh = ", ".join(
            _other(one, kind) if one == named else one for one, kind in columns.items()
        )
        source = f"select {fresh} from {table} order by {order} desc limit 1"
        into = f"insert into {table} ({listed}) overriding system value"
        yield Attack(table, "inserted", f"{into} {source}")
        yield from _edits(table, columns, order)


def _edits(table: str, columns: dict[str, str], order: str) -> Iterator[Attack]:
    kept = "where erased_seq is null" if "erased_seq" in columns else ""
    if table == "meta":  # with the others settings are compared when it is opened
        kept = "where key = 'deployment'"
    for column, kind in columns.items():
        if table in FREE_TABLES or column in FREE.get(table, {}):
            continue
        one = f"(select ctid from {table} {kept} order by {order} limit 1)"
        value = f"update {table} set {column} = {_other(column, kind)} where ctid = {one}"
        yield Attack(table, "edited", value)


def _other(column: str, kind: str) -> str:
    if kind == "bytea":
        return f"coalesce({column} || '\\x00'::bytea, '\\x00'::bytea)"
    if kind in {"bigint", "integer", "smallint"}:
        step = 86_400_000_000 if (column.endswith("at") and column != "at") or column == "at" else 1
        return f"coalesce({column} + {step}, 7)"
    return f"coalesce({column} || 'x', 'x')"


def unnoticed_on(busy: Busy, *kinds: str) -> tuple[int, dict[str, Attack]]:
    """How many attacks of these kinds were made, and of each table one that was not seen."""
    trust = Trust(keyring=keyring_of(busy.folder))
    made, passed = 0, dict[str, Attack]()
    assert _is_verified(busy, trust)
    for attack in attacks_on(busy):
        if attack.kind not in kinds:
            continue
        with busy.owned() as admin:
            try:
                changed = _last_count(admin.execute(attack.statement.encode())) > 0
            except (psycopg.errors.IntegrityError, psycopg.errors.DataError):
                continue  # the store takes no such row
            if not changed:
                continue
            made += 1
            if _is_verified(busy, trust):
                passed.setdefault(attack.table, attack)
            table, listed = attack.table, ", ".join(busy.columns[attack.table])
            admin.execute(f"delete from {table}".encode())
            back = f"insert into {table} ({listed}) overriding system value"
            admin.execute(f"{back} select {listed} from kept.{table}".encode())
    return made, passed


def _last_count(cursor: psycopg.Cursor[tuple[object, ...]]) -> int:
    while cursor.nextset():
        pass
    return cursor.rowcount


def _is_verified(busy: Busy, trust: Trust) -> bool:
    try:
        with open_reader(busy.url) as reader:
            sources = list(read_sources(reader, None))
            return verify_sources("PostgreSQL", sources, trust=trust).verdict is Verdict.VERIFIED
    except SaysoError:
        return False
