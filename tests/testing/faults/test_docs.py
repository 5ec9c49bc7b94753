"""docs/how-to/test-a-connector-under-faults.md says what is true, and its programs run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from sayso.testing.faults import HttpFaultKind

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "how-to" / "test-a-connector-under-faults.md").read_text(encoding="utf-8")
PROGRAMS: list[str] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SUITE, *OTHERS = PROGRAMS
TESTS = ROOT / "tests"
WITH_A_SHOP = {**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS / 'support'}"}
"""Where `http_shop` stands, which the page takes for the reader's own connector."""


def test_the_test_file_of_the_page_runs_and_passes(tmp_path: Path) -> None:
    """What a connector author copies is a whole test file."""
    (tmp_path / "test_mine.py").write_text(SUITE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env=WITH_A_SHOP,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "15 passed" in done.stdout


@pytest.mark.parametrize("program", OTHERS, ids=range(len(OTHERS)))
def test_each_program_of_the_page_runs(program: str) -> None:
    """As it stands, its own assertions included."""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120, env=WITH_A_SHOP)


def test_every_kind_of_fault_is_named() -> None:
    """A new kind without a row about it fails here."""
    assert [kind for kind in get_args(HttpFaultKind) if f"`{kind}`" not in PAGE] == []
