"""The token broker against a provider that punishes every mistake."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from connectors.oauth_office import LONG_S, Office, open_office
from support.identity_provider import IdpFault

from sayso.connectors.oauth.client import OAuthExchange
from sayso.connectors.oauth.connection import Connection
from sayso.connectors.oauth.refresh import BrokerSettings, TokenBroker
from sayso.connectors.oauth.tokens import OAuthToken
from sayso.errors import Code, ConfigError, RefusedError, RetryableError
from sayso.secret import Secret


async def test_a_fresh_token_is_used_as_it_is() -> None:
    """Nobody is asked while the stored token lives."""
    async with open_office() as office:
        await office.authorised()
        bearers = {(await office.broker().bearer(office.connection)).reveal() for _ in range(5)}
        assert len(bearers) == 1
        assert office.idp.calls == 0


@pytest.mark.promise("tokens:one-refresh")
@pytest.mark.parametrize("processes", [1, 8])
async def test_many_callers_make_one_token_call(processes: int) -> None:
    """An expired rotating token and 160 callers: one call, no revocation."""
    async with open_office() as office:
        await office.authorised()
        office.clock.advance(hours=2)
        brokers = [office.broker() for _ in range(processes)]
        calls = [broker.bearer(office.connection) for broker in brokers * (160 // processes)]
        bearers = {bearer.reveal() for bearer in await asyncio.gather(*calls)}
        assert len(bearers) == 1
        assert (office.idp.calls, office.idp.revocations) == (1, 0)


@pytest.mark.promise("tokens:margin")
async def test_a_short_life_does_not_mean_endless_refreshing() -> None:
    """The margin is a fifth of a 30 s life, not 60 s, so the new token is good at once."""
    async with open_office(lifetime_s=30) as office:
        await office.authorised()
        broker = office.broker()
        for _ in range(10):
            await broker.bearer(office.connection)
        assert office.idp.calls == 0
        office.clock.advance(seconds=23)
        await broker.bearer(office.connection)
        assert office.idp.calls == 0
        office.clock.advance(seconds=2)
        for _ in range(10):
            await broker.bearer(office.connection)
        assert (office.idp.calls, office.idp.revocations) == (1, 0)


async def test_a_token_that_was_given_while_the_clock_was_ahead_is_not_fresh_for_weeks() -> None:
    """How old it is nobody knows once the clock is right again; a few seconds do not matter."""
    async with open_office(lifetime_s=600) as office:
        await office.authorised()
        broker = office.broker()
        office.clock.advance(days=40)
        ahead = (await broker.bearer(office.connection)).reveal()
        office.clock.advance(seconds=-20)
        assert (await broker.bearer(office.connection)).reveal() == ahead
        office.clock.advance(days=-40)
        assert (await broker.bearer(office.connection)).reveal() != ahead


@pytest.mark.promise("tokens:one-refresh")
async def test_eight_processes_live_through_many_short_lives() -> None:
    """Life after life, with everybody asking: one call each, and the family lives on."""
    async with open_office(lifetime_s=10) as office:
        await office.authorised()
        brokers = [office.broker() for _ in range(8)]
        for _ in range(12):
            office.clock.advance(seconds=9)
            await asyncio.gather(*(broker.bearer(office.connection) for broker in brokers * 5))
        assert (office.idp.calls, office.idp.revocations) == (12, 0)


async def test_a_caller_that_gives_up_does_not_lose_the_new_token() -> None:
    """Cancelled while the provider rotates: the refresh goes on and is written."""
    async with open_office() as office:
        await office.authorised()
        office.clock.advance(hours=2)
        office.idp.hold()
        broker = office.broker()
        asking = asyncio.create_task(broker.bearer(office.connection))
        await office.idp.wait_until_held()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        waiting = asyncio.create_task(office.broker().bearer(office.connection))
        office.idp.release()
        assert (await waiting).reveal() == (await broker.bearer(office.connection)).reveal()
        assert (office.idp.calls, office.idp.revocations) == (1, 0)


@pytest.mark.promise("tokens:crash")
async def test_a_crash_before_the_call_recovers_when_the_lease_is_over() -> None:
    """The lease was taken and the process died: another one refreshes, once."""
    async with open_office() as office:
        await office.authorised()
        office.clock.advance(hours=2)
        await take_lease(office)
        with pytest.raises(RetryableError):
            await impatient(office).bearer(office.connection)
        assert office.idp.calls == 0
        office.clock.advance(seconds=31)
        await office.broker().bearer(office.connection)
        assert (office.idp.calls, office.idp.revocations) == (1, 0)


@pytest.mark.promise("tokens:crash")
async def test_a_crash_between_call_and_write_ends_in_needs_reauth_and_no_loop() -> None:
    """The provider rotated and nobody wrote it: the stored token is tried once, and kept."""
    async with open_office() as office:
        await office.authorised()
        office.clock.advance(hours=2)
        row = await take_lease(office)
        exchange = OAuthExchange(clock=office.clock, timeout_s=LONG_S)
        await exchange.refresh(office.connection, row)  # and the process dies here
        office.clock.advance(seconds=31)
        for _ in range(5):
            with pytest.raises(RefusedError) as caught:
                await office.broker().bearer(office.connection)
            assert caught.value.code is Code.NEEDS_REAUTH
        assert office.idp.calls == 2
        stored = await office.store.read(office.connection.id)
        assert stored is not None
        assert stored.state == "needs_reauth"
        assert stored.token is not None, "nothing is ever deleted"


async def take_lease(office: Office) -> Secret:
    row = await office.store.read(office.connection.id)
    assert row is not None
    assert row.token is not None
    assert row.token.refresh is not None
    now: datetime = office.clock.now()
    assert await office.store.take_lease(
        office.connection.id,
        version=row.version,
        owner="a process that dies",
        now=now,
        until=now.replace(second=now.second + 30),
    )
    return row.token.refresh


def impatient(office: Office) -> TokenBroker:
    async def breathe(seconds: float) -> None:
        await asyncio.sleep(0)

    return TokenBroker(
        store=office.store,
        exchange=OAuthExchange(clock=office.clock, timeout_s=LONG_S),
        clock=office.clock,
        owner="impatient",
        settings=BrokerSettings(sleep=breathe, poll_s=0.5, patience_s=2, dice=lambda: 1.0),
    )


async def test_a_store_that_cannot_write_does_not_lose_the_rotated_token() -> None:
    """The new token is used, kept, and written as soon as the store takes it."""
    async with open_office() as office:
        await office.authorised()
        office.clock.advance(hours=2)
        broker = office.broker()
        office.store.failures = 3
        first = await broker.bearer(office.connection)
        assert office.idp.calls == 1
        second = await broker.bearer(office.connection)
        stored = await office.store.read(office.connection.id)
        assert stored is not None
        assert stored.token is not None
        assert first == second == stored.token.access
        office.clock.advance(hours=2)
        await office.broker().bearer(office.connection)
        assert (office.idp.calls, office.idp.revocations) == (2, 0)


@pytest.mark.promise("tokens:race")
async def test_the_loser_of_a_race_uses_the_winners_token() -> None:
    """`invalid_grant` after another one refreshed: read again, use theirs, mark nothing."""
    async with open_office() as office:
        await office.authorised()
        office.clock.advance(hours=2)
        office.idp.add_faults(
            IdpFault(kind="status", status=400, body='{"error": "invalid_grant"}')
        )
        winner = OAuthToken(
            access=Secret("at-of-the-winner"),
            refresh=Secret("rt-of-the-winner"),
            issued_at=office.clock.now(),
            lifetime_s=3600,
        )

        class Overtaken(OAuthExchange):
            async def refresh(self, connection: Connection, refresh: Secret) -> OAuthToken:
                await office.store.put(connection.id, winner)
                return await super().refresh(connection, refresh)

        broker = TokenBroker(
            store=office.store,
            exchange=Overtaken(clock=office.clock),
            clock=office.clock,
            owner="loser",
        )
        assert (await broker.bearer(office.connection)).reveal() == "at-of-the-winner"
        stored = await office.store.read(office.connection.id)
        assert stored is not None
        assert stored.state == "active"


@pytest.mark.promise("tokens:race")
@pytest.mark.parametrize(
    "fault",
    [
        IdpFault(kind="status", status=429, body='{"error": "invalid_grant"}', retry_after_s=7),
        IdpFault(kind="status", status=500, body="<html>oops</html>"),
        IdpFault(kind="status", status=503, body='{"error": "invalid_grant"}'),
        IdpFault(kind="status", status=302, body=""),
        IdpFault(kind="status", status=200, body="[]"),
        IdpFault(kind="status", status=200, body='{"token_type": "mac", "access_token": "x"}'),
        IdpFault(kind="drop_before"),
    ],
    ids=["429", "500", "503", "302", "list", "mac", "drop"],
)
async def test_an_outage_changes_nothing(fault: IdpFault) -> None:
    """Whatever its body says, an answer that is none leaves the row as it was."""
    async with open_office() as office:
        await office.authorised()
        office.clock.advance(hours=2)
        office.idp.add_faults(fault)
        with pytest.raises(RetryableError) as caught:
            await office.broker().bearer(office.connection)
        assert caught.value.retry_after_s == fault.retry_after_s
        row = await office.store.read(office.connection.id)
        assert row is not None
        assert (row.state, row.lease_owner) == ("active", None)
        await office.broker().bearer(office.connection)
        assert (office.idp.calls, office.idp.revocations) == (2, 0)


async def test_a_consent_taken_back_needs_a_person() -> None:
    """The owner revoked it: asked once, then said at once, until it is authorised again."""
    async with open_office() as office:
        await office.authorised()
        stored = await office.store.read(office.connection.id)
        assert stored is not None
        assert stored.token is not None
        assert stored.token.refresh is not None
        office.idp.revoke(stored.token.refresh.reveal())
        office.clock.advance(hours=2)
        for _ in range(3):
            with pytest.raises(RefusedError):
                await office.broker().bearer(office.connection)
        assert office.idp.calls == 1
        await office.authorised()
        await office.broker().bearer(office.connection)


async def test_a_wrong_client_secret_does_not_condemn_the_grant() -> None:
    """`invalid_client` is a setting to correct, not a lost consent; the secret is not shown."""
    async with open_office(secret="wrong-but-secret") as office:
        await office.authorised()
        office.clock.advance(hours=2)
        with pytest.raises(RefusedError) as caught:
            await office.broker().bearer(office.connection)
        row = await office.store.read(office.connection.id)
        assert row is not None
        assert row.state == "active"
        assert "wrong-but-secret" not in f"{caught.value} {caught.value.detail} {row!r}"


@pytest.mark.promise("tokens:client")
async def test_a_hundred_callers_share_one_client_credentials_token() -> None:
    """One token per connection for the client's own grant too."""
    async with open_office(grant="client_credentials") as office:
        broker = office.broker()
        calls = [broker.bearer(office.connection) for _ in range(100)]
        assert len({bearer.reveal() for bearer in await asyncio.gather(*calls)}) == 1
        assert office.idp.calls == 1
        office.clock.advance(hours=2)
        await broker.bearer(office.connection)
        assert office.idp.calls == 2


