"""An office with brokers of several processes, one store that fails, and one strict provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from support.identity_provider import CLIENT_ID, CLIENT_SECRET, FakeIdp

from sayso.connectors.oauth.client import OAuthExchange
from sayso.connectors.oauth.connection import Connection
from sayso.connectors.oauth.refresh import BrokerSettings, TokenBroker
from sayso.connectors.oauth.tokens import OAuthToken, TokenRow
from sayso.errors import Code, RetryableError
from sayso.secret import Secret
from sayso.testing.clock import FakeClock

LONG_S = 60.0

Meanwhile = Callable[[], Awaitable[None]]


class MemoryTokenStore:
    """Rows of this process."""

    def __init__(self) -> None:
        self._rows: dict[str, TokenRow] = {}

    async def read(self, connection: str) -> TokenRow | None:
        """See `TokenStore.read`."""
        return self._rows.get(connection)

    async def take_lease(
        self, connection: str, *, version: int, owner: str, now: datetime, until: datetime
    ) -> bool:
        """See `TokenStore.take_lease`."""
        row = self._rows.get(connection) or TokenRow(connection=connection, version=0)
        if row.version != version or (row.lease_until is not None and row.lease_until > now):
            return False
        self._rows[connection] = replace(
            row, lease_owner=owner, lease_until=until, refresh_started_at=now
        )
        return True

    async def write(self, connection: str, *, version: int, owner: str, token: OAuthToken) -> bool:
        """See `TokenStore.write`."""
        row = self._held(connection, version, owner)
        if row is None:
            return False
        self._rows[connection] = TokenRow(
            connection=connection, version=row.version + 1, token=token
        )
        return True

    async def release(self, connection: str, *, version: int, owner: str) -> None:
        """See `TokenStore.release`."""
        row = self._held(connection, version, owner)
        if row is not None:
            self._rows[connection] = replace(row, lease_owner=None, lease_until=None)

    async def mark_needs_reauth(self, connection: str, *, version: int, owner: str) -> bool:
        """See `TokenStore.mark_needs_reauth`."""
        row = self._held(connection, version, owner)
        if row is None:
            return False
        self._rows[connection] = TokenRow(
            connection=connection, version=row.version + 1, token=row.token, state="needs_reauth"
        )
        return True

    async def put(self, connection: str, token: OAuthToken) -> None:
        """See `TokenStore.put`."""
        row = self._rows.get(connection)
        version = 1 if row is None else row.version + 1
        self._rows[connection] = TokenRow(connection=connection, version=version, token=token)

    def _held(self, connection: str, version: int, owner: str) -> TokenRow | None:
        row = self._rows.get(connection)
        if row is None or row.version != version or row.lease_owner != owner:
            return None
        return row


class BrittleStore(MemoryTokenStore):
    """A store whose writes fail as often as it is told to, or are overtaken once.

    Attributes:
        failures: how many of the next writes fail.
        before, after: what happens once while a write is under way, before or after it is done.
    """

    def __init__(self) -> None:
        super().__init__()
        self.failures = 0
        self.before: Meanwhile | None = None
        self.after: Meanwhile | None = None

    async def write(self, connection: str, *, version: int, owner: str, token: OAuthToken) -> bool:
        """See `TokenStore.write`."""
        before, self.before = self.before, None
        if before is not None:
            await before()
        if self.failures > 0:
            self.failures -= 1
            raise RetryableError(Code.STORE_BUSY, "the database is locked")
        written = await super().write(connection, version=version, owner=owner, token=token)
        after, self.after = self.after, None
        if after is not None:
            await after()
        return written


@dataclass(kw_only=True)
class Office:
    """An identity provider, a store, a clock, and brokers as of several processes."""

    idp: FakeIdp
    connection: Connection
    store: BrittleStore = field(default_factory=BrittleStore)
    clock: FakeClock = field(default_factory=FakeClock)
    made: int = 0

    def broker(self) -> TokenBroker:
        """A broker as of another process: its own locks, the same store."""
        self.made += 1

        async def breathe(seconds: float) -> None:
            await asyncio.sleep(0)  # the others go on; nobody waits for a clock

        return TokenBroker(
            store=self.store,
            exchange=OAuthExchange(clock=self.clock, timeout_s=LONG_S),
            clock=self.clock,
            owner=f"process-{self.made}",
            settings=BrokerSettings(sleep=breathe, poll_s=0.001, dice=lambda: 1.0),
        )

    async def authorised(self, lifetime_s: int | None = None) -> None:
        """A person has connected the account."""
        grant = self.idp.grant()
        token = OAuthToken(
            access=Secret(grant.access),
            refresh=Secret(grant.refresh),
            issued_at=self.clock.now(),
            lifetime_s=self.idp.lifetime_s if lifetime_s is None else lifetime_s,
        )
        await self.broker().connected(self.connection, token)


@asynccontextmanager
async def open_office(
    *,
    lifetime_s: int = 3600,
    grant: Literal["refresh_token", "client_credentials"] = "refresh_token",
    secret: str = CLIENT_SECRET,
) -> AsyncGenerator[Office, None]:
    async with FakeIdp.start(lifetime_s=lifetime_s) as idp:
        connection = Connection(
            id="main/mail/send",
            grant=grant,
            token_endpoint=idp.token_endpoint,
            client_id=CLIENT_ID,
            client_secret=Secret(secret),
            scopes=("mail.send",),
            authorization_endpoint=f"{idp.url}/authorize",
            redirect_uri="http://127.0.0.1/callback",
        )
        yield Office(idp=idp, connection=connection)
