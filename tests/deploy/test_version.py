"""One version, from one place: the root's pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.shop_workspace import open_shop
from tree import projects

from sayso.extras import NAME
from sayso.sdk.background.presence import Presence
from sayso.sdk.tools.toolbox import Toolbox
from sayso.surfaces.cli.app import main
from sayso.surfaces.http.app import create_app
from sayso.surfaces.mcp.server import McpSession, make_server


def nobody(_: object) -> McpSession:
    """Who calls a server that nobody calls."""
    raise AssertionError


async def test_whoever_is_asked_says_the_version_of_pyproject(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command, the OpenAPI document, MCP and the live process; telemetry's: tests/sdk."""
    version = projects()[NAME]["version"]
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"sayso {version}\n"
    async with open_shop(tmp_path) as workspace, Presence("serve").of(workspace.sayso):
        assert create_app(workspace.sayso).openapi()["info"]["version"] == version
        server = make_server(Toolbox(workspace.sayso), nobody)
        assert server.version == version
        (process,) = await workspace.sayso.processes.list()
        assert process.version == version
