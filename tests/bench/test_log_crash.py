"""The judge of the log crash campaign: a witness that finds nothing must be able to find it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from audit.attacks import change_body
from audit.small_log import SIZE, SmallLog, editing, frontier_of

from bench.crash.ledger import SqliteDatabase
from bench.log_crash.judge import Faults, Log, Tree

TOLD = [f"act_{number}" for number in range(SIZE // 4)]


def judge(path: Path) -> set[str]:
    """The names of the faults, with what was seen and told before the change."""
    faults = Faults()
    found = Log(SqliteDatabase(path), faults)
    seen = SmallLog()
    assert found.judge_heads([seen.note(20), seen.note()]) == 2
    found.judge_states()
    found.judge_told(TOLD)
    return {name for name, lines in faults.named().items() if lines}


def test_the_tree_of_the_judge_is_that_of_the_log() -> None:
    """RFC 6962, written a second time."""
    bodies = SmallLog().bodies
    tree = Tree(bodies)
    for size in range(SIZE + 1):
        assert tree.root(size) == frontier_of(bodies[:size]).root()


def test_an_untouched_log_has_no_fault(tmp_path: Path) -> None:
    """What is reported is there."""
    log = SmallLog()
    assert judge(log.write(tmp_path / "log.db")) == set()


def _edit(database: sqlite3.Connection, log: SmallLog) -> None:
    change_body(log, 13)
    log.store_bodies(database)


def _fork(database: sqlite3.Connection, log: SmallLog) -> None:
    change_body(log, 13)
    log.store_bodies(database)
    log.store_head(database)


def _lose_the_end(database: sqlite3.Connection, log: SmallLog) -> None:
    log.bodies = log.bodies[:36]
    log.store_bodies(database)
    log.store_head(database)
    log.store_state(database)


def _gap(database: sqlite3.Connection, log: SmallLog) -> None:
    database.execute("update log_entry set seq = 40 where seq = 39")


def _state(database: sqlite3.Connection, log: SmallLog) -> None:
    database.execute("update approval set status = 'pending' where id = 'apr_3'")


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (_edit, {"roots", "histories"}),
        (_fork, {"histories"}),
        (_lose_the_end, {"histories", "lost"}),
        (_gap, {"gaps"}),
        (_state, {"states"}),
    ],
)
def test_each_fault_is_found(
    change: Callable[[sqlite3.Connection, SmallLog], None], names: set[str], tmp_path: Path
) -> None:
    """Dense log, true root, one history, every row as its last entry says."""
    log = SmallLog()
    path = log.write(tmp_path / "log.db")
    with editing(path) as database:
        change(database, log)
    assert judge(path) == names


def _sealed(first: int, end: int) -> dict[str, dict[int, str]]:
    """The entries of a file, by tenant and index."""
    bodies = SmallLog().bodies
    tenant = json.loads(bodies[0])["tenant"]
    return {tenant: {seq: bodies[seq].decode() for seq in range(first, end)}}


@pytest.mark.parametrize(
    ("pruned_to", "sealed", "names"),
    [
        (16, (0, 16), set[str]()),
        (16, (0, 32), set[str]()),
        (16, (0, 15), {"gaps", "roots", "histories"}),
    ],
)
def test_what_is_neither_stored_nor_sealed_is_found(
    tmp_path: Path, pruned_to: int, sealed: tuple[int, int], names: set[str]
) -> None:
    """What a pruned log has is in the database or in a file, and leads to its heads."""
    path = SmallLog().write(tmp_path / "log.db")
    with editing(path) as database:
        database.execute("delete from log_entry where seq < ?", (pruned_to,))
    faults = Faults()
    found = Log(SqliteDatabase(path), faults, _sealed(*sealed))
    found.judge_heads([SmallLog().note()])
    assert {name for name, lines in faults.named().items() if lines} == names


def test_a_file_that_says_something_else_is_found(tmp_path: Path) -> None:
    """An entry that is in both places is the same in both."""
    path = SmallLog().write(tmp_path / "log.db")
    sealed = _sealed(0, 16)
    (bodies,) = sealed.values()
    bodies[3] += " "
    faults = Faults()
    Log(SqliteDatabase(path), faults, sealed)
    assert [name for name, lines in faults.named().items() if lines] == ["sealed"]
