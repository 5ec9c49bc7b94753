"""`--since` leaves out what a change cannot break, and nothing that it can."""

from __future__ import annotations

import tomllib

import pytest
from since import FLOORS, TOP, is_touched, touched
from tree import ROOT, TESTS


def _run(*changed: str) -> set[str]:
    """The folders of tests that are run for a change of such files."""
    found = touched(changed)
    folders = {one.name for one in TESTS.iterdir() if one.is_dir()}
    return {one for one in folders if is_touched(f"tests/{one}/test_x.py", *found)}


@pytest.mark.parametrize(
    ("changed", "run", "left"),
    [
        ("base/src/sayso/money.py", {"store", "audit", "agent", "surfaces", "walk"}, set[str]()),
        ("audit/src/sayso/audit/log.py", {"audit", "surfaces", "promises", "tau"}, {"store"}),
        ("agent/src/sayso/agent/run.py", {"agent", "sdk", "surfaces"}, {"connectors", "audit"}),
        ("sayso/surfaces/cli/main.py", {"surfaces", "walk"}, {"sdk", "agent", "store"}),
        ("docs/index.md", {"promises"}, {"surfaces", "sdk"}),
        ("tests/audit/test_log.py", {"audit"}, {"surfaces", "walk", "store"}),
        ("tests/support/shop.py", {"store", "audit", "surfaces"}, set[str]()),
        ("uv.lock", {"store", "surfaces"}, set[str]()),
    ],
)
def test_what_stands_above_a_change_is_run(changed: str, run: set[str], left: set[str]) -> None:
    """Its own floor and all above; tests of the whole tree always."""
    found = _run(changed)
    assert run <= found
    assert not left & found
    assert is_touched("tests/test_docs.py", *touched([changed]))


def test_two_changes_run_what_each_runs() -> None:
    """The lowest floor decides, and folders of tests are added."""
    found = _run("sayso/surfaces/cli/main.py", "tests/store/test_sqlite.py")
    assert {"surfaces", "store"} <= found
    assert "audit" not in found


def test_nothing_changed_runs_what_is_about_the_whole_tree_alone() -> None:
    """An empty difference is no reason to run a floor."""
    assert _run() == set()
    assert is_touched("tests/test_house.py", *touched([]))


def test_the_floors_are_those_of_the_import_rules() -> None:
    """In their order; a floor that is new is missed here."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    layers = next(
        one["layers"] for one in rules["contracts"] if "surfaces" in one.get("layers", ())
    )
    above = [one for one in reversed(layers) if one in FLOORS]
    assert above == [one for one in FLOORS if one != "base"]
    assert len(FLOORS) == TOP
