"""Whoever edits any column of any table by SQL is noticed, or the column is declared free."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from actions.steps import MAIN
from audit.columns import CHECKED, FREE, FREE_TABLES, answer_for, changed, columns_of
from audit.test_rebuilt import keyring_of
from support.lived import BOT, live, planner
from support.shop_workspace import open_shop

from sayso.audit.holds import HoldCall
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.sdk.resources.tokens import Scope

pytestmark = pytest.mark.promise("audit:columns")


async def _live(folder: Path) -> None:
    async with open_shop(folder, planner=planner()) as workspace:
        await live(workspace)
        read = frozenset({Scope.READ})
        await workspace.sayso.tokens.create(MAIN, "service", "bot", read, days=1, by=BOT)
        call = HoldCall(tenant=MAIN, person="maria", via="test", credential="host", key="hold")
        holds = workspace.sayso.container.holds
        await workspace.sayso.container.store.write(
            lambda tx: holds.place(tx, call, "cus_1", "litigation")
        )


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a workspace in which every checked table has rows."""
    folder = tmp_path_factory.mktemp("busy")
    asyncio.run(_live(folder))
    database = sqlite3.connect(folder / "sayso.db", isolation_level=None)
    database.execute("pragma wal_checkpoint(truncate)")
    database.execute("pragma journal_mode = delete")
    database.close()
    return folder / "sayso.db"


def _all(path: Path) -> list[tuple[str, str, str]]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return list(columns_of(database))


def _unlocked(path: Path) -> sqlite3.Connection:
    """A writer whom no trigger, key or check holds back."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("pragma ignore_check_constraints = on")
    database.execute("pragma foreign_keys = off")
    for (name,) in database.execute("select name from sqlite_master where type = 'trigger'"):
        database.execute(f'drop trigger "{name}"')
    return database


def _edits(path: Path) -> Iterator[tuple[str, str, str]]:
    for table, column, kind in _all(path):
        if table not in FREE_TABLES and column not in FREE.get(table, {}):
            yield table, column, kind


def _edit(path: Path, table: str, column: str, kind: str) -> bool:
    """Change one value; False where SQLite itself takes none."""
    with contextlib.closing(_unlocked(path)) as database:
        keys = [row[1] for row in database.execute(f'pragma table_info("{table}")') if row[5]]
        names = ", ".join(f'"{key}"' for key in keys)
        rows = database.execute(f'select "{column}", {names} from "{table}"').fetchall()
        assert rows, f"nothing of `{table}` is there to be edited"
        where = " and ".join(f'"{key}" = ?' for key in keys)
        for value, *key in rows:
            with contextlib.suppress(sqlite3.Error):
                database.execute(
                    f'update "{table}" set "{column}" = ? where {where}',
                    (changed(value, column, kind), *key),
                )
                return True
    return False


def test_no_edit_of_a_checked_column_goes_unnoticed(busy: Path, tmp_path: Path) -> None:
    """Triggers off, one value at a time, by somebody who has the database and no key."""
    trust = Trust(keyring=keyring_of(busy.parent))
    assert verify(busy, trust=trust).verdict is Verdict.VERIFIED
    attempted, unnoticed = 0, list[str]()
    copy = tmp_path / "edited.db"
    for table, column, kind in _edits(busy):
        shutil.copyfile(busy, copy)
        if not _edit(copy, table, column, kind):
            continue
        attempted += 1
        if verify(copy, trust=trust).verdict is Verdict.VERIFIED:
            unnoticed.append(f"{table}.{column}")
    assert not unnoticed, ", ".join(unnoticed)
    assert attempted > 120


def test_no_table_that_is_checked_can_be_emptied(busy: Path, tmp_path: Path) -> None:
    """Releases, erasures, votes, cards to be sent: whose rows are gone is noticed."""
    trust = Trust(keyring=keyring_of(busy.parent))
    copy = tmp_path / "emptied.db"
    kept: list[str] = []
    for table in CHECKED:
        shutil.copyfile(busy, copy)
        with contextlib.closing(_unlocked(copy)) as database:
            database.execute(f'delete from "{table}"')
        with contextlib.suppress(Exception):  # a log without entries is refused, which is no yes
            if verify(copy, trust=trust).verdict is Verdict.VERIFIED:
                kept.append(table)
    assert kept == []


def test_every_column_has_an_answer(busy: Path) -> None:
    """A new one fails here until it is checked or declared free; and nothing stale is declared."""
    found = _all(busy)
    assert [
        f"{table}.{column}" for table, column, _ in found if not answer_for(table, column)
    ] == []
    known = {table: {column for name, column, _ in found if name == table} for table, *_ in found}
    only_there = {"checkpoint_blobs", "checkpoint_writes", "commit_mark", "migration"}
    assert FREE_TABLES.keys() - known.keys() <= only_there
    for table, columns in FREE.items():
        assert columns.keys() <= known[table]
