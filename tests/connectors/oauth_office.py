"""An office with brokers of several processes, one store that fails, and one strict provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from support.identity_provider import CLIENT_ID, CLIENT_SECRET, FakeIdp

from sayso.connectors.oauth.client import OAuthExchange
from sayso.connectors.oauth.connection import Connection
from sayso.connectors.oauth.refresh import BrokerSettings, TokenBroker
from sayso.connectors.oauth.tokens import MemoryTokenStore, OAuthToken
from sayso.errors import Code, RetryableError
from sayso.secret import Secret
from sayso.testing.clock import FakeClock

LONG_S = 60.0

Meanwhile = Callable[[], Awaitable[None]]


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
