"""Connections of a workspace, from sayso.toml to the provider."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import subprocess
import sys
import traceback
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.identity_provider import CLIENT_ID, CLIENT_SECRET, FakeIdp
from support.mail_server import MailCatcher

from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.define import OwnConnector
from sayso.connectors.oauth.tokens import OAuthToken
from sayso.connectors.vault import new_key
from sayso.errors import Code, ConfigError, IntegrityError, RefusedError, SaysoError
from sayso.sandbox import API_KEY, Sandbox
from sayso.sdk.client import Sayso
from sayso.sdk.resources.connections import Connections
from sayso.sdk.setup.check import check_workspace
from sayso.sdk.workspace import Workspace, write_secret_file
from sayso.secret import Secret
from sayso.settings import FILE_NAME
from sayso.store.sqlite.schema import migrate
from sayso.store.sqlite.store import open_connection
from sayso.telemetry import Telemetry
from sayso.testing.clock import FakeClock

ENVIRONMENT: Mapping[str, str] = {"STRIPE_KEY": API_KEY, "MAIL_SECRET": CLIENT_SECRET}
NOWHERE = "http://127.0.0.1:9"
LETTER = {"title": "Your mug", "body": "We are sorry."}
POLICY = """
@id("mail") @explain("letters go out by themselves")
permit (principal, action == Action::"email.send", resource);
"""
_TOML = """
[workspace]
name = "test"

[policy]
files = ["policy.cedar"]

[connectors.stripe]
api_key = "env:STRIPE_KEY"
base_url = "{stripe}"

[connectors.email]
from = "support@shop.example"
transport = "smtp"
host = "127.0.0.1"
port = {port}
security = "none"
user = "bot"
token = "mail"

[connections.mail]
grant = "{grant}"
token_endpoint = "{endpoint}"
client_id = "{client}"
client_secret = "env:MAIL_SECRET"
scopes = ["mail.send"]
"""


def make_workspace(
    folder: Path,
    *,
    idp: FakeIdp,
    grant: str = "client_credentials",
    stripe: str = NOWHERE,
    port: int = 25,
) -> Workspace:
    """A workspace that writes by SMTP with a token of the broker."""
    folder.mkdir(exist_ok=True)
    write_secret_file(folder / "keys" / "log.key", Ed25519Signer.generate("test").to_text())
    write_secret_file(folder / "keys" / "vault.key", new_key(secrets.token_bytes).reveal())
    (folder / "policy.cedar").write_text(POLICY)
    endpoint = idp.token_endpoint
    (folder / FILE_NAME).write_text(
        _TOML.format(grant=grant, endpoint=endpoint, client=CLIENT_ID, stripe=stripe, port=port)
    )
    workspace = load(folder)
    with closing(open_connection(workspace.store_path, create=True)) as connection:
        migrate(connection)
    return workspace


def load(folder: Path, **changes: str) -> Workspace:
    """Read the workspace again, with other words in its sayso.toml."""
    path = folder / FILE_NAME
    text = path.read_text()
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)
    return Workspace.load(folder, ENVIRONMENT)


def connections_of(sayso: Sayso) -> Connections:
    found = sayso.container.connections
    assert found is not None
    return found


def granted(idp: FakeIdp, clock: FakeClock) -> OAuthToken:
    """What a person's consent gives."""
    grant = idp.grant()
    return OAuthToken(
        access=Secret(grant.access),
        refresh=Secret(grant.refresh),
        issued_at=clock.now(),
        lifetime_s=idp.lifetime_s,
    )


async def bearer_of(workspace: Workspace, clock: FakeClock | None = None) -> str:
    """What a process that opens the workspace is given."""
    async with Sayso(workspace, mode="decide", clock=clock or FakeClock()) as sayso:
        return (await connections_of(sayso).bearer("mail")).reveal()


# ---- letters ---------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Post:
    """Everything between an action and a letter."""

    idp: FakeIdp
    mail: MailCatcher
    workspace: Workspace
    clock: FakeClock


@asynccontextmanager
async def open_post(folder: Path, *, mark: str = "", takes: str = "at-1") -> AsyncGenerator[Post]:
    """A provider of tokens, a mail server that takes one of them, and the customers' addresses."""
    with Sandbox.start(seed="demo") as sandbox:
        async with (
            FakeIdp.start(lifetime_s=3600) as idp,
            MailCatcher.start(bearers={"bot": takes}) as mail,
        ):
            idp.mark = mark
            workspace = make_workspace(folder, idp=idp, stripe=sandbox.url, port=mail.port)
            yield Post(idp=idp, mail=mail, workspace=workspace, clock=FakeClock())


