"""`sayso connect`: a person is led to the provider and back, and the account is named."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_bytes
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from support.database import make_database
from support.identity_provider import CLIENT_ID, CLIENT_SECRET, FakeIdp

from sayso.connectors.vault import new_key
from sayso.errors import Code, ConfigError, RefusedError, RetryableError
from sayso.ids import SystemClock
from sayso.sandbox import Sandbox
from sayso.sdk.connectors.connect import (
    TerminalPerson,
    connect_account,
    connection_health,
    connection_of,
)
from sayso.sdk.workspace import Workspace, write_secret_file


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@dataclass
class Site:
    """A workspace with a connection, and the provider behind it."""

    workspace: Workspace
    idp: FakeIdp
    shown: list[str] = field(default_factory=list[str])
    visits: list[int] = field(default_factory=list[int])

    async def connect(self, *answers: dict[str, str], wait_s: float = 20.0) -> object:
        """Connect, with a browser that brings these answers back; `state` is ours unless said."""
        tasks: list[asyncio.Task[None]] = []

        def show(url: str) -> None:
            self.shown.append(url)
            tasks.append(asyncio.create_task(self._visit(url, answers)))

        async def paste() -> str:
            raise AssertionError("it is led back to this machine")

        found = await connect_account(
            self.workspace,
            SystemClock(),
            "mail",
            TerminalPerson(show=show, paste=paste),
            wait_s=wait_s,
        )
        await asyncio.gather(*tasks)
        return found

    async def _visit(self, url: str, answers: tuple[dict[str, str], ...]) -> None:
        asked = parse_qs(urlsplit(url).query)
        async with httpx.AsyncClient(trust_env=False) as browser:
            for answer in answers:
                whole = {"state": asked["state"][0], **answer}
                back = f"{asked['redirect_uri'][0]}?{urlencode(whole)}"
                self.visits.append((await browser.get(back)).status_code)


@asynccontextmanager
async def open_site(folder: Path) -> AsyncGenerator[Site]:
    """A workspace whose mail is authorised by a person."""
    async with FakeIdp.start(lifetime_s=3600) as idp:
        (folder / "sayso.toml").write_text(
            f"""
[workspace]
name = "test"
[connections.mail]
grant = "refresh_token"
token_endpoint = "{idp.token_endpoint}"
authorization_endpoint = "{idp.url}/authorize"
redirect_uri = "http://127.0.0.1:{free_port()}/callback"
client_id = "{CLIENT_ID}"
client_secret = "env:MAIL_SECRET"
scopes = ["send"]
"""
        )
        write_secret_file(folder / "keys" / "vault.key", new_key(token_bytes).reveal())
        make_database(folder / "sayso.db")
        yield Site(workspace=Workspace.load(folder, {"MAIL_SECRET": CLIENT_SECRET}), idp=idp)


@pytest.mark.promise("connect:person")
async def test_a_person_agrees_and_the_token_is_kept(tmp_path: Path) -> None:
    """Code and PKCE; an answer with another state is none, and the real one still counts."""
    async with open_site(tmp_path) as site:
        problem = await connection_health(site.workspace, "mail")
        assert problem is not None
        assert problem.code is Code.NEEDS_REAUTH
        assert problem.next_step == "run `sayso connect mail`"
        await site.connect({"code": "stolen", "state": "of somebody else"}, {"code": "c1"})
        assert site.visits == [400, 200]
        asked = parse_qs(urlsplit(site.shown[0]).query)
        assert asked["code_challenge_method"] == ["S256"]
        assert asked["scope"] == ["send"]
        assert await connection_health(site.workspace, "mail") is None
        assert site.idp.calls == 1


async def test_a_no_of_the_person_is_told(tmp_path: Path) -> None:
    """And nothing is kept."""
    async with open_site(tmp_path) as site:
        with pytest.raises(RefusedError, match="access_denied") as refused:
            await site.connect({"error": "access_denied"})
        assert refused.value.code is Code.FORBIDDEN
        assert await connection_health(site.workspace, "mail") is not None
        assert site.idp.calls == 0


async def test_nobody_comes_back(tmp_path: Path) -> None:
    """It ends by itself; and a page that is not ours ends nothing."""
    async with open_site(tmp_path) as site:
        with pytest.raises(RetryableError, match="nobody came back"):
            await site.connect({"other": "page"}, wait_s=1.0)
        assert site.visits == [400]


def test_what_is_missing_in_the_settings_is_written_out(tmp_path: Path) -> None:
    """A connector by OAuth without its connection: the lines to add, with the least scopes."""
    (tmp_path / "sayso.toml").write_text('[workspace]\nname = "test"\n[connectors.paypal]\n')
    workspace = Workspace.load(tmp_path, {})
    with pytest.raises(ConfigError) as missing:
        connection_of(workspace, "paypal")
    assert 'grant = "client_credentials"' in missing.value.next_step
    assert "[connections.paypal]" in missing.value.next_step
    with pytest.raises(ConfigError, match="no connector and no connection `nothing`"):
        connection_of(workspace, "nothing")


@pytest.mark.promise("connect:account")
async def test_a_connector_with_a_key_says_whose_account_it_is(tmp_path: Path) -> None:
    """Stripe's sandbox by its key; a wrong one is refused with what to do."""
    with Sandbox.start(seed="demo") as sandbox:
        (tmp_path / "sayso.toml").write_text(
            '[workspace]\nname = "test"\n[connectors.stripe]\napi_key = "env:KEY"\n'
            f'base_url = "{sandbox.url}"\n'
        )
        make_database(tmp_path / "sayso.db")

        async def paste() -> str:
            raise AssertionError("nobody is asked")

        def show(_url: str) -> None:
            raise AssertionError("nobody is asked")

        person = TerminalPerson(show=show, paste=paste)
        workspace = Workspace.load(tmp_path, {"KEY": sandbox.api_key})
        found = await connect_account(workspace, SystemClock(), "stripe", person)
        assert found.account is not None
        assert found.account.id.startswith("acct_")
        workspace = Workspace.load(tmp_path, {"KEY": "rk_test_wrong_key"})
        with pytest.raises(RefusedError) as refused:
            await connect_account(workspace, SystemClock(), "stripe", person)
        assert refused.value.code is Code.NEEDS_REAUTH
