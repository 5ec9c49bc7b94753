"""The connectors of a workspace: those that sayso.toml names, and those of its own Python files."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from sayso.connectors.base import Connector
from sayso.connectors.registry import Connectors
from sayso.errors import Code, ConfigError
from sayso.ids import Clock
from sayso.json import JsonValue
from sayso.sdk.resources.connections import Connections
from sayso.sdk.workspace import Workspace


def load_connectors(
    workspace: Workspace,
    clock: Clock,
    own: Sequence[Connector] = (),
    connections: Connections | None = None,
) -> Connectors:
    """The connectors that sayso.toml names, those of its `actions` files, and `own`.

    Raises:
        ConfigError: `invalid_setting`, `missing_secret`, `missing_extra`, `invalid_action`.
    """
    return Connectors.load(
        cast("Mapping[str, Mapping[str, JsonValue]]", workspace.settings.connector_tables),
        clock=clock,
        secret=workspace.secret,
        base=workspace.folder,
        bearer=connections.bearer_for_call if connections is not None else None,
        own=[*_workspace_connectors(workspace), *own],
    )


def _workspace_connectors(workspace: Workspace) -> list[Connector]:
    """The `CONNECTORS` of the workspace's own Python files, such as `actions/loyalty.py`."""
    found: list[Connector] = []
    for pattern in workspace.settings.actions:
        for path in sorted(workspace.folder.glob(pattern)):
            found += load_actions_file(path)
    return found


def load_actions_file(path: Path) -> list[Connector]:
    """The connectors that one Python file of a workspace lists.

    Raises:
        ConfigError: `invalid_action`, whatever is wrong with it.
    """
    spec = importlib.util.spec_from_file_location(f"sayso_workspace_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        # The team's own code: whatever is wrong with it is for its author to read.
        raise ConfigError(
            Code.INVALID_ACTION,
            f"`{path.name}` cannot be loaded: {type(error).__name__}: {error}",
            next_step=f"correct {path}",
        ) from error
    listed = getattr(module, "CONNECTORS", None)
    if not isinstance(listed, list | tuple) or not listed:
        raise ConfigError(
            Code.INVALID_ACTION,
            f"`{path.name}` lists no connector",
            next_step="end the file with CONNECTORS = [YourConnector()]",
        )
    return list(cast("Sequence[Connector]", listed))
