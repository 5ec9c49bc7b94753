"""Fixtures: a command line, and a workspace whose Stripe is a seeded sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from surfaces.cli.line import Line, Place

from sayso.testing.sandbox import Sandbox


@pytest.fixture
def line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Line:
    """Runs commands, far from any workspace of this machine."""
    for name in ("SAYSO_WORKSPACE", "SAYSO_TOKEN", "STRIPE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return Line(capsys)


@pytest.fixture
def place(line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A workspace made by `init`, on a sandbox, as the current folder."""
    folder = tmp_path / "shop"
    line.done("init", str(folder), "--approver", "maria")
    with Sandbox.start(seed="demo") as sandbox:
        found = Place(folder=folder, sandbox=sandbox, line=line)
        found.edit_settings("# base_url", f'base_url = "{sandbox.url}"  #')
        monkeypatch.setenv("STRIPE_API_KEY", sandbox.api_key)
        monkeypatch.chdir(folder)
        yield found
