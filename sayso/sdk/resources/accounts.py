"""Whose accounts are used: the tokens of connections, and what providers call the accounts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sayso.connectors.setup import AccountBook
from sayso.errors import Code, RefusedError, SaysoError
from sayso.ids import Tenant, rfc3339, to_micros
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.connections import answer_in, read_connection, read_vault
from sayso.sdk.resources.staff import StaffResource
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.connectors.oauth.client import Authorization
    from sayso.sdk.container import Container
    from sayso.sdk.resources.connections import Connections
    from sayso.sdk.resources.tokens import Token
    from sayso.sdk.workspace import Workspace

_ASK_S = 8.0
"""How long all providers together have to say whose account it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionState:
    """An OAuth connection as it is stored; no provider was asked.

    Attributes:
        grant: how its tokens are come by. ends: when the present one ends, RFC 3339; it is
            refreshed before that by itself. None where none was fetched yet.
        problem: why it gives no token, in words; empty while it does. next_step: what to do then.
    """

    name: str
    grant: str
    ends: str | None
    problem: str = ""
    next_step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """A connector, and whose account it uses; `shown` is empty where nobody was asked."""

    name: str
    shown: str = ""
    real: bool | None = None
    problem: str = ""


class AccountResource(Resource):
    """Reads connections and asks providers."""

    def __init__(self, container: Container, workspace: Workspace) -> None:
        super().__init__(container)
        self._workspace = workspace

    async def begin(self, name: str, holder: Token) -> Authorization:
        """Begin to connect an account as a person who may change who works here.

        Raises:
            RefusedError: `forbidden`, `not_an_approver`; `wrong_state` where no connector runs.
            ConfigError: see `Connections.begin`.
        """
        return (await self._connections_for(holder)).begin(name)

    async def finish(self, name: str, begun: Authorization, answer: str, holder: Token) -> None:
        """Keep what was agreed to at the provider.

        Args:
            answer: the address that the provider led to, or its query.

        Raises:
            RefusedError: as `begin`, and as `Connections.finish`. RetryableError: likewise.
        """
        connections = await self._connections_for(holder)
        query = answer.partition("?")[2] if "?" in answer else answer
        await connections.finish(name, begun, answer_in(query.partition("#")[0]))

    async def _connections_for(self, holder: Token) -> Connections:
        await StaffResource(self._container, self._workspace).check(holder)
        if self._container.connections is None:
            raise RefusedError(
                Code.WRONG_STATE,
                "this process runs no connectors",
                next_step="do it where `sayso serve` runs",
            )
        return self._container.connections

    async def connections(self) -> list[ConnectionState]:
        """The connections of sayso.toml, in their order."""
        names = self._workspace.settings.connections
        return [await self._connection(name, section.grant) for name, section in names.items()]

    async def _connection(self, name: str, grant: str) -> ConnectionState:
        # These load Authlib, which only tokens need.
        from sayso.connectors.oauth.refresh import check_usable
        from sayso.connectors.oauth.token_rows import SqlTokenStore

        ends: str | None = None
        try:
            connection = read_connection(self._workspace, name)
            tenant = Tenant(self._workspace.settings.workspace.tenant)
            rows = SqlTokenStore(self._container.store, read_vault(self._workspace), tenant)
            row = await rows.read(connection.id)
            token = None if row is None else row.token
            if token is not None and token.lifetime_s is not None:
                at = token.issued_at + timedelta(seconds=token.lifetime_s)
                ends = rfc3339(to_micros(at))
            check_usable(connection, row)
        except SaysoError as error:
            return ConnectionState(
                name=name,
                grant=grant,
                ends=ends,
                problem=error.message,
                next_step=error.next_step,
            )
        return ConnectionState(name=name, grant=grant, ends=ends)

    async def accounts(self, *, ask: bool) -> list[AccountState]:
        """The connectors of the workspace.

        Args:
            ask: the providers, whose account it is, for some seconds at most.
        """
        names = list(self._container.connectors.names)
        if not ask:
            return [AccountState(name=name) for name in names]
        return list(await asyncio.gather(*map(self._account, names)))

    async def _account(self, name: str) -> AccountState:
        try:
            found = self._container.connectors.connector(name)
            if not isinstance(found, AccountBook):
                return AccountState(name=name, problem="says no account")
            async with asyncio.timeout(_ASK_S):
                seen = await found.who_am_i()
        except SaysoError as error:
            return AccountState(name=name, problem=f"{error.message}; {error.next_step}")
        except TimeoutError:
            return AccountState(name=name, problem="did not answer")
        return AccountState(name=name, shown=plain(seen.shown, limit=120), real=seen.live)
