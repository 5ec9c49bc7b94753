"""Which databases a workspace has."""

from __future__ import annotations

from sayso.sdk.workspace import Workspace
from sayso.settings.store import HOME_DATABASE


def database_names(workspace: Workspace) -> list[str]:
    """The names of all, the one of `[store] url` first."""
    return [HOME_DATABASE, *sorted(workspace.settings.store.databases)]
