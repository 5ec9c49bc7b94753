"""How long a team's own code is waited for while its actions are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from sayso.sdk.connectors.catalog import Patience, read_action_types
from sayso.sdk.workspace import Workspace

SETTINGS = """
actions = ["actions/*.py"]

[workspace]
name = "slow"
tenant = "main"
"""
WORKS = """
import time

until = time.process_time() + 1.2
while time.process_time() < until:
    pass  # its connectors would be made here
CONNECTORS = []
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace whose one file of actions does not exist yet."""
    (tmp_path / "actions").mkdir()
    (tmp_path / "sayso.toml").write_text(SETTINGS)
    return tmp_path


async def test_code_that_works_is_waited_for(folder: Path) -> None:
    """On a busy machine everything takes long; what moves is not taken for what hangs."""
    (folder / "actions" / "slow.py").write_text(WORKS)
    patience = Patience(idle_s=1.0)
    types = await read_action_types(Workspace.load(folder, {}), patience=patience)
    assert types.unread == {"actions/slow.py": "`slow.py` lists no connector"}


async def test_code_that_hangs_is_not_waited_for(folder: Path) -> None:
    """It waits for something that never comes."""
    (folder / "actions" / "hangs.py").write_text("import threading; threading.Event().wait()")
    patience = Patience(idle_s=0.3)
    types = await read_action_types(Workspace.load(folder, {}), patience=patience)
    assert types.unread == {"actions/hangs.py": "it did nothing for 0.3 s"}


def test_patience_ends_where_nothing_moves_or_it_takes_too_long() -> None:
    """A slow machine moves now and then; an endless loop moves for ever, and is left in the end."""
    patience = Patience(idle_s=3, longest_s=60)
    steps = [(float(at), at // 2) for at in range(60)]
    assert [patience.lost(now, mark) for now, mark in steps] == [""] * len(steps)
    assert patience.lost(60, "moves") == "it took longer than 60 s"
    waits = Patience(idle_s=3, longest_s=60)
    assert [waits.lost(now, "here") for now in (0, 1, 2.9)] == ["", "", ""]
    assert waits.lost(3, "here") == "it did nothing for 3 s"
