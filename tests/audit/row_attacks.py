"""What somebody does to the rows of every table who writes the database: and what comes of it.

Each table has a row deleted, an older row put back, and a row planted; each column is edited. What
of it the verifier does not see has to be declared, with its reason (`audit.columns`), and what is
declared gives no power: a server that is opened on it pays nothing, and opens nothing.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from actions.steps import MAIN, decide, propose, say, stock
from audit.column_edits import ENDED_TOKEN, LIMITED, OLDER, RETRIED, unlocked
from audit.columns import FREE, FREE_TABLES, columns_of
from audit.test_rebuilt import keyring_of
from support.busy_shop import BOT
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.audit.erasure import ErasureOrder
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.errors import SaysoError
from sayso.testing.clock import FakeClock

Kind = Literal["deleted", "replayed", "inserted", "edited"]
KINDS: tuple[Kind, ...] = ("deleted", "replayed", "inserted")
_MOST = 3
"""Rows of a table that are tried in each way."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One statement by which a row of a table is another, gone, or one more."""

    table: str
    kind: Kind
    statement: str


def attacks(busy: Path) -> Iterator[Attack]:
    """Every attack on the rows of a database that has an older copy beside it."""
    with contextlib.closing(sqlite3.connect(busy)) as rows:
        rows.execute("attach ? as older", (str(busy.parent / OLDER),))
        columns: dict[str, list[str]] = {}
        for table, column, _ in columns_of(rows):
            columns.setdefault(table, []).append(column)
        for table, names in columns.items():
            yield from _deletions(table)
            yield from _replays(rows, table, names)
            yield from _insertions(rows, table, names)


def _deletions(table: str) -> Iterator[Attack]:
    for order in ("", " desc"):
        one = f'(select rowid from "{table}" order by rowid{order} limit 1)'
        yield Attack(table, "deleted", f'delete from "{table}" where rowid = {one}')


def _keys(rows: sqlite3.Connection, table: str) -> list[str]:
    found = rows.execute(f'pragma table_info("{table}")').fetchall()
    return [row[1] for row in sorted(found, key=lambda row: row[5]) if row[5]]


def _replays(rows: sqlite3.Connection, table: str, names: list[str]) -> Iterator[Attack]:
    """Rows that were otherwise, or are gone since, as the older copy has them."""
    listed = ", ".join(f'"{name}"' for name in names)
    changed = f'select {listed} from older."{table}" except select {listed} from main."{table}"'
    for at in range(len(rows.execute(f"{changed} limit {_MOST}").fetchall())):
        one = f"select * from ({changed}) limit 1 offset {at}"
        yield Attack(table, "replayed", f'insert or replace into "{table}" ({listed}) {one}')


def _insertions(rows: sqlite3.Connection, table: str, names: list[str]) -> Iterator[Attack]:
    """A row like the newest one, under another key."""
    keys = [_NAMED_BY[table]] if table in _NAMED_BY else _keys(rows, table)
    listed = ", ".join(f'"{name}"' for name in names)
    fresh = f"""case typeof("{keys[-1]}") when 'integer' then "{keys[-1]}" + 1000
        else "{keys[-1]}" || 'x' end"""
    made = ", ".join(fresh if name == keys[-1] else f'"{name}"' for name in names)
    source = f'select {made} from "{table}" order by rowid desc limit 1'
    yield Attack(table, "inserted", f'insert or replace into "{table}" ({listed}) {source}')


_NAMED_BY = {"log_entry": "seq", "outbox": "key"}
"""Of rows whose key is a number of SQLite's own."""


def carry_out(attack: Attack, path: Path, busy: Path) -> bool:
    """Make an attack on a copy; False where it changes nothing, or the store takes no such row."""
    shutil.copyfile(busy, path)
    with contextlib.closing(unlocked(path)) as rows:
        rows.execute("attach ? as older", (str(busy.parent / OLDER),))
        with contextlib.suppress(sqlite3.IntegrityError):
            return rows.execute(attack.statement).rowcount > 0
    return False


