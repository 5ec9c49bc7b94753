"""Sessions by a company's provider: asked again before each decision, and ended from there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from support.sql import run_sql
from surfaces.console.served_company import Company, open_company
from surfaces.console.served_console import ROOT

from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.errors import RefusedError
from sayso.sdk.views.solution import SolutionView
from sayso.store.base import blob

pytestmark = pytest.mark.promise("console:oidc-recheck")


@asynccontextmanager
async def signed_in(
    folder: Path, *, refreshes: bool = True, **more: Any
) -> AsyncGenerator[tuple[Company, httpx.AsyncClient, SolutionView]]:
    """Maria is signed in by her company, and a card waits for her."""
    more = {"scopes": ["offline_access"], **more}
    async with open_company(folder, **more) as company, company.browser() as browser:
        company.provider.refreshes = refreshes
        view = await company.console.ask()
        assert (await company.login(browser)).status_code == 303
        company.provider.calls.clear()
        yield company, browser, view


async def say_yes(browser: httpx.AsyncClient, view: SolutionView) -> httpx.Response:
    """Press Yes."""
    form = {"decision": "yes", "revision": str(view.revision), "digest": view.digest}
    return await browser.post(f"{ROOT}/solution/{view.id}/decision", data=form)


async def is_decided(company: Company, view: SolutionView) -> bool:
    """Whether the log has an answer."""
    return (await company.console.sayso.solutions.get(view.id)).status != "pending"


async def signed_out(company: Company, token: str) -> int:
    """What the console answers to a logout token, which no browser sends."""
    async with httpx.AsyncClient() as program:
        url = f"{company.console.url}{ROOT}/enter/signed-out"
        answer = await program.post(url, data={"logout_token": token})
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code


async def test_a_decision_within_five_minutes_asks_nobody(tmp_path: Path) -> None:
    """The login was the check."""
    async with signed_in(tmp_path) as (company, browser, view):
        company.clock.advance(minutes=4)
        assert (await say_yes(browser, view)).status_code == 303
        assert await is_decided(company, view)
        assert company.provider.calls == []


async def test_a_later_one_asks_first_and_once_for_five_minutes(tmp_path: Path) -> None:
    """By the refresh token, which rotates; ten at once are one question."""
    async with signed_in(tmp_path) as (company, browser, view):
        assert "is asked about you again every 5 minutes" in (await browser.get(f"{ROOT}/me")).text
        for _ in range(3):
            company.clock.advance(minutes=6)
            answers = await asyncio.gather(
                *(browser.post(f"{ROOT}/me", data={"keys": "off"}) for _ in range(10))
            )
            assert {answer.status_code for answer in answers} == {303}
        assert company.provider.calls == ["refresh_token"] * 3
        assert (await say_yes(browser, view)).status_code == 303
        assert await is_decided(company, view)
        assert company.provider.calls == ["refresh_token"] * 3


async def test_a_page_does_not_wait_and_has_the_provider_asked_beside_it(tmp_path: Path) -> None:
    """The next decision finds the answer."""
    async with signed_in(tmp_path) as (company, browser, view):
        company.clock.advance(minutes=6)
        assert (await browser.get(f"{ROOT}/solution/{view.id}")).status_code == 200
        await company.console.sayso.oidc.sessions.settle()
        assert company.provider.calls == ["refresh_token"]
        assert (await say_yes(browser, view)).status_code == 303
        assert company.provider.calls == ["refresh_token"]


@pytest.mark.parametrize("signs", [True, False], ids=["id token", "userinfo"])
async def test_whoever_left_a_group_decides_no_more(signs: bool, tmp_path: Path) -> None:
    """The role goes by an entry that counts everywhere, before the decision is looked at."""
    async with signed_in(tmp_path) as (company, browser, view):
        company.provider.signs_refreshes = signs
        company.provider.person["groups"] = ["money"]
        company.clock.advance(minutes=6)
        await say_yes(browser, view)
        assert not await is_decided(company, view)
        assert await company.roles("maria") == {"finance"}
        company.provider.person["groups"] = []
        company.clock.advance(minutes=6)
        answer = await say_yes(browser, view)
        assert (answer.status_code, await company.who(browser)) == (401, "")
        assert not await is_decided(company, view)
        assert await company.roles("maria") == set()
        sayso = company.console.sayso
        await sayso.audit.export(tmp_path / "bundle")
        found = verify(tmp_path / "bundle", deep=True)
        assert found.verdict is Verdict.VERIFIED, found.all_findings


@pytest.mark.parametrize(
    "edit",
    [
        "update session set via = 'link'",
        "update session set started_at = 9999999999999999, seen_at = 9999999999999999",
        "replace into session select tenant, token_id, 'link', 1, seen_at from session",
    ],
)
async def test_whoever_left_decides_no_more_though_the_row_of_their_session_says_another_way_in(
    edit: str, tmp_path: Path
) -> None:
    """How somebody signed in, and when, is said by the log: the row says when it was used last."""
    async with signed_in(tmp_path) as (company, browser, view):
        run_sql("sqlite", company.console.opened, edit)
        company.provider.alive.clear()
        company.clock.advance(minutes=6)
        assert (await say_yes(browser, view)).status_code == 401
        assert not await is_decided(company, view)


async def test_groups_of_a_thin_id_token_come_from_the_userinfo(tmp_path: Path) -> None:
    """As Okta's org server gives them: at the login, and later."""
    async with open_company(tmp_path) as company, company.browser() as browser:
        company.provider.thin = company.provider.refreshes = True
        company.provider.person["groups"] = ["money"]
        assert (await company.login(browser)).status_code == 303
        assert await company.roles("maria") == {"finance"}
        company.provider.person["groups"] = ["leads"]
        company.clock.advance(minutes=6)
        assert (await browser.post(f"{ROOT}/me", data={"keys": "off"})).status_code == 303
        assert await company.roles("maria") == {"support_manager"}


