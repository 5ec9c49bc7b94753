"""A rotated token that the store does not take, and whoever comes meanwhile."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest
from connectors.oauth_office import Office, open_office

from sayso.connectors.oauth.tokens import OAuthToken
from sayso.errors import Code, RetryableError
from sayso.secret import Secret

ALWAYS = 1_000


class Held:
    """Holds whoever comes until it is told that they may go on."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def pause(self) -> None:
        """Say that somebody is here, and wait."""
        self.begun.set()
        await self.goes_on.wait()


def authorised_by_a_person(office: Office) -> OAuthToken:
    """What a person's new consent gives."""
    grant = office.idp.grant()
    return OAuthToken(
        access=Secret(grant.access),
        refresh=Secret(grant.refresh),
        issued_at=office.clock.now(),
        lifetime_s=office.idp.lifetime_s,
    )


@pytest.mark.promise("tokens:crash")
async def test_a_used_refresh_token_is_never_tried_again() -> None:
    """The provider has rotated and the store is down: an error until it is written.

    The stored refresh token was used already, and a second use would end the whole grant.
    """
    async with open_office() as office:
        await office.authorised()
        office.clock.advance(hours=2)
        broker = office.broker()
        office.store.failures = ALWAYS
        await broker.bearer(office.connection)
        office.clock.advance(hours=2)
        for _ in range(3):
            with pytest.raises(RetryableError) as caught:
                await broker.bearer(office.connection)
            assert caught.value.code is Code.STORE_UNAVAILABLE
        assert (office.idp.calls, office.idp.revocations) == (1, 0)
        office.store.failures = 0
        bearer = await broker.bearer(office.connection)
        stored = await office.store.read(office.connection.id)
        assert stored is not None
        assert stored.token is not None
        assert stored.token.access == bearer
        assert (office.idp.calls, office.idp.revocations) == (2, 0)


@pytest.mark.promise("tokens:race")
@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_person_who_authorises_during_the_write_wins(
    moment: Literal["before", "after"],
) -> None:
    """Their token is the later one, for the caller too, and nothing breaks off."""
    async with open_office() as office:
        await office.authorised()
        office.clock.advance(hours=2)
        broker = office.broker()
        theirs = authorised_by_a_person(office)

        async def authorise() -> None:
            await broker.connected(office.connection, theirs)

        setattr(office.store, moment, authorise)
        assert await broker.bearer(office.connection) == theirs.access
        stored = await office.store.read(office.connection.id)
        assert stored is not None
        assert stored.token == theirs
        assert await broker.bearer(office.connection) == theirs.access
        assert (office.idp.calls, office.idp.revocations) == (1, 0)


@pytest.mark.promise("tokens:race")
async def test_a_person_who_authorises_while_a_kept_token_is_written_late_wins() -> None:
    """The store was down, and comes back while somebody connects the account anew."""
    async with open_office() as office:
        await office.authorised()
        office.clock.advance(hours=2)
        broker = office.broker()
        office.store.failures = 3
        await broker.bearer(office.connection)
        theirs = authorised_by_a_person(office)

        async def authorise() -> None:
            await broker.connected(office.connection, theirs)

        office.store.before = authorise
        assert await broker.bearer(office.connection) == theirs.access
        await broker.close()
        stored = await office.store.read(office.connection.id)
        assert stored is not None
        assert stored.token == theirs


@pytest.mark.promise("tokens:race")
async def test_a_close_during_which_a_person_authorises_ends_well() -> None:
    """The last try to write what is unwritten is overtaken: theirs stays, and it closes."""
    async with open_office() as office:
        await office.authorised()
        office.clock.advance(hours=2)
        broker = office.broker()
        office.store.failures = 3
        await broker.bearer(office.connection)
        theirs = authorised_by_a_person(office)

        async def authorise() -> None:
            await broker.connected(office.connection, theirs)

        office.store.after = authorise
        await broker.close()
        stored = await office.store.read(office.connection.id)
        assert stored is not None
        assert stored.token == theirs


@pytest.mark.promise("tokens:one-refresh")
async def test_a_caller_who_comes_after_one_that_gave_up_during_the_write_gets_the_token() -> None:
    """Both write the same token, the store takes it once, and neither breaks off."""
    async with open_office() as office:
        await office.authorised()
        office.clock.advance(hours=2)
        broker = office.broker()
        first, second = Held(), Held()
        office.store.before = first.pause
        gives_up = asyncio.create_task(broker.bearer(office.connection))
        await first.begun.wait()
        gives_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gives_up
        office.store.before = second.pause
        comes_later = asyncio.create_task(broker.bearer(office.connection))
        await second.begun.wait()
        written = Held()
        written.goes_on.set()
        office.store.after = written.pause
        first.goes_on.set()
        await written.begun.wait()
        second.goes_on.set()
        bearer = await comes_later
        await broker.close()
        stored = await office.store.read(office.connection.id)
        assert stored is not None
        assert stored.token is not None
        assert stored.token.access == bearer
        assert (office.idp.calls, office.idp.revocations) == (1, 0)
