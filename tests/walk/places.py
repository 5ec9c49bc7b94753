"""Where a walk begins: a workspace as `sayso init` writes it, made once in a process and copied."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.postgres import fresh_database
from support.postgres_server import PostgresServer
from walk.clocks import standing
from walk.variants import PEOPLE, SLACK, WRITTEN_TO, Variant

from sayso.audit.entry import Actor, ActorKind
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.ids import Tenant
from sayso.sandbox import API_KEY
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import MAX_DAYS, Scope, Tokens
from sayso.sdk.setup.scaffold import create_workspace
from sayso.sdk.setup.scaffold_tables import BY_DEFAULT, read_connectors, settings_of
from sayso.sdk.workspace import Workspace, write_secret_file
from sayso.settings import FILE_NAME
from sayso.testing.clock import FakeClock
from sayso.testing.slack import CHANNEL, SIGNING_SECRET, TOKEN

NOWHERE = "http://127.0.0.1:9"
NO_SLACK = "http://127.0.0.1:8/api/"
ENVIRONMENT = {"STRIPE_API_KEY": API_KEY}
HOST = Actor(kind=ActorKind.SERVICE, id="walk")
ALL_OF_A_PERSON = frozenset(Scope) - {Scope.ENTER}
BOT = frozenset({Scope.PROPOSE, Scope.READ, Scope.AUDIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A workspace to be copied.

    Attributes:
        secrets: tokens by holder, `bot` and each person; those of other tenants as `acme/maria`.
        database: the URL of the PostgreSQL database to copy; empty on SQLite.
    """

    folder: Path
    secrets: dict[str, str]
    database: str


@dataclass(kw_only=True)
class Places:
    """Makes workspaces in a scratch folder.

    Args:
        server: where the rows are; None for a file in the workspace.
    """

    scratch: Path
    server: PostgresServer | None = None
    _made: dict[str, Begun] = field(default_factory=dict[str, Begun])
    _kept: ExitStack = field(default_factory=ExitStack)
    _number: int = 0

    async def begun(self, variant: Variant) -> Begun:
        """The workspace that walks of a variant begin with."""
        if variant.name not in self._made:
            self._made[variant.name] = await self._make(variant)
        return self._made[variant.name]

    def close(self) -> None:
        """Drop the databases."""
        self._kept.close()

    @asynccontextmanager
    async def copy(
        self, variant: Variant, urls: Mapping[str, str]
    ) -> AsyncGenerator[tuple[Path, Begun]]:
        """A workspace of its own, gone with the block.

        Args:
            urls: what stands in the place of an address of nobody.
        """
        begun = await self.begun(variant)
        self._number += 1
        folder = Path(tempfile.mkdtemp(dir=self.scratch, prefix="walk-")) / "shop"
        shutil.copytree(begun.folder, folder)
        settings = folder / FILE_NAME
        text = settings.read_text("utf-8")
        for nobody, url in urls.items():
            text = text.replace(nobody, url)
        with ExitStack() as stack:
            if self.server is not None:
                copied = fresh_database(self.server, template=begun.database)
                url = await asyncio.to_thread(stack.enter_context, copied)
                text = text.replace(begun.database, url)
            settings.write_text(text, "utf-8")
            try:
                yield folder, begun
            finally:
                shutil.rmtree(folder.parent, ignore_errors=True)

    async def _make(self, variant: Variant) -> Begun:
        folder = Path(tempfile.mkdtemp(dir=self.scratch, prefix=f"begun-{variant.name}-")) / "shop"
        clock = FakeClock()
        with standing(clock):
            await create_workspace(folder, approver="maria", settings=_settings(variant))
            _add_files(folder, variant)
            database = ""
            if self.server is not None:
                database = self._kept.enter_context(fresh_database(self.server))
                _replace(folder, 'url = "sqlite:///sayso.db"', f'url = "{database}"')
            secrets = await _fill(folder, variant)
        if self.server is None:
            (folder / "sayso.db-shm").unlink(missing_ok=True)
        return Begun(folder=folder, secrets=secrets, database=database)


