"""`sayso connect`: a person authorises an account, and its connector says whose it is.

The code grant with PKCE: the person's browser is led back to this machine, or to the app's own
address, which they copy here. Only what carries our state is taken.
"""

from __future__ import annotations

import asyncio
import html
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from sayso.connectors.manifest.review import find_source
from sayso.connectors.manifest.schema import ClientCredentialsAuth, OAuthAuth
from sayso.connectors.manifest.template import fill_path
from sayso.connectors.oauth.client import Authorization
from sayso.connectors.oauth.connection import Connection
from sayso.connectors.setup import AccountBook, AccountSeen
from sayso.errors import Code, ConfigError, RetryableError, SaysoError
from sayso.ids import Clock
from sayso.network import LOOPBACK
from sayso.sdk.connectors.load import load_connectors
from sayso.sdk.resources.connections import Connections, answer_in
from sayso.sdk.wiring.database import open_store
from sayso.sdk.workspace import Workspace
from sayso.settings import FILE_NAME
from sayso.text import plain

WAIT_S = 600.0
_READ_S = 10.0
_MOST_BYTES = 16_384
REDIRECT = "http://127.0.0.1:8765/callback"
"""Where a person is led back to unless sayso.toml says something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedAccount:
    """An account that can be used.

    Attributes:
        name: of the connector or the connection.
        connection: the connection whose token was kept; None where a key is enough.
        account: as the provider names it; None where no connector of that name asks.
        expires_at: when the access token ends; it is refreshed before that by itself.
    """

    name: str
    connection: str | None
    account: AccountSeen | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalPerson:
    """How the person at the keyboard is reached.

    Attributes:
        show: shows them the address to open.
        paste: asks for the address that they were led to; for a redirect that is not of this
            machine.
    """

    show: Callable[[str], None]
    paste: Callable[[], Awaitable[str]]


async def connect_account(
    workspace: Workspace, clock: Clock, name: str, person: TerminalPerson, *, wait_s: float = WAIT_S
) -> ConnectedAccount:
    """Connect an account and ask as whom it is known.

    Args:
        name: a connector of `[connectors]`, or a connection of `[connections]`.

    Raises:
        ConfigError: `invalid_setting`, with what to add to sayso.toml; `missing_secret`.
        RefusedError: `forbidden` when the person says no, `needs_reauth`, `provider_refused`.
        RetryableError: nobody came back in time, or the provider cannot be reached.
    """
    wanted = connection_of(workspace, name)
    connections = Connections(workspace, clock)
    store = open_store(workspace)
    connections.use(store)
    try:
        expires_at = None
        if wanted is not None:
            expires_at = await _authorise(connections, wanted, person, wait_s)
        account = await _who(workspace, clock, name, connections)
    finally:
        await connections.close()
        await store.close()
    return ConnectedAccount(name=name, connection=wanted, account=account, expires_at=expires_at)


def connection_of(workspace: Workspace, name: str) -> str | None:
    """The connection that a name stands for; None for a connector that has a key.

    Raises:
        ConfigError: `invalid_setting`, with the lines to add where a connector needs one that is
            not there.
    """
    settings = workspace.settings
    if name in settings.connections:
        return name
    table = settings.connector_tables.get(name)
    if table is None:
        known = sorted({*settings.connections, *settings.connector_tables})
        raise ConfigError(
            Code.INVALID_SETTING,
            f"sayso.toml sets up no connector and no connection `{plain(name, limit=40)}`",
            next_step=f"add [connectors.{plain(name, limit=40)}]"
            + (f"; there are {', '.join(known)}" if known else ""),
        )
    token = table.get("token")
    if isinstance(token, str) and token in settings.connections:
        return token
    lines = _lines_for(workspace, name)
    if lines is None:
        return None
    raise ConfigError(
        Code.INVALID_SETTING,
        f"`{name}` is authorised by a person, and there is no [connections.{name}] in {FILE_NAME}",
        next_step=f"register an app at the provider with the redirect {REDIRECT}, then add:\n"
        + lines,
    )


def _lines_for(workspace: Workspace, name: str) -> str | None:
    """What sayso.toml needs for a manifest's OAuth; None where it has none."""
    found = find_source(name, workspace.folder)
    if found is None:
        return None
    connection = found[0].manifest.connection
    auth = connection.auth
    if not isinstance(auth, (OAuthAuth, ClientCredentialsAuth)):
        return None
    table = workspace.settings.connector_tables.get(name, {})
    names = {"settings": {key: str(value) for key, value in table.items()}}
    scopes = ", ".join(f'"{one}"' for one in connection.scopes)
    by_person = isinstance(auth, OAuthAuth)
    lines = [
        f"[connections.{name}]",
        f'grant = "{"refresh_token" if by_person else "client_credentials"}"',
        f'token_endpoint = "{fill_path(auth.token, names)}"',
    ]
    if isinstance(auth, OAuthAuth):
        lines.append(f'authorization_endpoint = "{fill_path(auth.authorize, names)}"')
        lines.append(f'redirect_uri = "{REDIRECT}"')
    lines.append('client_id = "…"')
    lines.append(f'client_secret = "env:{name.upper()}_CLIENT_SECRET"')
    if scopes:
        lines.append(f"scopes = [{scopes}]")
    return "\n".join(lines)


