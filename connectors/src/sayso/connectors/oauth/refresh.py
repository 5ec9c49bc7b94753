"""The token broker: a fresh bearer for whoever asks, and one refresh at a time for everybody.

Refresh tokens that rotate punish a second use: the provider revokes the whole family. So of all
processes only the one with the lease calls the token endpoint, and everybody else waits for what it
writes. The rules, in the order of a refresh:

1. Fresh: the stored token is used until `min(60 s, 20 % of its life)` before its end.
2. Lease: a compare-and-set on the row's version; whoever does not get it polls.
3. Call: `refresh_started_at` was written with the lease, before the call.
4. Write: the new token, by the same version and owner. When the store fails now, the provider has
   rotated already, so the token is kept here and written first of all the next time.
5. `invalid_grant`: read again; another's new token is used, else the row says `needs_reauth`.
   429, 5xx, time-outs and every other no change nothing. Nothing is ever deleted.

A caller that gives up does not stop a refresh that has begun: its answer must not be lost.

After a crash between 3 and 4 the lease runs out, and the stored token is tried once: it works when
the provider had not rotated, or it is an `invalid_grant` and a person has to authorise again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sayso.connectors.oauth.connection import Connection
from sayso.connectors.oauth.tokens import OAuthToken, TokenRow, TokenStore
from sayso.connectors.retry import RetryPolicy, Sleep
from sayso.errors import Code, RefusedError, RetryableError, SaysoError
from sayso.ids import Clock
from sayso.secret import Secret

MAX_MARGIN_S = 60.0
MARGIN_PART = 0.2
SKEW_S = 30
"""Clocks of machines that are kept right differ by less."""


class Exchange(Protocol):
    """Gets tokens from a token endpoint; `OAuthExchange` is the one with Authlib."""

    async def refresh(self, connection: Connection, refresh: Secret) -> OAuthToken:
        """See `OAuthExchange.refresh`."""
        ...

    async def client_credentials(self, connection: Connection) -> OAuthToken:
        """See `OAuthExchange.client_credentials`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """How the broker waits.

    Attributes:
        lease_s: how long one refresh may take before another process tries; well above the
            exchange's own time-out.
        poll_s: between two looks at a row that somebody else refreshes.
        patience_s: how long a caller waits for somebody else's refresh, in all.
        sleep: waits.
        dice: a number from 0 up to 1, for the jitter of the margin.
    """

    lease_s: float = 30.0
    poll_s: float = 0.05
    patience_s: float = 20.0
    sleep: Sleep = asyncio.sleep
    dice: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A token that the provider has given, until the store has it.

    Attributes:
        version: of the row that it follows.
        token: the new one.
    """

    version: int
    token: OAuthToken


class TokenBroker:
    """Gives bearers.

    Args:
        store: where the rows are.
        exchange: who speaks with token endpoints.
        clock: the time.
        owner: unique to this process, such as `host-pid-random`.
        settings: how it waits.

    Guarantees: of all brokers on one store, one at a time refreshes a connection.
    """

    def __init__(
        self,
        *,
        store: TokenStore,
        exchange: Exchange,
        clock: Clock,
        owner: str,
        settings: BrokerSettings | None = None,
    ) -> None:
        self._store = store
        self._exchange = exchange
        self._clock = clock
        self._owner = owner
        self._settings = settings or BrokerSettings()
        self._locks: dict[str, asyncio.Lock] = {}
        self._unwritten: dict[str, _Kept] = {}
        self._refreshes: set[asyncio.Task[Secret]] = set()
        self._write_retry = RetryPolicy(sleep=self._settings.sleep, dice=self._settings.dice)

    async def bearer(self, connection: Connection) -> Secret:
        """A token that is good for the next minute, or for most of its life when that is shorter.

        Raises:
            RefusedError: `needs_reauth`: a person has to authorise; `provider_refused`.
            RetryableError: the provider or the store cannot be used now.
        """
        row = await self._store.read(connection.id)
        usable = self._usable(row)
        if usable is not None:
            return usable
        # One of this process queues for the lease; the others find what it wrote.
        async with self._locks.setdefault(connection.id, asyncio.Lock()):
            return await self._renew(connection)

    async def _renew(self, connection: Connection) -> Secret:
        waited = 0.0
        while True:
            kept = await self._write_kept(connection)
            if kept is not None:
                return kept
            row = await self._store.read(connection.id)
            usable = self._usable(row)
            if usable is not None:
                return usable
            check_usable(connection, row)
            row = row or TokenRow(connection=connection.id, version=0)
            if await self._lease(connection, row):
                return await self._whole(self._refresh(connection, row))
            if waited >= self._settings.patience_s:
                raise RetryableError(
                    Code.PROVIDER_UNAVAILABLE,
                    f"another process refreshes the connection `{connection.id[:40]}`",
                    next_step="try again in a moment",
                )
            await self._settings.sleep(self._settings.poll_s)
            waited += self._settings.poll_s

    def _usable(self, row: TokenRow | None) -> Secret | None:
        """The stored bearer, when nothing speaks against using it."""
        if row is None or row.token is None or row.state != "active":
            return None
        return row.token.access if self._is_fresh(row.token) else None

    def _is_fresh(self, token: OAuthToken) -> bool:
        if token.lifetime_s is None:
            return True
        margin = min(MAX_MARGIN_S, token.lifetime_s * MARGIN_PART)
        # Jitter: the processes of a fleet do not all come for the lease at the same instant.
        margin *= 0.5 + 0.5 * self._settings.dice()
        age = (self._clock.now() - token.issued_at).total_seconds()
        # One from the future was given while the clock was ahead, and how old it is nobody knows.
        return -SKEW_S <= age < token.lifetime_s - margin

    async def _lease(self, connection: Connection, row: TokenRow) -> bool:
        now = self._clock.now()
        until: datetime = now + timedelta(seconds=self._settings.lease_s)
        return await self._store.take_lease(
            connection.id, version=row.version, owner=self._owner, now=now, until=until
        )

    async def _refresh(self, connection: Connection, row: TokenRow) -> Secret:
        try:
            refresh = _refresh_of(row)
            if connection.grant == "refresh_token" and refresh is not None:
                token = await self._exchange.refresh(connection, refresh)
            else:
                token = await self._exchange.client_credentials(connection)
        except RefusedError as error:
            if error.code is Code.NEEDS_REAUTH:
                return await self._grant_lost(connection, row, error)
            await self._release(connection, row)
            raise
        except RetryableError:
            await self._release(connection, row)
            raise
        return await self._keep(connection, _Kept(version=row.version, token=token))

    async def _whole(self, refresh: Coroutine[object, object, Secret]) -> Secret:
        """Run it to its end, also when the caller is cancelled."""
        task = asyncio.create_task(refresh)
        self._refreshes.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Secret]) -> None:
        self._refreshes.discard(task)
        if not task.cancelled():
            task.exception()  # seen, also when nobody waits any more

    async def _release(self, connection: Connection, row: TokenRow) -> None:
        await self._store.release(connection.id, version=row.version, owner=self._owner)

    async def _keep(self, connection: Connection, kept: _Kept) -> Secret:
        """Write the new token; what the store refuses now is kept until it takes it."""
        self._unwritten[connection.id] = kept

        async def write() -> bool:
            return await self._write(connection.id, kept)

        access = kept.token.access
        try:
            written = await self._write_retry.run(write)
        except RetryableError:
            return access
        if self._forget(connection.id, kept) and written:
            return access
        # The lease ran out and another process refreshed meanwhile, or a person authorised: the
        # stored token is the later one.
        usable = self._usable(await self._store.read(connection.id))
        return usable if usable is not None else access

    async def _write(self, connection_id: str, kept: _Kept) -> bool:
        return await self._store.write(
            connection_id, version=kept.version, owner=self._owner, token=kept.token
        )

    def _forget(self, connection_id: str, kept: _Kept) -> bool:
        """No longer keep this very token; whether it was still the one that is kept.

        While it was being written, another task may have written it, or a person may have
        authorised (`connected`): what is kept by then, if anything, is not ours to drop.
        """
        if self._unwritten.get(connection_id) is not kept:
            return False
        self._unwritten.pop(connection_id, None)
        return True

    async def _write_kept(self, connection: Connection) -> Secret | None:
        """Write what could not be written before; its bearer when that is still fresh."""
        kept = self._unwritten.get(connection.id)
        if kept is None:
            return None
        bearer = await self._keep(connection, kept)
        if self._is_fresh(kept.token):
            return bearer
        if connection.id in self._unwritten:
            # INVARIANT: the stored refresh token was used already; trying it would end the grant.
            raise RetryableError(
                Code.STORE_UNAVAILABLE,
                "a refreshed token cannot be written",
                next_step="check the database",
            )
        return None

    async def _grant_lost(
        self, connection: Connection, row: TokenRow, error: RefusedError
    ) -> Secret:
        """`invalid_grant`: somebody else may have refreshed; if not, a person has to."""
        now = await self._store.read(connection.id)
        if now is not None and now.version != row.version:
            usable = self._usable(now)
            if usable is not None:
                return usable
        else:
            await self._store.mark_needs_reauth(
                connection.id, version=row.version, owner=self._owner
            )
        raise error

    async def connected(self, connection: Connection, token: OAuthToken) -> None:
        """Keep what a person has just authorised (`OAuthExchange.redeem`)."""
        self._unwritten.pop(connection.id, None)
        await self._store.put(connection.id, token)

    async def close(self) -> None:
        """Let the refreshes that have begun end, and try once more to write what is unwritten.

        To be called before the store closes: a rotated token that nobody wrote is lost.
        """
        await asyncio.gather(*self._refreshes, return_exceptions=True)
        for connection_id, kept in list(self._unwritten.items()):
            with suppress(SaysoError):
                await self._write(connection_id, kept)
                self._forget(connection_id, kept)


def check_usable(connection: Connection, row: TokenRow | None) -> None:
    """Make sure that a token is there or can be fetched without a person.

    Raises:
        RefusedError: `needs_reauth`.
    """
    if row is not None and row.state == "needs_reauth":
        raise _needs_reauth(connection)
    if connection.grant == "refresh_token" and (row is None or _refresh_of(row) is None):
        raise _needs_reauth(connection)


def _refresh_of(row: TokenRow) -> Secret | None:
    return row.token.refresh if row.token is not None else None


def _needs_reauth(connection: Connection) -> RefusedError:
    return RefusedError(
        Code.NEEDS_REAUTH,
        f"the connection `{connection.id[:40]}` has to be authorised",
        next_step=f"run `sayso connect {_name(connection)}`",
    )


def _name(connection: Connection) -> str:
    """As sayso.toml calls it; ids begin with the tenant."""
    parts = connection.id.split("/")
    return parts[1] if len(parts) > 1 else connection.id
