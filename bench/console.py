"""How quick the console is: `python -m bench.console [--open N] [--entries N] [--store S]`.

For SQLite and for PostgreSQL: 100,000 open items, and a log of a million entries under one signed
head. The first item and the first entries are the real thing; the others are rows like them, each
with its own ids, customer, amount and time. Prints the server's time for each page in milliseconds,
and what an open page costs to which nothing happens.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import cast

import httpx

from bench.place import working_folder
from bench.report import show_progress

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.shop import Shop
from support.shop_workspace import open_shop

from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.audit.tree.merkle import Frontier, leaf_hash
from sayso.ids import monotonic_s, to_micros
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.store.base import Transaction
from sayso.surfaces.console.app import create_console

INBOX = ("", "?tab=role", "?tab=decided", "?tab=handed-over")
AUDIT = (
    "audit",
    "audit?q=kind:action.succeeded",
    "audit?q=actor:maria",
    "audit?q=name:shop.refund",
    "audit?q=amount:%3E9900USD",
    "audit?q=customer:cus_77",
    "audit?q=created:2026-11-20..2026-11-24",
    "audit?q=kind:action.succeeded%20amount:%3E9900USD%20created:2026-11-01..2026-11-20",
)
BARS_MS = {"inbox": 100.0, "audit": 300.0}
ROUNDS = 40
IDLE_S = 5.0
Rows = Iterator[tuple[str, Sequence[Mapping[str, object]]]]


class Database:
    """A second connection to the workspace's database, past the writer, to fill it quickly."""

    def __init__(self, url: str, path: Path) -> None:
        self._postgres = url.startswith("postgresql")
        if self._postgres:
            import psycopg  # needs an extra

            self._pg = psycopg.connect(url, autocommit=False)
        else:
            self._lite = sqlite3.connect(path)

    def rows(self, statement: str) -> list[dict[str, object]]:
        """What a query finds, by column."""
        if self._postgres:
            cursor = self._pg.execute(statement)  # type: ignore[call-overload]
            names = [column.name for column in cursor.description or ()]
        else:
            lite = self._lite.execute(statement)
            names = [column[0] for column in lite.description]
            return [dict(zip(names, row, strict=True)) for row in lite.fetchall()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def insert(self, table: str, names: Sequence[str], rows: Iterator[Sequence[object]]) -> None:
        """Insert rows of these columns."""
        columns = ", ".join(names)
        if self._postgres:
            with self._pg.cursor() as cursor:
                # A trigger looks for the index before, at each row; all of these are counted here.
                cursor.execute(f"alter table {table} disable trigger user")  # type: ignore[arg-type]
                copying = f"copy {table} ({columns}) from stdin"
                with cursor.copy(copying) as copy:  # type: ignore[arg-type]
                    for row in rows:
                        copy.write_row(row)
                cursor.execute(f"alter table {table} enable trigger user")  # type: ignore[arg-type]
            self._pg.commit()
            return
        marks = ", ".join("?" * len(names))
        self._lite.executemany(f"insert into {table} ({columns}) values ({marks})", rows)
        self._lite.commit()

    def close(self) -> None:
        """Have the database know what it holds, and close."""
        if self._postgres:
            self._pg.rollback()
            self._pg.autocommit = True
            self._pg.execute("analyze")
            self._pg.close()
        else:
            self._lite.execute("pragma optimize")
            self._lite.close()


def open_items(database: Database, count: int) -> None:
    """Rows like the one real item that waits, for so many customers."""
    for table, key in (("action", "id"), ("approval", "action_id")):
        made = database.rows(f"select * from {table} order by id limit 1")[0]
        names = [name for name in made if made[name] is not None]

        def like(number: int, names: Sequence[str] = names, row=made, key=key) -> list[object]:  # type: ignore[no-untyped-def]
            own = {
                "id": f"{row['id']}x{number}",
                key: f"{row[key] if key == 'id' else row['action_id']}x{number}",
                "subject_id": f"cus_{number}",
                "idempotency_key": f"key-{number}",
                "expires_at": int(str(row.get("expires_at", 0))) + number * 1000,
                # So many approvals are due at other times; none falls due while this runs.
                "due_at": None if row.get("due_at") is None else int(str(row["due_at"])) + number,
            }
            return [own.get(name, row[name]) for name in names]

        database.insert(table, names, (like(number) for number in range(count)))


def entry(number: int) -> Entry:
    """One of the entries that a shop's day is made of."""
    kinds = (
        EntryKind.ACTION_PROPOSED,
        EntryKind.ACTION_PENDING,
        EntryKind.ACTION_APPROVED,
        EntryKind.ACTION_INTENT,
        EntryKind.ACTION_SUCCEEDED,
    )
    step, place = divmod(number, len(kinds))
    person = kinds[place] is EntryKind.ACTION_APPROVED
    return Entry(
        kind=kinds[place],
        actor=Actor(
            kind=ActorKind.PERSON if person else ActorKind.SERVICE,
            id=("maria" if step % 3 else "noor") if person else "bot",
        ),
        action=f"act_bench{step}",
        subject=f"sub_{step % 50_000}",
        name="shop.refund",
        amount=Money(100 + step * 7919 % 1_000_000, "USD"),
        status=kinds[place].value.partition(".")[2],
        rule="manager",
        data={"account": "shop", "via": "bench", "note": f"order {step}"},
    )


async def fill_log(sayso: Sayso, database: Database, count: int) -> None:
    """So many entries behind those that are there, then one more by the writer, which signs all."""
    opened = sayso.container
    tenant, log = opened.tenant, opened.log
    grown: list[Frontier] = []

    def read(tx: Transaction) -> None:
        grown.append(log.tree(tx, tenant))

    await opened.store.write(read)
    tree = grown[0]
    end = to_micros(opened.clock.now())
    first = tree.size

    def bodies() -> Iterator[tuple[str, int, str]]:
        for number in range(count):
            at = end - (count - number) * 2_500_000  # a month of them
            body = entry(number).body(tenant=tenant, seq=first + number, at_micros=at)
            tree.append(leaf_hash(body))
            yield tenant, first + number, body.decode()

    database.insert("log_entry", ("tenant", "seq", "body"), bodies())

    def sign(tx: Transaction) -> None:
        log.committed(tx, tenant)
        tx.remember((log, tenant), tree)
        log.append(tx, tenant, entry(count))

    await opened.store.write(sign)


async def pages(client: httpx.AsyncClient, names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """p50 and p95 of each page, in milliseconds."""
    found: dict[str, tuple[float, float]] = {}
    for page in names:
        took: list[float] = []
        for _ in range(ROUNDS + 1):
            began = monotonic_s()
            answer = await client.get(f"/{page}")
            took.append(1000 * (monotonic_s() - began))
            assert answer.status_code == 200, answer.text
        ordered = sorted(took[1:])  # the first one reads what is kept afterwards
        found[page] = statistics.median(ordered), ordered[int(len(ordered) * 0.95)]
        p50, p95 = found[page]
        bar = BARS_MS["audit" if page.startswith("audit") else "inbox"]
        kept = "" if p95 < bar else f"   over {bar:.0f} ms"
        print(f"  {page or 'inbox':66} p50 {p50:7.1f}   p95 {p95:7.1f}{kept}")
    return found


async def idle_percent(client: httpx.AsyncClient, count: int = 20) -> float:
    """Per cent of a core that so many open pages cost to which nothing happens."""

    async def hold() -> None:
        async with client.stream("GET", "/live?on=inbox") as stream:
            async for _ in stream.aiter_lines():
                pass

    held = [asyncio.create_task(hold()) for _ in range(count)]
    await asyncio.sleep(1)
    before, began = time.process_time(), monotonic_s()
    await asyncio.sleep(IDLE_S)
    used = (time.process_time() - before) / (monotonic_s() - began) * 100
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)
    return used


async def measure(kind: str, open_count: int, entries: int) -> None:
    """Fill one database and ask for each page."""
    shop = Shop()
    tables: dict[str, object] = {}
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(working_folder())
        if kind == "postgres":
            from support.postgres_server import run_postgres  # needs an extra

            from sayso.store.postgres.schema import migrate_postgres

            server = stack.enter_context(run_postgres())
            server.run("postgres", "create database console")
            migrate_postgres(server.url("console"))
            tables["store"] = {"url": server.url("console")}
        opened = await stack.enter_async_context(
            open_shop(folder, shop=shop, **cast("dict[str, dict[str, object]]", tables))  # type: ignore[arg-type]
        )
        sayso = opened.sayso
        shop.books.add("o1", "cus_1", Money(20_000, "USD"))
        await sayso.propose("shop.refund", {"order": "o1"}, subject="cus_1")
        url = str(cast("Mapping[str, object]", tables.get("store", {})).get("url", ""))
        database = Database(url, opened.workspace.store_path)
        began = monotonic_s()
        show_progress(f"{kind}: {open_count:,} open items, {entries:,} entries …")
        open_items(database, open_count)
        await fill_log(sayso, database, entries)
        database.close()
        print(
            f"{kind}: {open_count:,} open items, {entries:,} entries, filled in "
            f"{monotonic_s() - began:.0f} s; milliseconds of the server"
        )
        _, secret = await sayso.sessions.begin("maria", via="token")
        app = create_console(sayso)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://127.0.0.1",
            cookies={"sayso_session": secret},
            headers={"Sec-Fetch-Site": "same-origin"},
            timeout=60,
        ) as client:
            await pages(client, INBOX)
            await pages(client, AUDIT)
        await app.state.changes.stop()


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--open", type=int, default=100_000, help="open items (100000)")
    parser.add_argument("--entries", type=int, default=1_000_000, help="of the log (1000000)")
    parser.add_argument("--store", choices=("sqlite", "postgres"), help="both unless said")
    said = parser.parse_args()
    for kind in ("sqlite", "postgres") if said.store is None else (said.store,):
        asyncio.run(measure(kind, said.open, said.entries))


if __name__ == "__main__":
    main()