async def _authorise(
    connections: Connections, name: str, person: TerminalPerson, wait_s: float
) -> datetime | None:
    connection = connections.find(name)
    if connection.grant == "client_credentials":
        await connections.bearer(name)
        return None
    begun = connections.begin(name)
    answer = await _come_back(connection, begun, person, wait_s)
    return await connections.finish(name, begun, answer)


async def _come_back(
    connection: Connection, begun: Authorization, person: TerminalPerson, wait_s: float
) -> dict[str, str]:
    parts = urlsplit(connection.redirect_uri)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        person.show(begun.url)
        return answer_in(urlsplit((await person.paste()).strip()).query)
    came: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
    waiting = _Waiting(path=parts.path or "/", state=begun.state, came=came)
    try:
        server = await asyncio.start_server(
            waiting.serve, parts.hostname, parts.port or 80, limit=_MOST_BYTES
        )
    except OSError as error:
        raise ConfigError(
            Code.PORT_IN_USE,
            f"nobody can be led back to {connection.redirect_uri}: {error.strerror}",
            next_step="free the port, or register another redirect and set `redirect_uri`",
        ) from error
    async with server:
        person.show(begun.url)
        try:
            async with asyncio.timeout(wait_s):
                return await came
        except TimeoutError as error:
            raise RetryableError(
                Code.PROVIDER_UNAVAILABLE,
                f"nobody came back from the provider within {wait_s:g} s",
                next_step="run it again and open the address that it shows",
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """Answers browsers until one brings our state."""

    path: str
    state: str
    came: asyncio.Future[dict[str, str]]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        with suppress(OSError, ValueError, TimeoutError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_READ_S):
                line = (await reader.readuntil(b"\r\n")).decode("ascii").split()
                status, said = self._judge(line)
                body = f"<!doctype html><title>Sayso</title><p>{html.escape(said)}</p>".encode()
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\n"
                    f"Content-Length: {len(body)}\r\nReferrer-Policy: no-referrer\r\n"
                    "Connection: close\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        writer.close()

    def _judge(self, line: list[str]) -> tuple[str, str]:
        target = urlsplit(line[1]) if len(line) == 3 and line[0] == "GET" else None
        if target is None or target.path != self.path:
            return "404 Not Found", "There is nothing here."
        answer = answer_in(target.query)
        # INVARIANT: what another page sends here is no answer of ours, and ends no waiting.
        if answer.get("state") != self.state or not ({"code", "error"} & set(answer)):
            return "400 Bad Request", "This is not the answer that is waited for."
        if not self.came.done():
            self.came.set_result(answer)
        return "200 OK", "Done. You can close this window and go back to the terminal."


async def _who(
    workspace: Workspace, clock: Clock, name: str, connections: Connections
) -> AccountSeen | None:
    """Whose account it is, where a connector of that name asks."""
    if name not in workspace.settings.connector_tables:
        return None
    registry = load_connectors(workspace, clock, connections=connections)
    try:
        found = registry.connector(name)
        if not isinstance(found, AccountBook):
            return None
        return await found.who_am_i()
    finally:
        await registry.close()


async def connection_health(workspace: Workspace, name: str) -> SaysoError | None:
    """Why a connection's stored token cannot be used; None while it can."""
    from sayso.sdk.resources.connections import check_token

    store = open_store(workspace)
    try:
        await check_token(workspace, name, store)
    except SaysoError as error:
        return error
    finally:
        await store.close()
    return None


def shown_account(found: ConnectedAccount) -> str:
    """One line for people."""
    account = found.account
    if account is None:
        return f"{found.name} is connected"
    money = "" if account.live is None else (" (real)" if account.live else " (test)")
    return f"{found.name} is connected as {plain(account.shown, limit=120)}{money}"
