"""Whoever edits any column of any table by SQL is noticed, or the column is declared free."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from pathlib import Path

import pytest
from audit.column_edits import all_columns, count_edits, make_busy, unlocked
from audit.columns import CHECKED, FREE, FREE_TABLES, answer_for
from audit.test_rebuilt import keyring_of

from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify

pytestmark = pytest.mark.promise("audit:columns")


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `make_busy`; never changed."""
    return asyncio.run(make_busy(tmp_path_factory.mktemp("busy")))


def test_no_edit_of_a_checked_column_goes_unnoticed(busy: Path, tmp_path: Path) -> None:
    """Triggers off, one value at a time, by somebody who has the database and no key."""
    attempted, unnoticed = count_edits(busy, tmp_path / "edited.db")
    assert not unnoticed, ", ".join(unnoticed)
    assert attempted > 120


def test_no_table_that_is_checked_can_be_emptied(busy: Path, tmp_path: Path) -> None:
    """Releases, erasures, votes, cards to be sent: whose rows are gone is noticed."""
    trust = Trust(keyring=keyring_of(busy.parent))
    copy = tmp_path / "emptied.db"
    kept: list[str] = []
    # Uses of limits that count no more are forgotten; whoever deletes another one, and lowers the
    # counter by it, is noticed with the next use: see tests/actions/limits.
    for table in CHECKED.keys() - {"limit_use"}:
        shutil.copyfile(busy, copy)
        with contextlib.closing(unlocked(copy)) as database:
            database.execute(f'delete from "{table}"')
        with contextlib.suppress(Exception):  # a log without entries is refused, which is no yes
            if verify(copy, trust=trust).verdict is Verdict.VERIFIED:
                kept.append(table)
    assert kept == []


def test_every_column_has_an_answer(busy: Path) -> None:
    """A new one fails here until it is checked or declared free; and nothing stale is declared."""
    found = all_columns(busy)
    assert [
        f"{table}.{column}" for table, column, _ in found if not answer_for(table, column)
    ] == []
    known = {table: {column for name, column, _ in found if name == table} for table, *_ in found}
    only_there = {"commit_mark", "migration"}
    assert FREE_TABLES.keys() - known.keys() <= only_there
    for table, columns in FREE.items():
        assert columns.keys() <= known[table]
