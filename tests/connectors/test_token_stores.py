"""Where tokens are kept: the promises of `TokenStore`, in memory and in the database alike."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from connectors.oauth_office import MemoryTokenStore

from sayso.connectors.oauth.token_rows import SqlTokenStore
from sayso.connectors.oauth.tokens import OAuthToken, TokenStore
from sayso.connectors.vault import Vault, new_key
from sayso.dispatch.clock_skew import CALM_S, Stragglers
from sayso.errors import Code, ConfigError, IntegrityError
from sayso.ids import Tenant
from sayso.secret import Secret
from sayso.store.sqlite.store import SqliteStore, open_connection
from sayso.testing.clock import START, FakeClock

MAIL = "main/mail"
NEXT_MINUTE = START + timedelta(minutes=1)
MAIN = Tenant("main")


KEY = new_key(secrets.token_bytes)


def vault(key: Secret = KEY, *older: Secret) -> Vault:
    return Vault(key, older, entropy=secrets.token_bytes)


def token(name: str, *, refresh: bool = True, lifetime_s: int | None = 3600) -> OAuthToken:
    return OAuthToken(
        access=Secret(f"at-{name}"),
        refresh=Secret(f"rt-{name}") if refresh else None,
        issued_at=START + timedelta(microseconds=17),
        lifetime_s=lifetime_s,
    )


@pytest.fixture
async def database(tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    """A database with our schema."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    yield store
    await store.close()


@pytest.fixture(params=["memory", "sqlite"])
def tokens(request: pytest.FixtureRequest, database: SqliteStore) -> TokenStore:
    """Each kind of store, empty."""
    makers: dict[str, Callable[[], TokenStore]] = {
        "memory": MemoryTokenStore,
        "sqlite": lambda: SqlTokenStore(database, vault(), MAIN),
    }
    return makers[request.param]()


async def lease(tokens: TokenStore, version: int, owner: str = "p1", now: datetime = START) -> bool:
    """Ask for a lease of a minute."""
    return await tokens.take_lease(
        MAIL, version=version, owner=owner, now=now, until=now + timedelta(minutes=1)
    )


async def test_an_unknown_connection_has_no_row(tokens: TokenStore) -> None:
    """None, not an empty row."""
    assert await tokens.read(MAIL) is None


@pytest.mark.parametrize(
    "kept", [token("a"), token("b", refresh=False), token("c", lifetime_s=None)]
)
async def test_a_token_comes_back_as_it_was_put(tokens: TokenStore, kept: OAuthToken) -> None:
    """Bearer, refresh token, age to the microsecond, life."""
    await tokens.put(MAIL, kept)
    row = await tokens.read(MAIL)
    assert row is not None
    assert (row.token, row.version, row.state) == (kept, 1, "active")
    assert (row.lease_owner, row.lease_until, row.refresh_started_at) == (None, None, None)


async def test_a_lease_is_one_owners_until_it_ends(tokens: TokenStore) -> None:
    """Others wait until it has run out to the microsecond; the row says who, and since when."""
    await tokens.put(MAIL, token("a"))
    assert await lease(tokens, 1)
    assert not await lease(tokens, 1, "p2", NEXT_MINUTE - timedelta(microseconds=1))
    row = await tokens.read(MAIL)
    assert row is not None
    assert (row.lease_owner, row.lease_until, row.refresh_started_at) == ("p1", NEXT_MINUTE, START)
    assert row.token == token("a"), "a lease takes nothing away"
    assert await lease(tokens, 1, "p2", NEXT_MINUTE)


async def test_a_lease_on_another_version_is_not_given(tokens: TokenStore) -> None:
    """Who read an old row must read again."""
    await tokens.put(MAIL, token("a"))
    await tokens.put(MAIL, token("b"))
    assert not await lease(tokens, 0)
    assert not await lease(tokens, 1)
    assert await lease(tokens, 2)


async def test_the_first_lease_makes_an_empty_row_once(tokens: TokenStore) -> None:
    """A grant without a person starts from nothing: one owner, no token yet."""
    assert not await lease(tokens, 1)
    assert await lease(tokens, 0)
    assert not await lease(tokens, 0, "p2")
    row = await tokens.read(MAIL)
    assert row is not None
    assert (row.version, row.token, row.state) == (0, None, "active")
    assert await tokens.write(MAIL, version=0, owner="p1", token=token("a"))
    row = await tokens.read(MAIL)
    assert row is not None
    assert (row.version, row.token) == (1, token("a"))


