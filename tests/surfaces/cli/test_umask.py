"""Files that decide what is done can be written by their owner alone, whatever the umask."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from surfaces.cli.cli_workspace import clean_environment


@pytest.mark.promise("cli:modes")
def test_nothing_that_init_writes_can_be_written_by_others(tmp_path: Path) -> None:
    """Under umask 000: policies, limits, playbooks, keys, the database and the folders."""
    shop = tmp_path / "shop"
    for words in (["init", str(shop)], ["policy", "history", "--workspace", str(shop)]):
        done = subprocess.run(
            [sys.executable, "-m", "sayso", *words],
            env=clean_environment(),
            umask=0,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
    found = [shop, *shop.rglob("*")]
    assert len(found) > 10
    assert [str(one) for one in found if one.lstat().st_mode & 0o022 and not one.is_symlink()] == []


@pytest.mark.promise("cli:modes")
def test_a_stricter_umask_stays(tmp_path: Path) -> None:
    """Whoever keeps others from reading, too, is not undone."""
    shop = tmp_path / "shop"
    subprocess.run(
        [sys.executable, "-m", "sayso", "init", str(shop)],
        env=clean_environment(),
        umask=0o077,
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert (shop / "sayso.toml").stat().st_mode & 0o077 == 0
