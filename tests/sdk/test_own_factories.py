"""A connector of a workspace's own file gets its settings and secrets from sayso.toml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sayso.errors import Code, ConfigError, RefusedError
from sayso.ids import SystemClock
from sayso.sdk.connectors.catalog import read_action_types
from sayso.sdk.connectors.drafts import new_connector
from sayso.sdk.connectors.load import load_connectors
from sayso.sdk.workspace import Workspace

SETTINGS = """
actions = ["actions/*.py"]
[workspace]
name = "test"
[connectors.harbour]
api_key = "env:HARBOUR_KEY"
base_url = "http://127.0.0.1:9"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace with a connector that `sayso connector new` started."""
    (tmp_path / "sayso.toml").write_text(SETTINGS)
    new_connector(tmp_path, "harbour")
    return tmp_path


def loaded(folder: Path, settings: str = SETTINGS) -> Workspace:
    """The workspace as a process reads it."""
    (folder / "sayso.toml").write_text(settings)
    return Workspace.load(folder, {"HARBOUR_KEY": "key_of_the_harbour"})


@pytest.mark.promise("connectors:own-settings")
def test_a_file_of_the_workspace_makes_a_connector_with_settings_and_a_secret(
    folder: Path,
) -> None:
    """Its table is read by its factory, and a name that the factory does not ask for is refused."""
    found = load_connectors(loaded(folder), SystemClock())
    assert [action.name for action in found.actions] == ["harbour.cancel_order"]
    misspelt = SETTINGS.replace("base_url", "base_ulr")
    with pytest.raises(ConfigError, match=r"harbour\.base_ulr") as refused:
        load_connectors(loaded(folder, misspelt), SystemClock())
    assert "base_url" in refused.value.next_step
    without = SETTINGS.replace('api_key = "env:HARBOUR_KEY"\n', "")
    with pytest.raises(ConfigError) as missing:
        load_connectors(loaded(folder, without), SystemClock())
    assert missing.value.code is Code.MISSING_SECRET


@pytest.mark.promise("connectors:own-settings")
async def test_its_actions_are_known_without_its_secret(folder: Path) -> None:
    """A stop, a check and the list of types need the definitions and nothing else."""
    (folder / "sayso.toml").write_text(SETTINGS)
    types = await read_action_types(Workspace.load(folder, {}))
    assert types.names == {"harbour.cancel_order"}
    assert types.unread == {}


def test_two_files_cannot_bring_one_name(folder: Path) -> None:
    """Nor can what brings none be called."""
    first = (folder / "actions" / "harbour.py").read_text()
    (folder / "actions" / "second.py").write_text(first)
    with pytest.raises(ConfigError, match="brings a second `harbour`"):
        load_connectors(loaded(folder), SystemClock())
    (folder / "actions" / "second.py").write_text('CONNECTORS = {"other": 1}')
    with pytest.raises(ConfigError, match="has no factory for `other`"):
        load_connectors(loaded(folder), SystemClock())


def test_a_start_is_never_written_over_a_file(folder: Path) -> None:
    """What is there stays."""
    with pytest.raises(RefusedError, match="is there already"):
        new_connector(folder, "harbour")
    with pytest.raises(ConfigError, match="no name of a connector"):
        new_connector(folder, "../harbour")


@pytest.mark.promise("connectors:new")
def test_the_start_keeps_every_promise_as_it_is(folder: Path) -> None:
    """Its own suite judges it, also under the faults of a network."""
    words = ("-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(folder))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *words, str(folder / "tests")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert "15 passed" in ran.stdout
