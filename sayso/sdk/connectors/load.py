"""The connectors of a workspace: those that sayso.toml names, and those of its own Python files."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from sayso.connectors.base import Connector
from sayso.connectors.registry import Connectors
from sayso.connectors.setup import Factory
from sayso.errors import Code, ConfigError
from sayso.ids import Clock
from sayso.json import JsonValue
from sayso.sdk.desk.own import OWN, OwnDesk, own_desks
from sayso.sdk.resources.connections import Connections
from sayso.sdk.workspace import Workspace
from sayso.settings.surfaces import WRITES


def load_connectors(
    workspace: Workspace,
    clock: Clock,
    own: Sequence[Connector] = (),
    connections: Connections | None = None,
    without: str = "",
) -> Connectors:
    """The connectors that sayso.toml names, those of its `actions` files, and `own`.

    Args:
        without: one to leave out, such as a manifest that nobody has reviewed yet.

    Raises:
        ConfigError: `invalid_setting`, `missing_secret`, `missing_extra`, `invalid_action`.
    """
    files = load_actions_files(workspace)
    tables = cast("Mapping[str, Mapping[str, JsonValue]]", workspace.settings.connector_tables)
    return Connectors.load(
        {name: one for name, one in tables.items() if name != without},
        clock=clock,
        secret=workspace.secret,
        base=workspace.folder,
        bearer=connections.bearer_for_call if connections is not None else None,
        own=[*files.connectors, *own, *_own_desks(workspace)],
        own_factories=files.factories,
        signed=workspace.signed_facts,
        customers=workspace.settings.customers.default,
        places=_places(workspace),
    )


def _own_desks(workspace: Workspace) -> list[Connector]:
    """The desk whose threads the caller's program keeps, where there is one.

    Raises:
        ConfigError: `invalid_setting`, for a second one: their threads could not be told apart.
    """
    names = own_desks(workspace.settings)
    if len(names) > 1:
        raise ConfigError(
            Code.INVALID_SETTING,
            f"two desks have the connector `{OWN}`: {', '.join(names)}",
            next_step="have one of them, and begin the ids of its threads differently",
        )
    return [OwnDesk(one) for one in names]


def _places(workspace: Workspace) -> list[str]:
    """Whose customers write to us by a webhook, also where no connector acts there."""
    sections = workspace.settings.inbound.values()
    tells = [one for one in sections if one.ask and one.provider in WRITES]
    return [one.account_of for one in tells if one.account_of is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionsFile:
    """What Python files of a workspace bring.

    Attributes:
        connectors: those that are made already.
        factories: by name, of those that are made with `[connectors.NAME]` of sayso.toml.
    """

    connectors: Sequence[Connector] = ()
    factories: Mapping[str, Factory] = field(default_factory=dict[str, Factory])


def load_actions_files(workspace: Workspace) -> ActionsFile:
    """What the workspace's own Python files bring, such as `actions/loyalty.py`.

    Raises:
        ConfigError: `invalid_action`, for the first that is wrong, and for two of one name.
    """
    connectors: list[Connector] = []
    factories: dict[str, Factory] = {}
    for pattern in workspace.settings.actions:
        for path in sorted(workspace.folder.glob(pattern)):
            found = load_actions_file(path)
            connectors += found.connectors
            for name, factory in found.factories.items():
                if name in factories:
                    raise _invalid(path, f"brings a second `{name}`", "rename one of the two")
                factories[name] = factory
    return ActionsFile(connectors=connectors, factories=factories)


def load_actions_file(path: Path) -> ActionsFile:
    """What one Python file of a workspace brings.

    Its `CONNECTORS` is a list of connectors, or a table of factories by name:
    `CONNECTORS = {"loyalty": connect}` with `def connect(setup: Setup) -> Connector`.

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
        problem = f"cannot be loaded: {type(error).__name__}: {error}"
        raise _invalid(path, problem, f"correct {path}") from error
    listed: object = getattr(module, "CONNECTORS", None)
    if isinstance(listed, Mapping) and listed:
        factories = cast("Mapping[str, object]", listed)
        for name, factory in factories.items():
            if not callable(factory):
                raise _invalid(path, f"has no factory for `{name}`", "give a function of Setup")
        return ActionsFile(factories=cast("Mapping[str, Factory]", factories))
    if not isinstance(listed, list | tuple) or not listed:
        step = "end the file with CONNECTORS = [YourConnector()]"
        raise _invalid(path, "lists no connector", step)
    return ActionsFile(connectors=list(cast("Sequence[Connector]", listed)))


def _invalid(path: Path, problem: str, step: str) -> ConfigError:
    return ConfigError(Code.INVALID_ACTION, f"`{path.name}` {problem}", next_step=step)
