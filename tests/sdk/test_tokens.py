"""Bearer tokens: made once, stored as hashes, each with a kind, scopes and an end."""

from __future__ import annotations

import asyncio
import sqlite3
import zlib
from pathlib import Path
from typing import cast

import pytest
from support.shop_workspace import BEGUN, PEOPLE, ShopWorkspace, open_shop

from sayso.audit.authority.by import By
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, to_micros
from sayso.sdk.resources.tokens import MAX_DAYS, SERVICE_SCOPES, Kind, Scope, Token

MAIN = Tenant("main")
OPERATOR = Actor(kind=ActorKind.PERSON, id="root")
READ = frozenset({Scope.READ})


async def make(
    opened: ShopWorkspace,
    kind: Kind = "service",
    scopes: frozenset[Scope] = READ,
    *,
    holder: str = "bot",
    days: int = 1,
) -> tuple[Token, str]:
    """A new token."""
    return await opened.sayso.tokens.create(MAIN, kind, holder, scopes, days=days, by=OPERATOR)


async def refusal(opened: ShopWorkspace, secret: str) -> Code:
    """Why a secret opens nothing."""
    with pytest.raises(RefusedError) as refused:
        await opened.sayso.tokens.check(secret)
    return refused.value.code


def crc_of(body: str) -> str:
    """The checksum that a well-formed secret ends in."""
    return f"{zlib.crc32(body.encode()):08x}"


async def test_a_secret_opens_exactly_what_its_token_says(tmp_path: Path) -> None:
    """The secret finds the token that was made, with kind, holder and scopes."""
    async with open_shop(tmp_path) as opened:
        token, secret = await make(opened, scopes=frozenset({Scope.READ, Scope.PROPOSE}))
        assert await opened.sayso.tokens.check(secret) == token
        assert token.actor == Actor(kind=ActorKind.SERVICE, id="bot")
        person, _ = await make(opened, "person", frozenset({Scope.DECIDE}), holder="maria")
        assert person.actor == Actor(kind=ActorKind.PERSON, id="maria")
        assert secret.startswith("csk_")
        listed = await opened.sayso.tokens.list(MAIN)
        assert sorted(one.id for one in listed) == sorted([token.id, person.id])
        assert await opened.sayso.tokens.list(Tenant("other")) == []


@pytest.mark.promise("http:left")
@pytest.mark.parametrize("holder", ["idle", "gone", "Maria"])
async def test_a_token_of_nobody_who_is_listed_opens_nothing(tmp_path: Path, holder: str) -> None:
    """Nobody makes a token for somebody who is no active person."""
    async with open_shop(tmp_path) as opened:
        with pytest.raises(RefusedError) as refused:
            await make(opened, "person", frozenset(Scope), holder=holder)
        assert refused.value.code is Code.NOT_FOUND
        _, service = await make(opened, holder=holder)
        assert (await opened.sayso.tokens.check(service)).kind == "service"


@pytest.mark.promise("http:left")
async def test_the_token_of_somebody_who_has_left_opens_nothing(tmp_path: Path) -> None:
    """From the entry on that deactivates them, in every process."""
    async with open_shop(tmp_path) as opened:
        _, secret = await make(opened, "person", frozenset(Scope), holder="maria")
        async with open_shop(tmp_path, clock=opened.clock) as other:
            await other.sayso.people.deactivate(MAIN, "maria", by=By(actor=OPERATOR))
        assert await refusal(opened, secret) is Code.FORBIDDEN
        with pytest.raises(RefusedError) as refused:
            await opened.sayso.authentication.person(secret)
        assert refused.value.code is Code.FORBIDDEN


@pytest.mark.promise("http:left")
async def test_the_old_token_of_somebody_who_comes_back_opens_nothing(tmp_path: Path) -> None:
    """Whoever has kept it meanwhile is not let in with them; a service's of that name stays."""
    async with open_shop(tmp_path) as opened:
        people, by = opened.sayso.people, By(actor=OPERATOR)
        old, secret = await make(opened, "person", frozenset(Scope), holder="maria")
        _, service = await make(opened, holder="maria")
        _, session = await opened.sayso.sessions.begin("maria", via="link")
        await people.deactivate(MAIN, "maria", by=by)
        await people.add(MAIN, "maria", ("support_manager",), by=by)
        assert await refusal(opened, secret) is Code.UNAUTHENTICATED
        with pytest.raises(RefusedError):
            await opened.sayso.sessions.check(session)
        assert (await opened.sayso.tokens.check(service)).kind == "service"
        _, new = await make(opened, "person", frozenset(Scope), holder="maria")
        assert (await opened.sayso.tokens.check(new)).holder == "maria"
        assert (await people.authority(MAIN)).credentials[old.id].ended_at is not None
        assert opened.sayso.audit.verify().verdict == "verified"


