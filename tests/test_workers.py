"""The processes in which the tests run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tree import TESTS

_CONFTEST = """
import pytest
from support.schedule import FileScheduling
from support.workers import fork_workers

@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config, specs):
    fork_workers(config, specs)

@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return FileScheduling(config, log) if config.getoption("dist") == "load" else None
"""
_MODULE = """
import os, pathlib

HERE = pathlib.Path(__file__).parent
with (HERE / "imported").open("a") as file:
    file.write("once ")

def test_one(): (HERE / f"by-{os.getpid()}").touch()
def test_two(): (HERE / f"by-{os.getpid()}").touch()
def test_three(): raise ValueError("said by a child")
def test_four(): os._exit(9)
"""

_SETS_UP = """
import os, pathlib, pytest

@pytest.fixture(scope="module")
def shop(): pathlib.Path(__file__).with_suffix(f".by-{os.getpid()}").touch()

@pytest.mark.parametrize("number", range(4))
def test_it(shop, number): pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Tests that are run by two processes."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(_CONFTEST)
    return tmp_path


def run(folder: Path, *words: str) -> tuple[int, Sequence[str]]:
    """The exit status, and what is printed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(TESTS), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


def test_two_processes_import_a_module_once(folder: Path) -> None:
    """They share it, and each test is run, by one of them; what fails and who dies is told."""
    (folder / "test_it.py").write_text(_MODULE)
    status, said = run(folder, "-p", "xdist.plugin", "-q", "--dist", "each")
    assert status == 1, said
    assert (folder / "imported").read_text() == "once "
    assert len(list(folder.glob("by-*"))) == 2
    assert any("ValueError: said by a child" in line for line in said), said
    assert any("crashed while running 'test_it.py::test_four'" in line for line in said), said


def test_what_cannot_be_imported_fails_the_run(folder: Path) -> None:
    """The process that forks goes on, so that each child says why."""
    (folder / "test_it.py").write_text("raise OSError('no such thing')\n")
    status, said = run(folder, "-p", "xdist.plugin", "-q")
    assert status != 0
    assert any("OSError: no such thing" in line for line in said), said


def test_what_a_file_sets_up_is_set_up_once(folder: Path) -> None:
    """Both processes work, on whole files."""
    for number in range(16):
        (folder / f"test_{number:02}.py").write_text(_SETS_UP)
    status, said = run(folder, "-p", "xdist.plugin", "-q")
    assert status == 0, said
    assert len(list(folder.glob("test_*.by-*"))) == 16
    assert len({one.suffix for one in folder.glob("test_*.by-*")}) == 2
