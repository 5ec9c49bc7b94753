"""A stranger changes the house: each change is made in a copy of the tree, works, and is counted.

One process runs the tests of all of them, in one copy. The channel is the one that
docs/how-to/add-a-channel.md makes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from house.changes import CHANGES
from tree import ROOT, SOURCES

_LIMIT_S = 120


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of what the changes touch, with every change made: whole parts, such as `surfaces`.

    What they don't touch is the tree's own. What is compiled is copied too, or it takes ten times
    as long.
    """
    copy = tmp_path_factory.mktemp("house")
    parts = {_part_of(name) for change in CHANGES.values() for name in change.files}
    for part in sorted(parts - {None}, key=str):
        shutil.copytree(ROOT / str(part), copy / str(part))
    for source in SOURCES:  # what makes one package of its parts
        for init in (source / "sayso").glob("__init__.py*"):
            (copy / init.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(init, copy / init.relative_to(ROOT))
    for change in CHANGES.values():
        change.make(copy)
    yield copy
    shutil.rmtree(copy)


def _part_of(name: str) -> str | None:
    """`sayso/surfaces` of a file in it; None of a test or a page."""
    folders = Path(name).parts
    if "sayso" not in folders[:-1]:
        return None
    return "/".join(folders[: folders.index("sayso") + 2])


@pytest.mark.promise("house:changes")
def test_each_change_works(changed: Path, tmp_path: Path) -> None:
    """Its own test passes in the copy, by the code of the copy."""
    parts = [str(changed / one.relative_to(ROOT)) for one in SOURCES]
    tests = sorted(change.test for change in CHANGES.values())
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "house" / "runner.py"), str(tmp_path), *tests],
        cwd=changed,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*parts, str(ROOT / "tests")])},
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
