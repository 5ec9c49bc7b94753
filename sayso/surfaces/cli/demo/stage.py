"""Where the demo plays: a workspace of its own, and a provider in this process."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sayso.sdk.app import Sayso
from sayso.sdk.scaffold import TOKEN_FILE, create_workspace, template
from sayso.sdk.workspace import Workspace
from sayso.settings import FILE_NAME
from sayso.surfaces.cli.outside import Outside, Provider

PERSON = "you"
"""Who decides in the demo. They hold both roles and are still one person of the two."""

_API_KEY = 'api_key = "env:STRIPE_API_KEY"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """An open workspace with its provider.

    Attributes:
        token: of the person who decides.
    """

    sayso: Sayso
    provider: Provider
    folder: Path
    token: str


@asynccontextmanager
async def open_stage(
    outside: Outside, *, keep: Path | None, settings: str = ""
) -> AsyncGenerator[Stage]:
    """Start the sandbox, make a workspace for it, and open that.

    Args:
        keep: where the workspace stays afterwards; None takes a temporary folder.
        settings: further text for sayso.toml.

    Raises:
        ConfigError: `workspace_exists`, `invalid_setting`.
    """
    with tempfile.TemporaryDirectory(prefix="sayso-demo-") as temporary:
        folder = Path(temporary) / "demo" if keep is None else keep
        provider = outside.start_sandbox(0, "demo")
        try:
            text = template(FILE_NAME).replace(_API_KEY, f'{_API_KEY}\nbase_url = "{provider.url}"')
            await create_workspace(folder, approver=PERSON, settings=text + settings)
            workspace = Workspace.load(folder, {"STRIPE_API_KEY": provider.api_key})
            token = (folder / TOKEN_FILE).read_text(encoding="utf-8").strip()
            async with Sayso(workspace, work=False) as sayso:
                yield Stage(sayso=sayso, provider=provider, folder=folder, token=token)
        finally:
            provider.stop()
