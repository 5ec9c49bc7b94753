"""Fixtures: one workspace for all tests here, each of which has its own customer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.postgres import fresh_database
from support.postgres_server import PostgresServer
from surfaces.mcp.mcp_workspace import McpWorkspace

from sayso.sandbox import Sandbox
from sayso.sdk.setup.scaffold import create_workspace


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What proves a promise runs on either store, the rest on SQLite, if it does not say so."""
    own = metafunc.definition.iter_markers("parametrize")
    if "workspace" in metafunc.fixturenames and not any(
        "workspace" in mark.args[0] for mark in own
    ):
        promised = metafunc.definition.get_closest_marker("promise") is not None
        stores = ["sqlite", "postgres"] if promised else ["sqlite"]
        metafunc.parametrize("workspace", stores, indirect=True, scope="session")


@pytest.fixture(scope="session")
def workspace(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[McpWorkspace]:
    """A workspace on a sandbox with the demo's customers; on the store that the test asks for."""
    folder = tmp_path_factory.mktemp("mcp") / "shop"
    asyncio.run(create_workspace(folder, approver="maria"))
    with ExitStack() as opened:
        sandbox = opened.enter_context(Sandbox.start(seed="demo"))
        edit(folder / "sayso.toml", "# base_url", f'base_url = "{sandbox.url}"  #')
        if request.param == "postgres":
            server: PostgresServer = request.getfixturevalue("postgres_server")
            edit(
                folder / "sayso.toml",
                "sqlite:///sayso.db",
                opened.enter_context(fresh_database(server)),
            )
            made = McpWorkspace(folder=folder, sandbox=sandbox).sayso(
                "token", "create", "--person", "maria"
            )
            (folder / ".sayso" / "person.token").write_text(made["secret"], encoding="utf-8")
        yield McpWorkspace(folder=folder, sandbox=sandbox)


def edit(settings: Path, old: str, new: str) -> None:
    """Change a setting."""
    text = settings.read_text(encoding="utf-8")
    assert old in text
    settings.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="session")
def url(workspace: McpWorkspace) -> Iterator[str]:
    """Where `sayso mcp --http` serves it."""
    with workspace.serving() as served:
        yield served


@pytest.fixture(scope="session")
def bot(workspace: McpWorkspace) -> str:
    """A service's token that proposes and reads."""
    return workspace.token("actions:propose", "actions:read")
