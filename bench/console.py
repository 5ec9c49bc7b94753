"""How quick the console is: `python -m bench.console [--open N] [--entries N] [--store S]`.

For SQLite and for PostgreSQL: 100,000 open items, and a log of a million entries under one signed
head. The first item and the first entries are the real thing; the others are rows like them, each
with its own ids, customer, amount and time. Prints the server's time for each page in milliseconds.
What an open page costs to which nothing happens: tests/surfaces/console/test_live counts it.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

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
    "audit?q=amount:%3E9999.50USD",
    "audit?q=actor:noor%20amount:%3E9990USD",
    "audit?q=customer:cus_77",
    "audit?q=created:2026-11-20..2026-11-24",
    "audit?q=kind:action.succeeded%20amount:%3E9900USD%20created:2026-11-01..2026-11-20",
)
BARS_MS = {"inbox": 100.0, "audit": 300.0}
ROUNDS = 40


class Database:
    """A second connection to the workspace's database, past the writer, to fill it quickly."""

    def __init__(self, url: str, path: Path) -> None:
        self._postgres = url.startswith("postgresql")
        self._connection: Any
        if self._postgres:
            import psycopg  # needs an extra

            self._connection = psycopg.connect(
                url, autocommit=False, options="-c search_path=sayso"
            )
        else:
            self._connection = sqlite3.connect(path)

    def first(self, table: str) -> dict[str, Any]:
        """A table's first row, by column."""
        cursor = self._connection.execute(f"select * from {table} order by id limit 1")
        names = [column[0] for column in cursor.description]
        return dict(zip(names, cursor.fetchone(), strict=True))

    def insert(self, table: str, names: Sequence[str], rows: Iterator[Sequence[object]]) -> None:
        """Insert rows of these columns."""
        columns = ", ".join(names)
        if not self._postgres:
            marks = ", ".join("?" * len(names))
            into = f"insert into {table} ({columns}) values ({marks})"
            self._connection.executemany(into, rows)
        else:
            with self._connection.cursor() as cursor:
                # A trigger looks for the index before, at each row; all of these are counted here.
                cursor.execute(f"alter table {table} disable trigger user")
                with cursor.copy(f"copy {table} ({columns}) from stdin") as copy:
                    for row in rows:
                        copy.write_row(row)
                self._connection.commit()
                cursor.execute(f"alter table {table} enable trigger user")
        self._connection.commit()

    def close(self) -> None:
        """Have the database know what it holds, and close."""
        if self._postgres:
            self._connection.rollback()
            self._connection.autocommit = True
            self._connection.execute("vacuum analyze")
            self._connection.execute("checkpoint")
        else:
            # What one commit of a million rows left would be written by the first that asks.
            self._connection.execute("pragma wal_checkpoint(truncate)")
        self._connection.close()


def open_items(database: Database, count: int) -> None:
    """Rows like the one real item that waits, for so many customers."""
    for table in ("action", "approval"):
        made = database.first(table)
        names = [name for name in made if made[name] is not None]

        def like(number: int, row: dict[str, Any] = made) -> dict[str, Any]:
            own = {
                "id": f"{row['id']}x{number}",
                "action_id": f"{row.get('action_id')}x{number}",
                "subject_id": f"cus_{number}",
                "idempotency_key": f"key-{number}",
                "expires_at": row.get("expires_at", 0) + number * 1000,
                "due_at": (row.get("due_at") or 0) + number,
            }
            return {name: own.get(name, value) for name, value in row.items()}

        rows = (like(number) for number in range(count))
        database.insert(table, names, ([row[name] for name in names] for row in rows))


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
        log.tree(tx, tenant)
        tx.remember((log, tenant), tree)
        # Of no row, which the writer would miss: the others are entries of actions that are none.
        bench = Actor(kind=ActorKind.SERVICE, id="bench")
        log.append(tx, tenant, Entry(kind=EntryKind.AUDIT_QUERIED, actor=bench))

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
        # The first one reads what is kept afterwards, and the first question makes the log's index.
        ordered = sorted(took[1:])
        found[page] = statistics.median(ordered), ordered[int(len(ordered) * 0.95)]
        p50, p95 = found[page]
        bar = BARS_MS["audit" if page.startswith("audit") else "inbox"]
        kept = "" if p95 < bar else f"   over {bar:.0f} ms"
        first = f"   the first one {took[0] / 1000:.1f} s" if took[0] > 1000 else ""
        print(f"  {page or 'inbox':66} p50 {p50:7.1f}   p95 {p95:7.1f}{kept}{first}")
    return found


async def measure(kind: str, open_count: int, entries: int) -> None:
    """Fill one database and ask for each page."""
    shop = Shop()
    url = ""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(working_folder())
        if kind == "postgres":
            from support.postgres_server import run_postgres  # needs an extra

            from sayso.store.postgres.schema import migrate_postgres

            server = stack.enter_context(run_postgres())
            server.run("postgres", "create database console")
            migrate_postgres(server.url("console"))
            url = server.url("console")
        more: dict[str, Any] = {"store": {"url": url}} if url else {}
        opened = await stack.enter_async_context(open_shop(folder, shop=shop, **more))
        sayso = opened.sayso
        shop.books.add("o1", "cus_1", Money(20_000, "USD"))
        await sayso.propose("shop.refund", {"order": "o1"}, subject="cus_1")
        database = Database(url, Path() if url else opened.workspace.store_path)
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
