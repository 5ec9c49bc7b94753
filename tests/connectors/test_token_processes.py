"""The broker in real processes on one SQLite file: races, and kill -9."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast, get_args

import pytest
from connectors.token_worker import Grant, Job, connection_of, rows_on
from support.faults.crash import crash_at, paused_at
from support.identity_provider import FakeIdp

from sayso.connectors.oauth.client import OAuthExchange
from sayso.connectors.oauth.refresh import TokenBroker
from sayso.connectors.oauth.tokens import OAuthToken, TokenRow
from sayso.connectors.vault import new_key
from sayso.errors import Code, RefusedError
from sayso.secret import Secret
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import START, FakeClock

logger = logging.getLogger(__name__)

WORK = "connectors.token_worker:ask"
PROCESSES, CALLS = 8, 60
LIMIT_S = 60.0
PACE = 10.0
"""A token lives for whole seconds, so 0.3 s are 3 s of a clock that runs ten times as fast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a process says at its end."""

    calls: int
    bearers: list[str]
    errors: list[str]


@dataclass(kw_only=True)
class Site:
    """A provider, a database, and the processes on it."""

    idp: FakeIdp
    store: SqliteStore
    job: Job

    async def authorised(self) -> None:
        """A person has connected the account, and the first token is over."""
        grant = self.idp.grant()
        token = OAuthToken(
            access=Secret(grant.access),
            refresh=Secret(grant.refresh),
            issued_at=START - timedelta(hours=2),
            lifetime_s=3600,
        )
        await rows_on(self.store, self.job.key).put("main/mail", token)

    async def row(self) -> TokenRow:
        """The stored row."""
        row = await rows_on(self.store, self.job.key).read("main/mail")
        assert row is not None
        return row

    def broker(self, clock: FakeClock) -> TokenBroker:
        """The broker of a process that comes later."""
        return TokenBroker(
            store=rows_on(self.store, self.job.key),
            exchange=OAuthExchange(clock=clock),
            clock=clock,
            owner="later",
        )


@asynccontextmanager
async def open_site(
    folder: Path, *, lifetime_s: int, grant: Grant = "refresh_token"
) -> AsyncGenerator[Site]:
    store = SqliteStore(folder / "sayso.db", create=True)
    async with FakeIdp.start(lifetime_s=lifetime_s) as idp:
        job = Job(
            database=str(store.path),
            key=new_key(secrets.token_bytes).reveal(),
            token_endpoint=idp.token_endpoint,
            grant=grant,
            began=datetime.now(UTC).timestamp(),
        )
        yield Site(idp=idp, store=store, job=job)
    await store.close()


async def race(job: Job) -> list[Told]:
    """What each of the processes says at the end; all begin once the last one is ready."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(paused_at(WORK, "ready", job.told())) for _ in range(PROCESSES)
        ]
        for process in processes:
            process.resume()
        said = await asyncio.gather(*(asyncio.to_thread(one.result) for one in processes))
    return [Told(**cast("dict[str, Any]", one)) for one in said]


@pytest.mark.promise("tokens:one-refresh")
@pytest.mark.parametrize("lives", [1, 8], ids=["sixty-calls", "eight-lives"])
async def test_eight_processes_share_a_token_that_lives_for_0_3_s(
    tmp_path: Path, lives: int
) -> None:
    """No error and no revocation, for 60 calls each, and until each was given eight tokens.

    The provider revokes the whole family at the first double use, so zero says that no refresh
    token was ever sent twice.
    """
    async with open_site(tmp_path, lifetime_s=3) as site:
        await site.authorised()
        job = replace(site.job, pace=PACE, calls=CALLS, lives=lives)
        said = await race(job)
        given = {bearer for one in said for bearer in one.bearers}
        asked = sum(one.calls for one in said)
        logger.info(
            "%d bearers, %d token calls, %d revocations",
            asked,
            site.idp.calls,
            site.idp.revocations,
        )
        assert [error for one in said for error in one.errors] == []
        assert site.idp.revocations == 0
        assert all(one.calls >= CALLS for one in said)
        assert len(given) <= site.idp.calls
        assert site.idp.calls >= lives
        row = await site.row()
        assert (row.state, row.version, row.lease_owner) == ("active", 1 + site.idp.calls, None)