@pytest.mark.promise("http:left")
async def test_neither_does_that_of_somebody_whom_the_file_brings_back(tmp_path: Path) -> None:
    """Where sayso.toml names them once more, as where a command does."""
    async with open_shop(tmp_path) as opened:
        _, secret = await make(opened, "person", frozenset(Scope), holder="maria", days=90)
    fewer = [person for person in PEOPLE if person["id"] != "maria"]
    opened.clock.advance(minutes=1)
    async with open_shop(tmp_path, clock=opened.clock, people=fewer) as without:
        assert await refusal(without, secret) is Code.FORBIDDEN
    opened.clock.advance(minutes=1)
    async with open_shop(tmp_path, clock=opened.clock) as again:
        assert await refusal(again, secret) is Code.UNAUTHENTICATED
        assert again.sayso.audit.verify().verdict == "verified"


async def test_a_secret_is_stored_nowhere(tmp_path: Path) -> None:
    """Invariant 6: neither the file nor its journal holds it, nor what is shown."""
    async with open_shop(tmp_path) as opened:
        token, secret = await make(opened)
        assert secret not in repr(token)
        middle = secret.split("_", 2)[2][:20].encode()
        for file in tmp_path.rglob("*"):
            if file.is_file():
                assert middle not in file.read_bytes(), file.name


@pytest.mark.parametrize("scope", [Scope.DECIDE, Scope.ADMIN])
async def test_a_service_never_decides(tmp_path: Path, scope: Scope) -> None:
    """Invariant 5: such a token cannot be made, alone or among others."""
    async with open_shop(tmp_path) as opened:
        for scopes in (frozenset({scope}), SERVICE_SCOPES | {scope}):
            with pytest.raises(RefusedError, match="never decide"):
                await make(opened, scopes=scopes)
        assert await opened.sayso.tokens.list(MAIN) == []


async def test_a_kind_that_does_not_exist_is_a_service_at_most(tmp_path: Path) -> None:
    """Whatever is no person's token is held to a service's scopes."""
    async with open_shop(tmp_path) as opened:
        with pytest.raises(RefusedError, match="never decide"):
            await make(opened, cast("Kind", "Person"), frozenset({Scope.DECIDE}))


@pytest.mark.parametrize("days", [0, -1, MAX_DAYS + 1])
async def test_a_token_without_an_end_or_a_scope_is_not_made(tmp_path: Path, days: int) -> None:
    """90 days at most, and never without a scope."""
    async with open_shop(tmp_path) as opened:
        with pytest.raises(RefusedError) as refused:
            await make(opened, days=days)
        assert refused.value.code is Code.INVALID_INPUT
        with pytest.raises(RefusedError, match="without a scope"):
            await make(opened, scopes=frozenset())


@pytest.mark.parametrize("holder", ["", " ", "a\0b", "x" * 201, "\ud800"])
async def test_a_holder_that_is_no_name_is_refused(tmp_path: Path, holder: str) -> None:
    """Invariant 7: whoever uses it must be nameable in the log."""
    async with open_shop(tmp_path) as opened:
        with pytest.raises(RefusedError) as refused:
            await make(opened, holder=holder)
        assert refused.value.code is Code.INVALID_INPUT


async def test_a_token_ends_at_its_end_and_not_before(tmp_path: Path) -> None:
    """The last microsecond counts, and the next does not."""
    async with open_shop(tmp_path) as opened:
        token, secret = await make(opened, days=2)
        opened.clock.advance(days=2, microseconds=-1)
        assert (await opened.sayso.tokens.check(secret)).id == token.id
        opened.clock.advance(microseconds=1)
        assert await refusal(opened, secret) is Code.UNAUTHENTICATED