async def test_a_session_ends_where_the_provider_takes_its_grant_back(tmp_path: Path) -> None:
    """`invalid_grant`: they left, or were signed out there; by a decision or beside a page."""
    async with signed_in(tmp_path) as (company, browser, view):
        company.provider.alive.clear()
        company.clock.advance(minutes=6)
        answer = await say_yes(browser, view)
        assert answer.status_code == 401
        assert "Nothing was done: your company" in answer.text
        assert not await is_decided(company, view)
        assert await company.who(browser) == ""
        assert await company.roles("maria") == {"support_manager"}
        newest = (await company.console.sayso.audit.tail(limit=1))[0]
        assert (newest.kind, newest.actor) == ("token.revoked", "system:oidc")
        assert (await company.login(browser)).status_code == 303
        company.provider.alive.clear()
        company.clock.advance(minutes=6)
        assert (await browser.get(f"{ROOT}/")).status_code == 200
        await company.console.sayso.oidc.sessions.settle()
        assert (await browser.get(f"{ROOT}/")).status_code == 303
        await company.console.sayso.audit.export(tmp_path / "bundle")
        found = verify(tmp_path / "bundle", deep=True)
        assert found.verdict is Verdict.VERIFIED, found.all_findings


@pytest.mark.parametrize(
    "spoiled",
    [{"sub": "u-2"}, {"aud": "other"}, {"iss": "https://evil.example"}, {"nonce": "0" * 64}],
    ids=str,
)
async def test_an_answer_about_somebody_else_ends_the_session(
    spoiled: dict[str, str], tmp_path: Path
) -> None:
    """OpenID Connect Core §12.2."""
    async with signed_in(tmp_path) as (company, browser, view):
        company.provider.spoil = lambda said: said | spoiled
        company.clock.advance(minutes=6)
        assert (await say_yes(browser, view)).status_code == 401
        assert not await is_decided(company, view)
        assert await company.who(browser) == ""