async def test_a_write_ends_the_refresh(tokens: TokenStore) -> None:
    """New token, next version, no lease, no refresh under way."""
    await tokens.put(MAIL, token("a"))
    assert await lease(tokens, 1)
    assert await tokens.write(MAIL, version=1, owner="p1", token=token("b"))
    row = await tokens.read(MAIL)
    assert row is not None
    assert (row.version, row.token, row.state) == (2, token("b"), "active")
    assert (row.lease_owner, row.lease_until, row.refresh_started_at) == (None, None, None)


@pytest.mark.parametrize(("version", "owner"), [(1, "p2"), (0, "p1"), (2, "p1")])
async def test_only_the_holder_of_the_lease_changes_the_row(
    tokens: TokenStore, version: int, owner: str
) -> None:
    """Another owner, or one that read another version, writes, marks and releases nothing."""
    await tokens.put(MAIL, token("a"))
    assert await lease(tokens, 1)
    before = await tokens.read(MAIL)
    assert not await tokens.write(MAIL, version=version, owner=owner, token=token("b"))
    assert not await tokens.mark_needs_reauth(MAIL, version=version, owner=owner)
    await tokens.release(MAIL, version=version, owner=owner)
    assert await tokens.read(MAIL) == before


async def test_a_release_leaves_the_token_and_the_trace_of_the_refresh(tokens: TokenStore) -> None:
    """The next one may try at once, and still reads that somebody began."""
    await tokens.put(MAIL, token("a"))
    assert await lease(tokens, 1)
    await tokens.release(MAIL, version=1, owner="p1")
    row = await tokens.read(MAIL)
    assert row is not None
    assert (row.version, row.token, row.refresh_started_at) == (1, token("a"), START)
    assert await lease(tokens, 1, "p2")


async def test_needs_reauth_keeps_the_token_until_a_person_comes(tokens: TokenStore) -> None:
    """Nothing is deleted; what a person authorises replaces it, whatever was there."""
    await tokens.put(MAIL, token("a"))
    assert await lease(tokens, 1)
    assert await tokens.mark_needs_reauth(MAIL, version=1, owner="p1")
    row = await tokens.read(MAIL)
    assert row is not None
    assert (row.version, row.state, row.token) == (2, "needs_reauth", token("a"))
    assert (row.lease_owner, row.refresh_started_at) == (None, None)
    await tokens.put(MAIL, token("b"))
    row = await tokens.read(MAIL)
    assert row is not None
    assert (row.version, row.state, row.token) == (3, "active", token("b"))


async def test_a_put_ends_a_refresh_that_runs(tokens: TokenStore) -> None:
    """A person's consent is newer than any refresh that began before it."""
    await tokens.put(MAIL, token("a"))
    assert await lease(tokens, 1)
    await tokens.put(MAIL, token("b"))
    assert not await tokens.write(MAIL, version=1, owner="p1", token=token("late"))
    row = await tokens.read(MAIL)
    assert row is not None
    assert (row.token, row.lease_owner) == (token("b"), None)


# ---- in the database only --------------------------------------------------------------------


def rows_of(store: SqliteStore, sql: str, *values: object) -> list[tuple[object, ...]]:
    """Whatever a stranger with the file would do to it."""
    with closing(open_connection(store.path, create=False)) as connection:
        return [tuple(row) for row in connection.execute(sql, values)]


@pytest.mark.promise("vault:place")
async def test_no_token_stands_in_the_file_in_clear(database: SqliteStore, tmp_path: Path) -> None:
    """Neither in the database nor in its write-ahead log."""
    tokens = SqlTokenStore(database, vault(), MAIN)
    await tokens.put(MAIL, token("canary"))
    assert await lease(tokens, 1)
    assert await tokens.write(MAIL, version=1, owner="p1", token=token("canary-2"))
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert any(MAIL.encode() in content for content in files.values()), "nothing was written"
    assert [name for name, content in files.items() if b"-canary" in content] == []


@pytest.mark.promise("vault:place")
@pytest.mark.parametrize("column", ["connection", "tenant"])
async def test_rows_that_were_swapped_do_not_open(database: SqliteStore, column: str) -> None:
    """Two connections or two tenants with exchanged blobs: both are refused, none is used."""
    other_tenant = Tenant("other") if column == "tenant" else MAIN
    other_name = MAIL if column == "tenant" else "main/crm"
    mine = SqlTokenStore(database, vault(), MAIN)
    theirs = SqlTokenStore(database, vault(), other_tenant)
    await mine.put(MAIL, token("mine"))
    await theirs.put(other_name, token("theirs"))
    (one,), (two,) = rows_of(database, "select sealed from connection_token order by rowid")
    for sealed, tenant, name in ((two, MAIN, MAIL), (one, other_tenant, other_name)):
        rows_of(
            database,
            "update connection_token set sealed = ? where tenant = ? and connection = ?",
            sealed,
            tenant,
            name,
        )
    for store, name in ((mine, MAIL), (theirs, other_name)):
        with pytest.raises(IntegrityError) as caught:
            await store.read(name)
        assert caught.value.code is Code.TAMPERED


