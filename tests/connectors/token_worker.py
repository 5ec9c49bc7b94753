"""What a child process does that asks for bearers: JSON tells it how, and JSON is its answer.

It passes `ready` once everything is open, `leased` after `refresh_started_at` is written and before
the call, and `answered` after the provider's answer and before the write.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Coroutine
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from support.faults.points import Points
from support.identity_provider import CLIENT_ID, CLIENT_SECRET

from sayso.connectors.oauth.client import OAuthExchange
from sayso.connectors.oauth.connection import Connection
from sayso.connectors.oauth.refresh import BrokerSettings, TokenBroker
from sayso.connectors.oauth.token_rows import SqlTokenStore
from sayso.connectors.oauth.tokens import OAuthToken
from sayso.connectors.vault import Vault
from sayso.errors import SaysoError
from sayso.ids import Tenant
from sayso.json import JsonObject, JsonValue
from sayso.secret import Secret
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import START

TENANT = Tenant("main")
LONG_S = 60.0
Grant = Literal["refresh_token", "client_credentials"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a process does.

    Attributes:
        database, key: where the tokens are, and the vault's key.
        token_endpoint, grant: of the connection.
        pace: how much faster the clock runs, so that a life in whole seconds is a short one.
        calls: how many bearers it asks for at least.
        lives: it asks on until it was given so many different ones.
        began: when the clock of all began, in seconds since 1970 of the machine's clock.
    """

    database: str
    key: str
    token_endpoint: str
    grant: Grant
    began: float
    pace: float = 1.0
    calls: int = 1
    lives: int = 1

    def told(self) -> JsonObject:
        """The job as JSON."""
        return asdict(self)


class FastClock:
    """The same time in every process: `START`, and what has passed since then at a pace.

    Args:
        began: in seconds since 1970 of the machine's clock.
    """

    def __init__(self, began: float, pace: float) -> None:
        self._began, self._pace = began, pace

    def now(self) -> datetime:
        """The time now, aware, in UTC."""
        passed_s = datetime.now(UTC).timestamp() - self._began
        return START + timedelta(seconds=passed_s * self._pace)


class PassingExchange(OAuthExchange):
    """Passes a point on either side of a call."""

    passing: Points

    async def refresh(self, connection: Connection, refresh: Secret) -> OAuthToken:
        return await self._passing(super().refresh(connection, refresh))

    async def client_credentials(self, connection: Connection) -> OAuthToken:
        return await self._passing(super().client_credentials(connection))

    async def _passing(self, asking: Coroutine[object, object, OAuthToken]) -> OAuthToken:
        self.passing("leased")
        token = await asking
        self.passing("answered")
        return token


def connection_of(token_endpoint: str, grant: Grant) -> Connection:
    """The connection that every process has."""
    return Connection(
        id="main/mail",
        grant=grant,
        token_endpoint=token_endpoint,
        client_id=CLIENT_ID,
        client_secret=Secret(CLIENT_SECRET),
    )


def rows_on(store: SqliteStore, key: str) -> SqlTokenStore:
    """The rows, with a vault of that key."""
    return SqlTokenStore(store, Vault(Secret(key), entropy=secrets.token_bytes), TENANT)


async def ask(passing: Points, told: dict[str, Any]) -> JsonValue:
    """Ask and count."""
    job = Job(**told)
    store = SqliteStore(Path(job.database))
    clock = FastClock(job.began, job.pace)
    exchange = PassingExchange(clock=clock, timeout_s=LONG_S)
    exchange.passing = passing
    broker = TokenBroker(
        store=rows_on(store, job.key),
        exchange=exchange,
        clock=clock,
        owner=f"process-{os.getpid()}",
        settings=BrokerSettings(lease_s=2 * LONG_S * job.pace, patience_s=LONG_S),
    )
    connection = connection_of(job.token_endpoint, job.grant)
    calls, bearers, errors = 0, set[str](), list[str]()
    passing("ready")
    while calls < job.calls or len(bearers) < job.lives:
        calls += 1
        try:
            bearers.add((await broker.bearer(connection)).reveal())
        except SaysoError as error:
            errors.append(str(error))
    await broker.close()
    await store.close()
    return {"calls": calls, "bearers": [*sorted(bearers)], "errors": [*errors]}
