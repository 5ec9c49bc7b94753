"""The OAuth connections of a workspace: settings, vault and broker put together."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import socket
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from sayso.errors import Code, ConfigError, IntegrityError, RefusedError
from sayso.ids import Clock, Tenant
from sayso.sdk.workspace import Workspace
from sayso.settings import FILE_NAME, ConnectionSection, no_connection
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.connectors.oauth.client import Authorization
    from sayso.connectors.oauth.connection import Connection
    from sayso.connectors.oauth.refresh import TokenBroker
    from sayso.connectors.oauth.tokens import OAuthToken
    from sayso.connectors.vault import Vault
    from sayso.secret import Secret
    from sayso.store.base import Store

logger = logging.getLogger("sayso.connections")


class Connections:
    """Gives connectors their bearers.

    Args:
        workspace: its `[connections]` and `[vault]`.
        clock: the time.

    Raises:
        ConfigError: `missing_secret`, `invalid_setting`. Without a connection nothing is read.

    Guarantees: nothing is imported for tokens before the first one is asked for.
    """

    def __init__(self, workspace: Workspace, clock: Clock) -> None:
        self._settings = workspace.settings
        self._clock = clock
        self._tenant = Tenant(self._settings.workspace.tenant)
        self._connections = {
            name: read_connection(workspace, name) for name in self._settings.connections
        }
        self._vault = read_vault(workspace) if self._connections else None
        self._store: Store | None = None
        self._broker: TokenBroker | None = None

    def use(self, store: Store) -> None:
        """Keep tokens there; to be called once, before the first `bearer`."""
        self._store = store

    def find(self, name: str) -> Connection:
        """The connection of that name.

        Raises:
            ConfigError: `invalid_setting`, with the nearest name.
        """
        found = self._connections.get(name)
        if found is None:
            raise ConfigError(
                Code.INVALID_SETTING,
                no_connection(name, self._settings),
                next_step=f"correct the name in {FILE_NAME}",
            )
        return found

    async def bearer(self, name: str) -> Secret:
        """A fresh access token of the connection.

        Raises:
            ConfigError: `invalid_setting`, when there is none of that name; `key_mismatch`.
            RefusedError: `needs_reauth`, `provider_refused`.
            RetryableError: the provider or the database cannot be used now.
            IntegrityError: `tampered`.
        """
        connection = self.find(name)
        broker = await self._open()
        try:
            return await broker.bearer(connection)
        except RefusedError as error:
            logger.warning("the connection `%s` gives no token: %s", name, error.code.value)
            raise

    async def bearer_for_call(self, name: str) -> Secret:
        """`bearer`, in the words of a connector's contract.

        Raises:
            RefusedError: also for what is wrong with the workspace or its database. Nothing was
                sent, and the engine takes an error that the contract does not know as a sign that
                something may have been.
            RetryableError: as `bearer`.
        """
        try:
            return await self.bearer(name)
        except (ConfigError, IntegrityError) as error:
            raise RefusedError(
                error.code, error.message, next_step=error.next_step, detail=error.detail
            ) from error

    def begin(self, name: str) -> Authorization:
        """Where a person agrees at the provider, and what their answer is held against.

        Raises:
            ConfigError: `invalid_setting`, for a connection by which nobody agrees, or of no name.
        """
        from sayso.connectors.oauth.client import OAuthExchange

        connection = self.find(name)
        if not connection.authorization_endpoint or not connection.redirect_uri:
            raise ConfigError(
                Code.INVALID_SETTING,
                f"`connections.{name}` does not say where a person agrees",
                next_step="set `authorization_endpoint`, and `redirect_uri` as registered there",
            )
        return OAuthExchange(clock=self._clock).begin(connection)

    async def finish(
        self, name: str, begun: Authorization, answer: Mapping[str, str]
    ) -> datetime | None:
        """Keep what a person has agreed to; when its token ends, where it does.

        Args:
            answer: the query of the address that the provider led them to.

        Raises:
            RefusedError: `forbidden` when they said no, or for another answer; `needs_reauth`.
            RetryableError: the provider or the database cannot be used now.
        """
        from sayso.connectors.oauth.client import OAuthExchange

        if "error" in answer or not answer.get("code"):
            said = plain(answer.get("error", "no code"), limit=60)
            raise RefusedError(
                Code.FORBIDDEN,
                f"the provider led back with `{said}`",
                next_step="agree at the provider, or check the scopes and the redirect of the app",
            )
        code, state = answer["code"], answer.get("state", "")
        connection, exchange = self.find(name), OAuthExchange(clock=self._clock)
        token = await exchange.redeem(connection, begun, code=code, state=state)
        await self.authorise(name, token)
        if token.lifetime_s is None:
            return None
        return token.issued_at + timedelta(seconds=token.lifetime_s)

    async def authorise(self, name: str, token: OAuthToken) -> None:
        """Keep what a person has just authorised (`OAuthExchange.redeem`), whatever was there.

        Raises:
            ConfigError: `invalid_setting`.
            RetryableError: the database cannot be used now.
        """
        connection = self.find(name)
        await (await self._open()).connected(connection, token)

    async def close(self) -> None:
        """Write what a refresh has begun; before the database closes."""
        if self._broker is not None:
            await self._broker.close()

    async def _open(self) -> TokenBroker:
        if self._broker is not None:
            return self._broker
        # These load Authlib, which only tokens need.
        from sayso.connectors.oauth.client import OAuthExchange
        from sayso.connectors.oauth.refresh import TokenBroker
        from sayso.connectors.oauth.token_rows import SqlTokenStore

        assert self._vault is not None
        assert self._store is not None
        rows = SqlTokenStore(self._store, self._vault, self._tenant)
        broker = TokenBroker(
            store=rows,
            exchange=OAuthExchange(clock=self._clock),
            clock=self._clock,
            owner=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
        )
        if self._settings.vault.older_keys:
            anew = await rows.reseal()
            logger.info("sealed the tokens of %d connections with the newest key", anew)
        if self._broker is None:  # nobody else made one during the wait
            self._broker = broker
        return self._broker


def answer_in(query: str) -> dict[str, str]:
    """What a provider says in the address that it leads back to: what stands there once."""
    return {name: values[0] for name, values in parse_qs(query).items() if len(values) == 1}


async def check_token(workspace: Workspace, name: str, store: Store) -> None:
    """Look whether a connection's stored token can be used, without asking the provider.

    Raises:
        ConfigError: `missing_secret`, `invalid_setting`, `key_mismatch`.
        RefusedError: `needs_reauth`.
        IntegrityError: `tampered`.
    """
    from sayso.connectors.oauth.refresh import check_usable  # only who has a connection pays for it
    from sayso.connectors.oauth.token_rows import SqlTokenStore

    connection = read_connection(workspace, name)
    tenant = Tenant(workspace.settings.workspace.tenant)
    rows = SqlTokenStore(store, read_vault(workspace), tenant)
    check_usable(connection, await rows.read(connection.id))


def read_connection(workspace: Workspace, name: str) -> Connection:
    """A connection as sayso.toml has it, with its secret.

    Raises:
        ConfigError: `missing_secret`, `invalid_setting`.
    """
    from sayso.connectors.oauth.connection import Connection  # only who has one pays for it

    section = workspace.settings.connections[name]
    secret = section.client_secret
    return Connection(
        id=f"{workspace.settings.workspace.tenant}/{name}/{_fingerprint(section)}",
        grant=section.grant,
        token_endpoint=section.token_endpoint,
        client_id=section.client_id,
        client_secret=workspace.secret(secret) if secret is not None else None,
        scopes=section.scopes,
        auth_method=section.auth_method,
        authorization_endpoint=section.authorization_endpoint,
        redirect_uri=section.redirect_uri,
        private=tuple(map(str, workspace.settings.network.private)),
    )


def _fingerprint(section: ConnectionSection) -> str:
    """What a stored token was given for, in short.

    It is part of the row's key: a refresh token is never sent to another address, and a token for
    fewer scopes is not taken for one with more, because after such a change there is no row yet.
    """
    given = (section.grant, section.token_endpoint, section.client_id, *sorted(section.scopes))
    return hashlib.sha256("\n".join(given).encode()).hexdigest()[:12]


def read_vault(workspace: Workspace) -> Vault:
    """The vault with the workspace's keys.

    Raises:
        ConfigError: `missing_secret`, with how to make a key; `invalid_setting`.
    """
    from sayso.connectors.vault import MAKE_A_KEY, Vault  # only who has a connection pays for it

    section = workspace.settings.vault
    try:
        key = workspace.secret(section.key)
    except ConfigError as error:
        place = section.key.partition(":")[2]
        raise ConfigError(
            error.code,
            f"tokens of connections are sealed, and {error.message}",
            next_step=f"make a key once, `{MAKE_A_KEY}`, and keep it in `{place}`",
        ) from error
    older = [workspace.secret(reference) for reference in section.older_keys]
    return Vault(key, older, entropy=secrets.token_bytes)