async def test_an_outage_is_borne_for_ten_minutes_and_then_nobody_decides(tmp_path: Path) -> None:
    """Reading goes on, nobody is signed out, and it works again when the provider does."""
    async with signed_in(tmp_path) as (company, browser, view):
        company.provider.down = True
        company.clock.advance(minutes=14)
        assert (await browser.post(f"{ROOT}/me", data={"keys": "off"})).status_code == 303
        company.clock.advance(minutes=2)
        answer = await say_yes(browser, view)
        assert answer.status_code == 503
        assert "nobody decides without it" in answer.text
        assert not await is_decided(company, view)
        assert (await browser.get(f"{ROOT}/solution/{view.id}")).status_code == 200
        company.provider.down = False
        assert (await say_yes(browser, view)).status_code == 303
        assert await is_decided(company, view)


async def test_half_an_answer_counts_as_none_and_costs_no_grant(tmp_path: Path) -> None:
    """The refresh token was traded, and the userinfo is silent: the new token is kept for later."""
    async with open_company(tmp_path) as company, company.browser() as browser:
        company.provider.thin = company.provider.refreshes = True
        company.provider.person["groups"] = ["leads"]
        assert (await company.login(browser)).status_code == 303
        company.provider.dumb = True
        for minutes, status in ((6, 303), (4, 303), (6, 503)):
            company.clock.advance(minutes=minutes)
            answer = await browser.post(f"{ROOT}/me", data={"keys": "off"})
            assert answer.status_code == status
        company.provider.dumb = False
        company.clock.advance(minutes=1)
        assert (await browser.post(f"{ROOT}/me", data={"keys": "off"})).status_code == 303


async def test_a_secret_of_ours_that_is_wrong_ends_nobodys_session(tmp_path: Path) -> None:
    """`invalid_client` says nothing of the person: it counts as an outage."""
    async with signed_in(tmp_path) as (company, browser, view):
        (tmp_path / "secret").write_text("another")
        company.clock.advance(minutes=16)
        assert (await say_yes(browser, view)).status_code == 503
        assert await company.who(browser) == "maria"


async def test_without_a_refresh_token_they_sign_in_again_to_decide(tmp_path: Path) -> None:
    """The page stays readable, and the new session takes the place of the old one."""
    async with signed_in(tmp_path, refreshes=False, recheck_minutes=20) as (company, browser, view):
        assert "20 minutes after that, you sign in" in (await browser.get(f"{ROOT}/me")).text
        company.clock.advance(minutes=19)
        assert (await browser.post(f"{ROOT}/me", data={"keys": "off"})).status_code == 303
        company.clock.advance(minutes=2)
        answer = await say_yes(browser, view)
        assert answer.status_code == 401
        assert "you signed in too long ago to decide" in answer.text
        assert f"enter/start?after=solution/{view.id}" in answer.text.replace("%2F", "/")
        assert (await browser.get(f"{ROOT}/solution/{view.id}")).status_code == 200
        older = browser.cookies["sayso_session"]
        assert (await company.login(browser)).status_code == 303
        assert (await say_yes(browser, view)).status_code == 303
        assert await is_decided(company, view)
        with pytest.raises(RefusedError):
            await company.console.sayso.sessions.check(older)


async def test_a_session_opens_nothing_but_the_console(tmp_path: Path) -> None:
    """Else whoever copies their cookie has a token that nobody asks the provider about."""
    async with signed_in(tmp_path) as (company, browser, _):
        secret, sayso = browser.cookies["sayso_session"], company.console.sayso
        for ask in (
            sayso.tokens.check(secret),
            sayso.authentication.person(secret, via="http"),
            sayso.sessions.enter(secret),
        ):
            with pytest.raises(RefusedError, match="opens nothing else"):
                await ask
        form = await browser.post(f"{ROOT}/enter", data={"token": secret})
        assert form.status_code == 401


async def test_what_is_kept_is_sealed_into_its_own_session(tmp_path: Path) -> None:
    """No refresh token stands in the database, and a newer row of another session opens nowhere."""
    async with signed_in(tmp_path) as (company, browser, view):
        store, tenant = company.console.sayso.container.store, company.console.sayso.tenant

        async def kept() -> dict[str, bytes]:
            rows = await store.read(lambda reader: reader.all("connection.sealed", tenant=tenant))
            return {str(row["connection"]): blob(row, "sealed") for row in rows}

        first = await kept()
        assert len(first) == 1
        (refresh,) = company.provider.alive
        assert refresh.encode() not in b"".join(first.values())
        company.clock.advance(minutes=4)
        async with company.browser() as other:
            assert (await company.login(other)).status_code == 303
        newer = next(one for name, one in (await kept()).items() if name not in first)
        await store.write(
            lambda tx: tx.run(
                "connection.reseal",
                tenant=tenant,
                connection=next(iter(first)),
                before=next(iter(first.values())),
                sealed=newer,
            )
        )
        company.clock.advance(minutes=2)
        assert (await say_yes(browser, view)).status_code == 503
        assert not await is_decided(company, view)