async def send(post: Post, telemetry: Telemetry | None = None, *, letters: int = 1) -> list[str]:
    """Propose letters in one process; how each of them ended."""
    sayso = Sayso(post.workspace, mode="decide", clock=post.clock, telemetry=telemetry)
    async with sayso:
        views = [
            await sayso.propose("email.send", LETTER, subject="cus_demo_ana")
            for _ in range(letters)
        ]
    return [view.status for view in views]


async def test_a_letter_leaves_with_a_token_of_the_broker(tmp_path: Path) -> None:
    """Proposed, allowed, sent: XOAUTH2 with a token that client credentials fetched, once."""
    async with open_post(tmp_path) as post:
        assert await send(post, letters=2) == ["succeeded", "succeeded"]
        assert await send(post) == ["succeeded"], "another process uses the same token"
        assert post.mail.logins == ["bot"] * 3
        assert [one.recipients for one in post.mail.messages] == [("ana@example.com",)] * 3
        assert post.idp.calls == 1


async def test_a_row_that_was_tampered_with_sends_nothing_and_says_so(tmp_path: Path) -> None:
    """The engine hears a refusal, not an unknown outcome, since no letter can have left."""
    async with open_post(tmp_path) as post:
        await send(post)
        with closing(open_connection(post.workspace.store_path, create=False)) as connection:
            connection.execute("update connection_token set sealed = zeroblob(80)")
        assert await send(post) == ["failed"]
        assert len(post.mail.messages) == 1
        async with Sayso(post.workspace, mode="decide", clock=post.clock) as sayso:
            with pytest.raises(IntegrityError) as caught:
                await connections_of(sayso).bearer("mail")
        assert caught.value.code is Code.TAMPERED


@pytest.mark.promise("secrets:logs")
async def test_no_token_is_written_anywhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """At DEBUG, no log, span, database, audit entry or error shows one."""
    caplog.set_level(logging.DEBUG)
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    told: list[str] = []
    async with open_post(tmp_path, mark="sparrow-", takes="at-sparrow-1") as post:
        assert await send(post, Telemetry(provider)) == ["succeeded"]
        post.clock.advance(hours=2)  # the next token is one that the mail server does not take
        told += await send(post, Telemetry(provider))
        assert told == ["failed"]
        assert post.idp.calls == 2
        await _provoke_errors(post, told)
    told += [caplog.text, *(repr(vars(record)) for record in caplog.records)]
    told += [span.to_json() for span in exporter.get_finished_spans()]
    assert "sayso.call" in "".join(told), "nothing was recorded, so this proves nothing"
    for canary in ("sparrow", CLIENT_SECRET):
        assert [text for text in told if canary in text] == []
    files = [path for path in tmp_path.glob("sayso.db*") if b"sparrow" in path.read_bytes()]
    assert files == []


async def _provoke_errors(post: Post, told: list[str]) -> None:
    """A grant that the provider takes back, and a row of another form; errors with their causes."""
    workspace = load(post.workspace.folder, client_credentials="refresh_token")
    for bend in (False, True):
        async with Sayso(workspace, mode="decide", clock=post.clock) as sayso:
            connections, token = connections_of(sayso), granted(post.idp, post.clock)
            await connections.authorise("mail", token)
            assert token.refresh is not None
            post.idp.revoke(token.refresh.reveal())
            post.clock.advance(hours=2)
            if bend:
                with closing(open_connection(workspace.store_path, create=False)) as connection:
                    connection.execute("update connection_token set sealed = substr(sealed, 2)")
            for ask in (connections.bearer, connections.bearer_for_call):
                with pytest.raises(SaysoError) as caught:
                    await ask("mail")
                told.append("".join(traceback.format_exception(caught.value)))
                told.append(f"{caught.value!r} {caught.value.detail}")


# ---- grants of a person ----------------------------------------------------------------------


async def test_a_grant_waits_for_a_person_and_outlives_the_process(tmp_path: Path) -> None:
    """`needs_reauth` until somebody has authorised; then every process uses and refreshes it."""
    clock = FakeClock()
    async with FakeIdp.start() as idp:
        workspace = make_workspace(tmp_path, idp=idp, grant="refresh_token")
        async with Sayso(workspace, mode="decide", clock=clock) as sayso:
            with pytest.raises(RefusedError) as caught:
                await connections_of(sayso).bearer("mail")
            assert caught.value.code is Code.NEEDS_REAUTH
            token = granted(idp, clock)
            await connections_of(sayso).authorise("mail", token)
        assert await bearer_of(workspace, clock) == token.access.reveal()
        assert idp.calls == 0
        clock.advance(hours=2)
        assert await bearer_of(workspace, clock) == await bearer_of(workspace, clock)
        assert (idp.calls, idp.revocations) == (1, 0)


