"""The tools that judge the whole tree: each is one test, and its words are the failure."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib

import pytest
from tree import ROOT

pytestmark = pytest.mark.house

_LIMIT_S = 560
_WIDTH = 240
_FOR_PYRIGHT = (
    "examples",
    "sayso/dispatch/fleet",
    "sayso/sdk/client.py",
    "sayso/sdk/sync.py",
    "sayso/sdk/tools",
)
_IMPORT_LINTER = (
    # It asks the specification of a package for its folders; ours are known when it is imported.
    "import sys, sayso; sayso.__spec__.submodule_search_locations = list(sayso.__path__);"
    "from importlinter.cli import lint_imports_command;"
    "sys.exit(lint_imports_command(['--no-cache', '--no-logo']))"
)


def ask(*words: str) -> None:
    """Run this interpreter with the words; fail with all it said unless it is content.

    Guarantees: nothing is read from standard input, and the wait is bounded.
    """
    environment = {
        **os.environ,
        "NO_COLOR": "1",
        "COLUMNS": "200",
        "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
        # pyright makes much that it soon throws away: a tenth of its time was node's collector.
        "NODE_OPTIONS": "--max-semi-space-size=128",
    }
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    if done.returncode != 0:
        lines = [line[:_WIDTH] for line in done.stdout.splitlines()]
        pytest.fail("\n".join([f"exit status {done.returncode}", *lines]), pytrace=False)


def test_ruff_finds_nothing() -> None:
    """The rules of pyproject.toml hold."""
    ask("-m", "ruff", "check", "--no-fix", "--output-format=concise", ".")


def test_every_file_is_formatted() -> None:
    """One format, a hundred columns."""
    ask("-m", "ruff", "format", "--check", ".")


def test_mypy_finds_nothing() -> None:
    """Mypy strict over package, tests, benches and examples."""
    ask("-m", "mypy")


def test_pyright_finds_nothing() -> None:
    """Pyright strict over what its users see; CI has it judge all that ships."""
    ask("-m", "pyright", "--pythonpath", sys.executable, *_FOR_PYRIGHT)


def test_what_mypy_passes_over_pyright_judges() -> None:
    """A file that imports a library of which mypy follows nothing is judged by somebody."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    (passed,) = [
        one["module"]
        for one in settings["mypy"]["overrides"]
        if one.get("follow_imports") == "skip"
    ]
    names = "|".join(name.removesuffix(".*") for name in passed)
    imports = re.compile(rf"^\s*(?:import|from) (?:{names})\b", re.MULTILINE)
    reading = [
        file.relative_to(ROOT).as_posix()
        for folder in settings["pyright"]["include"]
        for file in (ROOT / folder).rglob("*.py")
        if imports.search(file.read_text(encoding="utf-8"))
    ]
    assert reading
    assert [file for file in reading if not file.startswith(_FOR_PYRIGHT)] == []


@pytest.mark.promise("house:floors")
def test_imports_go_down_only() -> None:
    """Every module has a floor, surfaces stay apart, the verifier stands alone."""
    ask("-P", "-c", _IMPORT_LINTER)
