"""A stranger changes the house: each change is made beside the tree, works, and is counted.

One process runs the tests of all of them, made together. The channel is the one that
docs/how-to/add-a-channel.md makes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from house.changes import CHANGES
from tree import ROOT

_LIMIT_S = 120


@pytest.mark.promise("house:changes")
def test_each_change_works(tmp_path: Path) -> None:
    """Its own test passes, by the changed files and the tree's others."""
    changed, places = tmp_path / "changed", tmp_path / "places"
    places.mkdir()
    for change in CHANGES.values():
        change.make(ROOT, changed)
    tests = sorted(change.test for change in CHANGES.values())
    runner = ROOT / "tests" / "house" / "runner.py"
    done = subprocess.run(
        [sys.executable, str(runner), str(changed), str(places), *tests],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert all(f"{Path(test).name}: test_" in done.stdout for test in tests), done.stdout


@pytest.mark.promise("house:changes")
@pytest.mark.parametrize("name", CHANGES)
def test_each_change_touches_few_files(name: str) -> None:
    """Counted without its own test, and without pages that are made from code."""
    change = CHANGES[name]
    assert len(change.files) <= change.most, sorted(change.files)