@pytest.mark.parametrize("change", ["/token", "mail.send", CLIENT_ID])
async def test_a_grant_is_never_sent_to_another_address(tmp_path: Path, change: str) -> None:
    """Endpoint, scopes and client are part of what was authorised; changed back, it still works."""
    clock = FakeClock()
    async with FakeIdp.start() as idp:
        workspace = make_workspace(tmp_path, idp=idp, grant="refresh_token")
        async with Sayso(workspace, mode="decide", clock=clock) as sayso:
            await connections_of(sayso).authorise("mail", granted(idp, clock))
        clock.advance(hours=2)
        changed = load(tmp_path, **{change: f"{change}-other"})
        with pytest.raises(RefusedError) as caught:
            await bearer_of(changed, clock)
        assert caught.value.code is Code.NEEDS_REAUTH
        assert idp.calls == 0
        await bearer_of(load(tmp_path, **{f"{change}-other": change}), clock)
        assert (idp.calls, idp.revocations) == (1, 0)


async def test_closing_waits_for_a_refresh_that_has_begun(tmp_path: Path) -> None:
    """Shut down while the provider rotates: the new token is written before the database closes."""
    clock = FakeClock()
    async with FakeIdp.start() as idp:
        workspace = make_workspace(tmp_path, idp=idp, grant="refresh_token")
        async with Sayso(workspace, mode="decide", clock=clock) as sayso:
            await connections_of(sayso).authorise("mail", granted(idp, clock))
            clock.advance(hours=2)
            idp.hold()
            asking = asyncio.create_task(connections_of(sayso).bearer("mail"))
            await idp.wait_until_held()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            asyncio.get_running_loop().call_soon(idp.release)
        await bearer_of(workspace, clock)
        assert (idp.calls, idp.revocations) == (1, 0)


class Stuck(OwnConnector):
    """A connector that cannot let go of its things."""

    name = "stuck"

    async def close(self) -> None:
        """Break."""
        raise ValueError("it is open no more")


async def test_closing_goes_on_when_a_connector_breaks(tmp_path: Path) -> None:
    """The rotated token is written and the database closed, and then it is told what broke."""
    clock = FakeClock()
    async with FakeIdp.start() as idp:
        workspace = make_workspace(tmp_path, idp=idp, grant="refresh_token")
        sayso = Sayso(workspace, mode="decide", clock=clock, connectors=[Stuck()])
        await sayso.__aenter__()
        store = sayso.container.store
        await connections_of(sayso).authorise("mail", granted(idp, clock))
        clock.advance(hours=2)
        idp.hold()
        asking = asyncio.create_task(connections_of(sayso).bearer("mail"))
        await idp.wait_until_held()
        asking.cancel()
        asyncio.get_running_loop().call_soon(idp.release)
        with pytest.raises(ValueError, match="open no more"):
            await sayso.__aexit__()
        with pytest.raises(ConfigError, match="closed"):
            await store.read(lambda reader: None)
        with pytest.raises(ConfigError, match="not open"):
            _ = sayso.container
        await bearer_of(workspace, clock)
        assert (idp.calls, idp.revocations) == (1, 0)


# ---- the vault -------------------------------------------------------------------------------


@pytest.mark.promise("vault:rotation")
async def test_the_vaults_key_can_be_changed_and_the_old_one_taken_away(tmp_path: Path) -> None:
    """With the old key under `older_keys` every row is sealed anew at the first token."""
    async with FakeIdp.start() as idp:
        workspace = make_workspace(tmp_path, idp=idp)
        first = await bearer_of(workspace)
        write_secret_file(tmp_path / "keys" / "new.key", new_key(secrets.token_bytes).reveal())
        vault = '[vault]\nkey = "file:keys/new.key"\nolder_keys = ["file:keys/vault.key"]\n'
        with_both = load(tmp_path, **{"[policy]": f"{vault}\n[policy]"})
        assert await bearer_of(with_both) == first
        with_new = load(tmp_path, **{'older_keys = ["file:keys/vault.key"]': ""})
        assert await bearer_of(with_new) == first
        with pytest.raises(ConfigError) as caught:
            await bearer_of(load(tmp_path, **{"file:keys/new.key": "file:keys/vault.key"}))
        assert caught.value.code is Code.KEY_MISMATCH
        assert idp.calls == 1


async def test_a_connection_without_the_vaults_key_does_not_open(tmp_path: Path) -> None:
    """`missing_secret`, and how to make the key."""
    async with FakeIdp.start() as idp:
        workspace = make_workspace(tmp_path, idp=idp)
        (tmp_path / "keys" / "vault.key").unlink()
        with pytest.raises(ConfigError) as caught:
            await bearer_of(workspace)
        assert caught.value.code is Code.MISSING_SECRET
        assert "openssl rand -base64 32" in caught.value.next_step
        assert "keys/vault.key" in caught.value.next_step