async def test_signing_out_revokes_the_grant_and_leads_to_the_provider(tmp_path: Path) -> None:
    """Our session ends first; the way to theirs is a link, with the first ID token as the hint."""
    async with signed_in(tmp_path) as (company, browser, _):
        secret = browser.cookies["sayso_session"]
        answer = await browser.post(f"{ROOT}/leave")
        assert answer.status_code == 200
        with pytest.raises(RefusedError):
            await company.console.sayso.sessions.check(secret)
        assert company.provider.alive == set()
        assert company.provider.calls == ["revoke"]
        link = answer.text.split(f'href="{company.provider.issuer}/end')[1].split('"')[0]
        query = parse_qs(urlsplit(link.replace("&amp;", "&")).query)
        assert query["client_id"] == ["sayso"]
        assert query["post_logout_redirect_uri"] == [f"{company.console.url}{ROOT}/enter"]
        assert query["id_token_hint"][0].count(".") == 2


async def test_signing_out_does_not_hang_on_the_provider(tmp_path: Path) -> None:
    """One that says nothing, and one without such a place."""
    async with signed_in(tmp_path) as (company, browser, _):
        company.clock.advance(minutes=11)
        company.provider.metadata = {"issuer": None}
        answer = await browser.post(f"{ROOT}/leave")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{ROOT}/enter")
        assert await company.who(browser) == ""


@pytest.mark.parametrize(
    ("named", "left"),
    [({}, ""), ({"sid": "s-1"}, "maria"), ({"sub": ..., "sid": "s-1"}, "maria")],
    ids=["subject", "session of a subject", "session"],
)
async def test_the_provider_signs_somebody_out_by_the_back_channel(
    named: dict[str, Any], left: str, tmp_path: Path
) -> None:
    """OpenID Connect Back-Channel Logout 1.0; nobody else's ends, nor what begins later."""
    async with signed_in(tmp_path) as (company, browser, _):
        provider = company.provider
        provider.person["sid"] = "s-2"
        async with company.browser() as second, company.browser("noor") as noor:
            assert (await company.login(second)).status_code == 303
            token = provider.logout_token(**named)
            assert await signed_out(company, token) == 200
            assert await company.who(browser) == ""
            assert await company.who(second) == left
            assert await company.who(noor) == "noor"
            company.clock.advance(minutes=1)
            provider.person["sid"] = "s-1"
            assert (await company.login(browser)).status_code == 303
            assert await signed_out(company, token) == 200
            assert await company.who(browser) == "maria"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"aud": "other"},
        {"iat": ...},
        {"exp": 1},
        {"jti": ...},
        {"events": ...},
        {"events": {"http://schemas.openid.net/event/other": {}}},
        {"nonce": "n"},
        {"sub": ...},
        {"sub": 7},
    ],
    ids=str,
)
async def test_a_logout_token_that_says_something_else_ends_nothing(
    changed: dict[str, Any], tmp_path: Path
) -> None:
    """§2.6; the log knows of it."""
    async with signed_in(tmp_path) as (company, browser, _):
        assert await signed_out(company, company.provider.logout_token(**changed)) == 400
        assert await company.who(browser) == "maria"


async def test_an_id_token_and_rubbish_are_no_logout_token(tmp_path: Path) -> None:
    """Also the right ID token, which the provider has signed."""
    async with signed_in(tmp_path) as (company, browser, _):
        provider = company.provider
        for token in ("", "a.b.c", provider.token(provider.claims(None))):
            assert await signed_out(company, token) == 400
        assert await company.who(browser) == "maria"
