"""What an approved action takes of the database, counted; the instructions need valgrind."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.instructions import COMMITS, STATEMENTS, report, run
from bench.instructions import counted as counted_of


def test_an_approved_action_takes_the_statements_and_commits_that_the_bench_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever adds one, or saves one, sees it here and says so in the bench."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bench.instructions.can_count", lambda: False)
    found = run(3)
    assert found.ok, found.table()


def test_statements_of_triggers_and_transactions_are_not_counted() -> None:
    """SQLite tells of a trigger by the statement that set it off, a second time."""
    said = ["begin immediate", "insert into a", "insert into a", "select 1", "commit"]
    assert counted_of(said, 1) == (2, 1)


def test_more_instructions_than_known_are_a_missed_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the build of Python that counted them; another build has no bar."""
    monkeypatch.setattr("bench.instructions.build_of_python", lambda: "this")
    monkeypatch.setattr("bench.instructions.KNOWN", {"this": 10.0})
    assert report(STATEMENTS, COMMITS, 10.2).ok
    assert not report(STATEMENTS, COMMITS, 10.4).ok
    assert not report(STATEMENTS + 1, COMMITS, 10.2).ok
    monkeypatch.setattr("bench.instructions.KNOWN", {"another": 1.0})
    assert report(STATEMENTS, COMMITS, 10.4).ok