def is_noticed(path: Path, busy: Path) -> bool:
    """Whether the verifier says so."""
    try:
        found = verify(path, trust=Trust(keyring=keyring_of(busy.parent)))
    except SaysoError:
        return True  # a log that cannot be read is refused, which is no yes
    return found.verdict is not Verdict.VERIFIED


def unnoticed(busy: Path, folder: Path, kind: Kind) -> tuple[int, dict[str, Attack]]:
    """How many attacks of a kind were made, and one each of the tables of which none was seen."""
    made, passed = 0, dict[str, Attack]()
    for attack in attacks(busy):
        if attack.kind == kind and carry_out(attack, folder / "attacked.db", busy):
            made += 1
            if not is_noticed(folder / "attacked.db", busy):
                passed.setdefault(attack.table, attack)
    return made, passed


async def powers(busy: Path, folder: Path, statements: list[str]) -> list[str]:
    """What a server does, that is opened on attacked rows, and must not: nothing is the answer.

    A stop on refunds is in force, a hold is on `cus_1`, a token has ended, and nobody has agreed to
    anything new: whatever is paid, decided or erased is a power that a row gave.
    """
    shutil.copytree(busy.parent, folder, ignore=shutil.ignore_patterns("*.db-*"))
    with contextlib.closing(unlocked(folder / busy.name)) as rows:
        rows.execute("attach ? as older", (str(busy.parent / OLDER),))
        for statement in statements:
            with contextlib.suppress(sqlite3.Error):
                rows.execute(statement)
    gained: list[str] = []
    with contextlib.suppress(*([SaysoError] if statements else [])):  # it does not even open
        clock = FakeClock()
        clock.advance(minutes=10)
        async with open_shop(folder, policy_section=LIMITED, clock=clock) as opened:
            stock(opened, *(f"o{number}" for number in range(8)))
            stock(opened, "o9", customer="cus_9")
            gained += [
                one async for one in _gained(opened, (busy.parent / ENDED_TOKEN).read_text())
            ]
    return gained


async def _gained(opened: ShopWorkspace, secret: str) -> AsyncIterator[str]:
    sayso = opened.sayso
    with contextlib.suppress(SaysoError):
        opened.clock.advance(minutes=3)
        await sayso.container.dispatcher.drain()
    for key in (RETRIED, "anew"):
        with contextlib.suppress(SaysoError):
            await propose(opened, 2000, order="o0", key=key)
    for card in await sayso.approvals.list():
        for person in ("idle", "gone", "bot"):
            with contextlib.suppress(SaysoError):
                await decide(opened, say(card, person))
                yield f"{person} decided"
        with contextlib.suppress(SaysoError):
            await sayso.approvals.decide(
                card.id, "approve", token=secret, revision=card.revision, digest=card.digest
            )
            yield "an ended token decided"
    with contextlib.suppress(SaysoError):
        order = ErasureOrder(
            tenant=MAIN,
            subject_id="cus_1",
            reason="asked",
            by=BOT,
            via="test",
            credential="host",
            key="held",
        )
        await sayso.container.eraser.erase(order)
        yield "a held customer was erased"
    if opened.shop.books.payouts:
        yield f"{len(opened.shop.books.payouts)} paid"


def free_edits(busy: Path) -> dict[str, list[str]]:
    """Of each table the statements that edit its free columns, one value each."""
    found: dict[str, list[str]] = {}
    with contextlib.closing(sqlite3.connect(busy)) as rows:
        for table, column, kind in columns_of(rows):
            if table in FREE_TABLES or column in FREE.get(table, {}):
                other = f'"{column}" + 1' if kind == "integer" else f"\"{column}\" || 'x'"
                found.setdefault(table, []).append(
                    f'update "{table}" set "{column}" = coalesce({other}, 1)'
                )
    return found
