"""Where the demo plays: a workspace of its own, and a provider in this process."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sayso.sandbox import Sandbox
from sayso.sdk.client import Sayso
from sayso.sdk.setup.scaffold import TOKEN_FILE, create_workspace
from sayso.sdk.setup.scaffold_tables import BY_DEFAULT, read_connectors, settings_of
from sayso.sdk.workspace import Workspace

if TYPE_CHECKING:
    from sayso.surfaces.cli.demo.slack import SlackStage

PERSON = "you"
"""Who decides in the demo. They hold both roles and are still one person of the two."""

_SLACK_ACCOUNT = '# slack = "T0123/U0456"'
_API_KEY = 'api_key = "env:STRIPE_API_KEY"'


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStage:
    """An open workspace with its provider.

    Attributes:
        token: of the person who decides.
    """

    sayso: Sayso
    provider: Sandbox
    folder: Path
    token: str


@asynccontextmanager
async def open_stage(
    *,
    keep: Path | None,
    slack: SlackStage | None = None,
    work: bool = False,
    mail: str = "",
    environment: Mapping[str, str] | None = None,
) -> AsyncGenerator[DemoStage]:
    """Start the sandbox, make a workspace for it, and open that.

    Args:
        keep: where the workspace stays afterwards; None takes a temporary folder.
        slack: a Slack in which the person has an account.
        work: carry out what is due while it is open.
        mail: tables in place of the one of `[connectors.email]`. environment: what they refer to.

    Raises:
        ConfigError: `workspace_exists`, `invalid_setting`.
    """
    with tempfile.TemporaryDirectory(prefix="sayso-demo-") as temporary:
        folder = Path(temporary) / "demo" if keep is None else keep
        provider = Sandbox.start(seed="demo")
        try:
            text = _with_mail(_settings(provider.url, slack), mail)
            await create_workspace(folder, approver=PERSON, settings=text)
            secrets = dict(environment or {}) | {"STRIPE_API_KEY": provider.api_key}
            if slack is not None:
                secrets |= slack.environment
            workspace = Workspace.load(folder, secrets)
            token = (folder / TOKEN_FILE).read_text(encoding="utf-8").strip()
            async with Sayso(workspace, mode="run" if work else "decide") as sayso:
                yield DemoStage(sayso=sayso, provider=provider, folder=folder, token=token)
        finally:
            provider.stop()


def _settings(url: str, slack: SlackStage | None) -> str:
    """The sayso.toml of `init`, pointed at the sandbox and, where there is one, at the Slack."""
    made = settings_of(read_connectors(BY_DEFAULT))
    text = made.replace(_API_KEY, f'{_API_KEY}\nbase_url = "{url}"')
    if slack is None:
        return text
    return text.replace(_SLACK_ACCOUNT, f'slack = "{slack.account}"') + slack.settings


def _with_mail(text: str, tables: str) -> str:
    """The settings with other tables of the connector for e-mail."""
    if not tables:
        return text
    before, _, after = text.partition("[connectors.email]")
    return f"{before}{tables}[customers]{after.partition('[customers]')[2]}"