_PUBLIC = 'url = "https://help.shop.example"\n'
"""So that the mail with a code has a link, too."""


def _settings(variant: Variant) -> str:
    text = settings_of(read_connectors(BY_DEFAULT))
    key = 'api_key = "env:STRIPE_API_KEY"'
    text = text.replace(key, f'{key}\nbase_url = "{NOWHERE}"')
    text = text.replace("[customers]\n", f"[customers]\n{_PUBLIC}")
    for was, now in variant.replace.items():
        assert was in text, was
        text = text.replace(was, now, 1)
    people = [
        f'[[people]]\nid = "{name}"\nroles = [{", ".join(f"{role!r}" for role in roles)}]\n'
        + (f'slack = "T1/{SLACK[name]}"\n' if variant.has_slack and name in SLACK else "")
        + (f'email = "{name}@shop.example"\n' if name == WRITTEN_TO else "")
        for name, roles in PEOPLE.items()
        if name != "maria"
    ]
    if variant.has_slack:
        text = text.replace('# slack = "T0123/U0456"', f'slack = "T1/{SLACK["maria"]}"')
    head, mark, tail = text.partition("# Playbooks plan without a model.")
    if variant.has_slack:
        tail += (
            f'\n[slack]\nbot_token = "file:keys/slack.token"\napi_url = "{NO_SLACK}"\n'
            f'signing_secret = "file:keys/slack.secret"\nchannel = "{CHANNEL}"\n'
        )
    return f"{head}{''.join(people)}\n{mark}{tail}\n{variant.settings}"


def _add_files(folder: Path, variant: Variant) -> None:
    """What stands in the folder beside what `init` wrote; the policy follows as a draft."""
    write_secret_file(folder / "keys" / "slack.token", TOKEN)
    write_secret_file(folder / "keys" / "slack.secret", SIGNING_SECRET)
    if variant.top:
        _replace(folder, "[workspace]", f"{variant.top}\n[workspace]")
    for name, text in variant.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _replace(folder: Path, was: str, now: str) -> None:
    path = folder / FILE_NAME
    text = path.read_text("utf-8")
    assert was in text, was
    path.write_text(text.replace(was, now, 1), "utf-8")


async def _fill(folder: Path, variant: Variant) -> dict[str, str]:
    """Put the variant's policy in force, and make everybody's tokens."""
    name = Workspace.load(folder, ENVIRONMENT).settings.workspace.name
    write_secret_file(folder / "keys" / "next.key", Ed25519Signer.generate(name).to_text() + "\n")
    key = 'key = "file:keys/log.key"'
    _replace(folder, key, f'next_key = "file:keys/next.key"\n{key}')
    workspace = Workspace.load(folder, ENVIRONMENT)
    secrets: dict[str, str] = {}
    async with Sayso(workspace, mode="decide") as sayso:
        await sayso.policy.begin(by=HOST, via="init")
        for tenant in (sayso.tenant, *map(Tenant, variant.tenants)):
            named = "" if tenant == sayso.tenant else f"{tenant}/"
            secrets |= await _tokens(sayso.tokens, tenant, named)
        in_force = await sayso.policy.in_force()
        draft = await sayso.policy.draft()
        if in_force is None or in_force.version.sha256 != draft.sha256:
            done = await sayso.policy.activate(token=secrets["maria"], note=variant.name)
            if done.waits is not None:
                await sayso.policy.confirm(
                    done.waits.id, sha256=done.waits.sha256, token=secrets["olga"]
                )
    return secrets


async def _tokens(tokens: Tokens, tenant: Tenant, named: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for person in PEOPLE:
        _, found[f"{named}{person}"] = await tokens.create(
            tenant, "person", person, ALL_OF_A_PERSON, days=MAX_DAYS, by=HOST
        )
    for bot in ("bot", "otherbot"):
        _, found[f"{named}{bot}"] = await tokens.create(
            tenant, "service", bot, BOT, days=MAX_DAYS, by=HOST
        )
    return found