# ---- settings --------------------------------------------------------------------------------


async def test_an_unknown_connection_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    """When the workspace is read, and when code asks; a connector hears it as a refusal."""
    async with FakeIdp.start() as idp:
        workspace = make_workspace(tmp_path, idp=idp)
        async with Sayso(workspace, mode="decide", clock=FakeClock()) as sayso:
            with pytest.raises(ConfigError, match="did you mean `mail`") as caught:
                await connections_of(sayso).bearer("mial")
            assert caught.value.code is Code.INVALID_SETTING
            with pytest.raises(RefusedError, match="did you mean `mail`"):
                await connections_of(sayso).bearer_for_call("mial")
        with pytest.raises(ConfigError, match=re.escape("`mial`; did you mean `mail`")):
            load(tmp_path, **{'token = "mail"': 'token = "mial"'})
        with pytest.raises(ConfigError) as caught:
            load(tmp_path, **{'token = "mial"': 'token = "ya29.A0Pasted"'})
        assert "ya29" not in f"{caught.value} {caught.value.detail}"


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ('grant = "client_credentials"', 'grant = "password"', "connections.mail.grant"),
        ('client_secret = "env:MAIL_SECRET"', "", "`client_secret`"),
        ("env:MAIL_SECRET", "hunter2", "connections.mail.client_secret"),
        ("mail.send", "mail send", "connections.mail.scopes"),
        ("scopes =", "scope =", "did you mean `scopes`"),
        ("[connections.mail]", "[connections.Mail]", "connections.Mail"),
    ],
)
async def test_a_wrong_connection_is_named(
    tmp_path: Path, before: str, after: str, named: str
) -> None:
    """`invalid_setting` with the setting's name, and never with a pasted secret."""
    async with FakeIdp.start() as idp:
        make_workspace(tmp_path, idp=idp)
        with pytest.raises(ConfigError, match=re.escape(named)) as caught:
            load(tmp_path, **{before: after})
        assert caught.value.code is Code.INVALID_SETTING
        assert "hunter2" not in str(caught.value)


async def test_an_endpoint_in_clear_is_refused(tmp_path: Path) -> None:
    """A client secret does not leave this machine without TLS."""
    async with FakeIdp.start() as idp:
        make_workspace(tmp_path, idp=idp)
        with pytest.raises(ConfigError, match="token_endpoint"):
            load(tmp_path, **{idp.url: "http://idp.example"})


async def test_check_names_everything_that_is_wrong_with_a_connection(tmp_path: Path) -> None:
    """Its secret, the vault's key, a grant that nobody gave, a row that another key sealed."""
    async with FakeIdp.start() as idp:
        workspace = make_workspace(tmp_path, idp=idp)
        assert await problems(tmp_path, ENVIRONMENT) == {}
        await bearer_of(workspace)
        calls = idp.calls
        assert await problems(tmp_path, {}) == {
            "[connections.mail]": Code.MISSING_SECRET,
            "[connectors.stripe]": Code.MISSING_SECRET,
        }
        (tmp_path / "keys" / "vault.key").rename(tmp_path / "keys" / "old.key")
        assert await problems(tmp_path, ENVIRONMENT) == {"[vault]": Code.MISSING_SECRET}
        write_secret_file(tmp_path / "keys" / "vault.key", new_key(secrets.token_bytes).reveal())
        assert await problems(tmp_path, ENVIRONMENT) == {"[connections.mail]": Code.KEY_MISMATCH}
        load(tmp_path, client_credentials="refresh_token")
        assert await problems(tmp_path, ENVIRONMENT) == {"[connections.mail]": Code.NEEDS_REAUTH}
        assert idp.calls == calls, "checking asks no provider"


async def problems(folder: Path, environment: Mapping[str, str]) -> dict[str, Code]:
    """What `sayso check` finds, by place; nobody holds a role here, which is a warning only."""
    _, found = await check_workspace(folder, environment)
    return {problem.place: problem.code for problem in found if not problem.warning}


async def test_opening_a_workspace_does_not_load_authlib(tmp_path: Path) -> None:
    """A connection costs its import with the first token, not before."""
    async with FakeIdp.start() as idp:
        make_workspace(tmp_path, idp=idp)
    code = (
        "import asyncio, sys\n"
        "from sayso.sdk.client import Sayso\n"
        "async def main():\n"
        f"    async with Sayso.open({str(tmp_path)!r}, environment={dict(ENVIRONMENT)!r}):\n"
        "        print('authlib' in sys.modules)\n"
        "asyncio.run(main())\n"
    )
    ran = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "False"