@pytest.mark.promise("tokens:client")
@pytest.mark.parametrize("grant", get_args(Grant))
async def test_eight_processes_make_one_call_for_a_token_that_lives_for_an_hour(
    tmp_path: Path, grant: Grant
) -> None:
    """480 bearers, one token call, one bearer; a token of the client itself as well."""
    async with open_site(tmp_path, lifetime_s=3600, grant=grant) as site:
        if grant == "refresh_token":
            await site.authorised()
        said = await race(replace(site.job, calls=CALLS))
        assert [error for one in said for error in one.errors] == []
        assert len({bearer for one in said for bearer in one.bearers}) == 1
        assert sum(one.calls for one in said) == PROCESSES * CALLS
        assert (site.idp.calls, site.idp.revocations) == (1, 0)


Killed = Literal["leased", "called", "answered"]


async def kill_at(site: Site, place: Killed) -> None:
    """A process that refreshes, and kill -9 at the place.

    `leased`: `refresh_started` is written and nothing is sent. `called`: the provider has rotated
    and its answer is on the way. `answered`: it has come and is not written.
    """
    told = site.job.told()
    if place != "called":
        await asyncio.to_thread(crash_at, WORK, place, told)
        return
    site.idp.hold()
    with paused_at(WORK, "ready", told) as process:
        process.resume()
        await site.idp.wait_until_held(LIMIT_S)
    site.idp.release()


@pytest.mark.promise("tokens:crash")
async def test_a_process_killed_before_its_call_is_followed_by_another(tmp_path: Path) -> None:
    """The stored token was not used: after the lease it is tried once, and works."""
    async with open_site(tmp_path, lifetime_s=3600) as site:
        await site.authorised()
        await kill_at(site, "leased")
        row = await site.row()
        assert row.refresh_started_at is not None
        assert row.lease_owner is not None
        clock = FakeClock(START + timedelta(minutes=10))
        await site.broker(clock).bearer(connection_of(site.idp.token_endpoint, "refresh_token"))
        assert (site.idp.calls, site.idp.revocations) == (1, 0)
        assert (await site.row()).refresh_started_at is None


@pytest.mark.promise("tokens:crash")
@pytest.mark.parametrize("place", ["called", "answered"])
async def test_a_process_killed_after_its_call_ends_in_needs_reauth(
    tmp_path: Path, place: Killed
) -> None:
    """The rotated token died with it: the stored one is tried once, and is kept."""
    async with open_site(tmp_path, lifetime_s=3600) as site:
        await site.authorised()
        before = await site.row()
        await kill_at(site, place)
        clock = FakeClock(START + timedelta(minutes=10))
        for _ in range(5):
            with pytest.raises(RefusedError) as caught:
                await site.broker(clock).bearer(
                    connection_of(site.idp.token_endpoint, "refresh_token")
                )
            assert caught.value.code is Code.NEEDS_REAUTH
            clock.advance(hours=1)
        assert site.idp.calls == 2, "the killed one's call, and one try; no loop"
        row = await site.row()
        assert (row.state, row.token) == ("needs_reauth", before.token)


@pytest.mark.parametrize("place", get_args(Killed))
async def test_a_killed_process_costs_a_client_nothing(tmp_path: Path, place: Killed) -> None:
    """A token of the client itself can be asked for anew, wherever the process died."""
    async with open_site(tmp_path, lifetime_s=3600, grant="client_credentials") as site:
        await kill_at(site, place)
        clock = FakeClock(START + timedelta(minutes=10))
        connection = connection_of(site.idp.token_endpoint, "client_credentials")
        bearers = {(await site.broker(clock).bearer(connection)).reveal() for _ in range(3)}
        assert len(bearers) == 1
        assert site.idp.calls == (1 if place == "leased" else 2)