async def test_a_revoked_token_opens_nothing_at_once_and_is_revoked_once(tmp_path: Path) -> None:
    """Revoking is immediate; a second time there is nothing to revoke."""
    async with open_shop(tmp_path) as opened:
        token, secret = await make(opened)
        other, other_secret = await make(opened)
        await opened.sayso.tokens.revoke(MAIN, token.id, by=OPERATOR)
        assert await refusal(opened, secret) is Code.UNAUTHENTICATED
        assert (await opened.sayso.tokens.check(other_secret)).id == other.id
        before = len(await opened.sayso.audit.tail(100))
        for tenant, unknown in ((MAIN, token.id), (MAIN, "tok_none"), (Tenant("else"), other.id)):
            with pytest.raises(RefusedError) as refused:
                await opened.sayso.tokens.revoke(tenant, unknown, by=OPERATOR)
            assert refused.value.code is Code.NOT_FOUND
        assert len(await opened.sayso.audit.tail(100)) == before


async def test_of_many_that_revoke_one_token_at_once_one_does(tmp_path: Path) -> None:
    """Invariant 3: one change, one entry."""
    async with open_shop(tmp_path) as opened:
        token, _ = await make(opened)
        done = await asyncio.gather(
            *(opened.sayso.tokens.revoke(MAIN, token.id, by=OPERATOR) for _ in range(10)),
            return_exceptions=True,
        )
        assert sum(one is None for one in done) == 1
        assert len(await opened.sayso.audit.query("kind:token.revoked")) == 1


async def test_no_altered_secret_opens_anything(tmp_path: Path) -> None:
    """Each character counts, also where the checksum is made to fit again."""
    async with open_shop(tmp_path) as opened:
        _, secret = await make(opened)
        body = secret.rpartition("_")[0]
        for at in range(len(secret)):
            other = "b" if secret[at] == "a" else "a"
            changed = secret[:at] + other + secret[at + 1 :]
            assert await refusal(opened, changed) is Code.UNAUTHENTICATED
        for at in range(4, len(body)):
            other = body[:at] + ("b" if body[at] == "a" else "a") + body[at + 1 :]
            assert await refusal(opened, f"{other}_{crc_of(other)}") is Code.UNAUTHENTICATED


@pytest.mark.parametrize(
    "secret",
    ["", "_", "csk_", "csk__", "x" * 100_000, "csk_\0", "csk_\ud800_\ud800", "csk_\ud800_00000000"],
    ids=repr,
)
async def test_what_is_no_secret_at_all_is_refused_the_same_way(
    tmp_path: Path, secret: str
) -> None:
    """Nothing that is sent breaks the check or learns more from it."""
    async with open_shop(tmp_path) as opened:
        assert await refusal(opened, secret) is Code.UNAUTHENTICATED


async def test_making_and_revoking_stand_in_a_log_that_verifies(tmp_path: Path) -> None:
    """Invariant 7: who made it for whom, with which scopes; who ended it."""
    async with open_shop(tmp_path) as opened:
        token, _ = await make(opened)
        await opened.sayso.tokens.revoke(MAIN, token.id, by=OPERATOR)
        ended, made = await opened.sayso.audit.tail(2)
        assert (made.kind, ended.kind) == ("token.created", "token.revoked")
        assert opened.sayso.audit.verify().verdict == "verified"
        with sqlite3.connect(opened.workspace.store_path) as rows:
            (body,) = rows.execute(f"select body from log_entry where seq = {BEGUN}").fetchone()
        rows.close()
        assert all(word in body for word in (token.id, "actions:read", '"bot"', '"root"'))


async def test_a_token_says_when_it_was_used_last_and_writes_once_a_minute(
    tmp_path: Path,
) -> None:
    """To the minute; a use is no entry of the log, which verifies all the same."""
    async with open_shop(tmp_path) as opened:
        token, secret = await make(opened)
        tokens, clock = opened.sayso.tokens, opened.clock
        assert await tokens.seen(MAIN) == {}
        assert await refusal(opened, f"{secret[:-8]}{crc_of('other')}") is Code.UNAUTHENTICATED
        assert await tokens.seen(MAIN) == {}
        first = to_micros(clock.now())
        await tokens.check(secret)
        version = await opened.sayso.version()
        clock.advance(seconds=59)
        for _ in range(3):
            await tokens.check(secret)
        assert await tokens.seen(MAIN) == {token.id: first}
        assert await opened.sayso.version() == version
        clock.advance(seconds=1)
        await tokens.check(secret)
        assert await tokens.seen(MAIN) == {token.id: first + 60_000_000}
        assert opened.sayso.audit.verify().verdict == "verified"
