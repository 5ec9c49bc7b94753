"""Fixtures: one workspace for all tests here, each of which has its own customer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from surfaces.mcp.rig import Rig

from sayso.sdk.scaffold import create_workspace
from sayso.testing.sandbox import Sandbox


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A workspace on a sandbox with the demo's customers."""
    folder = tmp_path_factory.mktemp("mcp") / "shop"
    asyncio.run(create_workspace(folder, approver="maria"))
    with Sandbox.start(seed="demo") as sandbox:
        settings = folder / "sayso.toml"
        text = settings.read_text(encoding="utf-8")
        assert "# base_url" in text
        settings.write_text(
            text.replace("# base_url", f'base_url = "{sandbox.url}"  #'), encoding="utf-8"
        )
        yield Rig(folder=folder, sandbox=sandbox)


@pytest.fixture(scope="session")
def url(rig: Rig) -> Iterator[str]:
    """Where `sayso mcp --http` serves it."""
    with rig.serving() as served:
        yield served


@pytest.fixture(scope="session")
def bot(rig: Rig) -> str:
    """A service's token that proposes and reads."""
    return rig.token("actions:propose", "actions:read")