@pytest.mark.promise("vault:place")
async def test_tenants_do_not_see_each_other(database: SqliteStore) -> None:
    """The same name is two rows."""
    mine = SqlTokenStore(database, vault(), MAIN)
    theirs = SqlTokenStore(database, vault(), Tenant("other"))
    await mine.put(MAIL, token("mine"))
    assert await theirs.read(MAIL) is None
    await theirs.put(MAIL, token("theirs"))
    row = await mine.read(MAIL)
    assert row is not None
    assert row.token == token("mine")


@pytest.mark.promise("vault:rotation")
async def test_a_new_key_takes_over_under_a_running_refresh(database: SqliteStore) -> None:
    """Rotation: every row is sealed anew, no version moves, and then the old key may go."""
    old_key, key = new_key(secrets.token_bytes), new_key(secrets.token_bytes)
    before = SqlTokenStore(database, vault(old_key), MAIN)
    await before.put(MAIL, token("a"))
    await before.put("main/crm", token("b"))
    assert await lease(before, 1)
    rotated = SqlTokenStore(database, vault(key, old_key), MAIN)
    assert await rotated.read(MAIL) == await before.read(MAIL)
    assert await rotated.reseal() == 2
    assert await rotated.reseal() == 0
    after = SqlTokenStore(database, vault(key), MAIN)
    row = await after.read(MAIL)
    assert row is not None
    assert (row.version, row.lease_owner, row.token) == (1, "p1", token("a"))
    assert await after.write(MAIL, version=1, owner="p1", token=token("c"))
    with pytest.raises(ConfigError) as caught:
        await before.read("main/crm")
    assert caught.value.code is Code.KEY_MISMATCH


async def test_a_row_that_does_not_open_does_not_stop_the_others(database: SqliteStore) -> None:
    """One of a lost key, one that was tampered with, one good: the good one is sealed anew."""
    old_key, key = new_key(secrets.token_bytes), new_key(secrets.token_bytes)
    await SqlTokenStore(database, vault(new_key(secrets.token_bytes)), MAIN).put(
        "main/lost", token("lost")
    )
    before = SqlTokenStore(database, vault(old_key), MAIN)
    await before.put("main/bent", token("bent"))
    await before.put(MAIL, token("a"))
    rows_of(
        database,
        "update connection_token set sealed = substr(sealed, 1, 60) where connection = 'main/bent'",
    )
    assert await SqlTokenStore(database, vault(key, old_key), MAIN).reseal() == 1
    row = await SqlTokenStore(database, vault(key), MAIN).read(MAIL)
    assert row is not None
    assert row.token == token("a")


async def test_a_sealed_text_of_another_form_is_refused_without_being_shown(
    database: SqliteStore,
) -> None:
    """Our key, and not our form: no traceback repeats what was in it."""
    tokens = SqlTokenStore(database, vault(), MAIN)
    await tokens.put(MAIL, token("a"))
    odd = vault().seal(b'{"access": ["at-canary"]}', tenant=MAIN, connection=MAIL)
    rows_of(database, "update connection_token set sealed = ?", odd)
    with pytest.raises(IntegrityError) as caught:
        await tokens.read(MAIL)
    assert caught.value.__cause__ is None
    assert "canary" not in f"{caught.value!r} {caught.value.detail}"


async def test_a_refresh_that_died_while_the_clock_was_ahead_holds_nobody_up_for_weeks(
    database: SqliteStore,
) -> None:
    """A minute after the start its lease is over, as that of an action is."""
    clock, seconds = FakeClock(START), 0.0
    tokens = SqlTokenStore(database, vault(), MAIN)
    await tokens.put(MAIL, token("1"))
    ahead = START + timedelta(days=40)
    later = ahead + timedelta(seconds=30)
    assert await tokens.take_lease(MAIL, version=1, owner="dead", now=ahead, until=later)
    stragglers = Stragglers(database, clock, lambda: seconds)
    await stragglers.put_due()

    async def can_lease() -> bool:
        until = NEXT_MINUTE + timedelta(seconds=30)
        return await tokens.take_lease(MAIL, version=1, owner="b", now=NEXT_MINUTE, until=until)

    assert not await can_lease()
    clock.advance(seconds=CALM_S)
    seconds += CALM_S
    await stragglers.put_due()
    assert await can_lease()