async def test_a_connection_that_nobody_authorised_needs_a_person() -> None:
    """No row: no call, and the next step."""
    async with open_office() as office:
        with pytest.raises(RefusedError) as caught:
            await office.broker().bearer(office.connection)
        assert caught.value.code is Code.NEEDS_REAUTH
        assert office.idp.calls == 0


@pytest.mark.promise("tokens:pkce")
async def test_connecting_uses_a_challenge_and_a_state() -> None:
    """S256 is in the address, the state must come back, and the code is redeemed."""
    async with open_office() as office:
        exchange = OAuthExchange(clock=office.clock, timeout_s=LONG_S)
        begun = exchange.begin(office.connection)
        assert "code_challenge_method=S256" in begun.url
        assert "code_challenge=" in begun.url
        assert begun.verifier.reveal() not in begun.url
        with pytest.raises(RefusedError):
            await exchange.redeem(office.connection, begun, code="c", state="another")
        assert office.idp.calls == 0
        token = await exchange.redeem(office.connection, begun, code="c", state=begun.state)
        await office.broker().connected(office.connection, token)
        assert await office.broker().bearer(office.connection) == token.access


@pytest.mark.parametrize(
    "url", ["http://idp.example/token", "ftp://idp.example", "https://u:p@idp.example", "token"]
)
def test_an_endpoint_that_is_not_safe_is_a_wrong_setting(url: str) -> None:
    """A token never travels in the clear."""
    with pytest.raises(ConfigError):
        Connection(id="x", grant="refresh_token", token_endpoint=url, client_id="c")
