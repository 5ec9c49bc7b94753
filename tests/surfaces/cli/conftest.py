"""Fixtures: a command line, and a workspace whose Stripe is a seeded sandbox."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from surfaces.cli.cli_workspace import CliWorkspace, Line

from sayso.sandbox import Sandbox
from sayso.sdk.setup.scaffold import create_workspace


@pytest.fixture
def line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """Runs commands, far from any workspace of this machine.

    A command of a process of its own may set up logging. Here it would write to this test's own
    standard error for as long as the process lives, so it is undone.
    """
    for name in ("SAYSO_WORKSPACE", "SAYSO_TOKEN", "STRIPE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    yield Line(capsys)
    root.setLevel(before[0])
    for handler in set(root.handlers) - set(before[1]):
        root.removeHandler(handler)


@pytest.fixture(scope="session")
def still_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Sandbox]]:
    """One workspace and its sandbox, for all tests in which nothing may ever happen."""
    folder = tmp_path_factory.mktemp("still") / "shop"
    asyncio.run(create_workspace(folder, approver="maria"))
    with Sandbox.start(seed="demo") as sandbox:
        yield folder, sandbox


@pytest.fixture
def still(
    line: Line, still_shop: tuple[Path, Sandbox], monkeypatch: pytest.MonkeyPatch
) -> Iterator[CliWorkspace]:
    """A workspace that is shared by tests of refusals; it must be still afterwards."""
    folder, sandbox = still_shop
    found = CliWorkspace(folder=folder, sandbox=sandbox, line=line)
    settings = folder / "sayso.toml"
    if "# base_url" in settings.read_text(encoding="utf-8"):
        found.edit_settings("# base_url", f'base_url = "{sandbox.url}"  #')
    monkeypatch.setenv("STRIPE_API_KEY", sandbox.api_key)
    monkeypatch.chdir(folder)
    yield found
    assert not sandbox.books().effects, "a refusal had an effect"


@pytest.fixture(scope="session")
def new_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace as `init` makes it, to be copied: it is in the folder that it is in."""
    folder = tmp_path_factory.mktemp("new") / "shop"
    asyncio.run(create_workspace(folder, approver="maria"))
    return folder


@pytest.fixture
def cli(
    line: Line, new_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CliWorkspace]:
    """A new workspace of its own, on a sandbox, as the current folder."""
    folder = tmp_path / "shop"
    shutil.copytree(new_shop, folder)
    with Sandbox.start(seed="demo") as sandbox:
        found = CliWorkspace(folder=folder, sandbox=sandbox, line=line)
        found.edit_settings("# base_url", f'base_url = "{sandbox.url}"  #')
        monkeypatch.setenv("STRIPE_API_KEY", sandbox.api_key)
        monkeypatch.chdir(folder)
        yield found
