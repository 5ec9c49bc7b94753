"""Signing in by a company's provider: the right way in, and every probe that must not get in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from joserfc.jwk import RSAKey
from support.openid_provider import (
    CLIENT,
    Claims,
    OpenIdProvider,
    by_a_nameless_key,
    by_another_key,
    by_the_public_key,
    unsigned,
    with_its_own_key,
)
from surfaces.console.served_company import open_company
from surfaces.console.served_console import (
    ROOT,
    chromium,
    needs_chromium,
    open_console,
    violations,
)

from sayso.audit.authority.by import By
from sayso.audit.entry import Actor, ActorKind
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify

pytestmark = pytest.mark.promise("console:oidc")


async def test_a_linked_person_comes_in_by_code_and_pkce(tmp_path: Path) -> None:
    """With S256, and a state and a nonce of their own each time."""
    async with open_company(tmp_path) as company:
        for _ in range(2):
            async with company.browser() as browser:
                assert "Sign in with Acme" in (await browser.get(f"{ROOT}/enter")).text
                answer = await company.login(browser)
                assert (answer.status_code, answer.headers["location"]) == (303, f"{ROOT}/")
                assert await company.who(browser) == "maria"
                assert (await browser.get(f"{ROOT}/")).status_code == 200
        first, second = company.provider.asked
        assert first["code_challenge_method"] == "S256"
        assert first["response_type"] == "code"
        assert "openid" in first["scope"].split()
        for name in ("state", "nonce", "code_challenge"):
            assert first[name] != second[name]


async def test_groups_say_the_roles_and_each_change_is_an_entry(tmp_path: Path) -> None:
    """With each sign-in; whoever left every group has no role and no way in, in every surface."""
    async with open_company(tmp_path) as company:
        sayso = company.console.sayso
        for groups, roles, status in (
            (["leads", "money"], {"support_manager", "finance"}, 303),
            (["money", "chess"], {"finance"}, 303),
            (["money"], {"finance"}, 303),
            ([], set[str](), 401),
            ("leads", {"support_manager"}, 303),
        ):
            company.provider.person["groups"] = groups
            before = (await sayso.audit.tail(limit=1))[0].seq
            async with company.browser() as browser:
                answer = await company.login(browser)
            assert answer.status_code == status
            assert await company.roles("maria") == roles
            told = [one for one in await sayso.audit.tail(limit=20) if one.seq > before]
            changed = [one for one in told if one.kind == "person.changed"]
            assert len(changed) == (0 if groups == ["money"] else 1)
            assert all(one.actor == "system:oidc" for one in changed)
        await sayso.audit.export(tmp_path / "bundle")
        found = verify(tmp_path / "bundle", deep=True)
        assert found.verdict is Verdict.VERIFIED, found.all_findings


Spoil = Callable[[Claims], Claims]


def _with(**claims: Any) -> Spoil:
    return lambda said: {name: one for name, one in (said | claims).items() if one is not ...}


def _shifted(name: str, seconds: int) -> Spoil:
    return lambda said: said | {name: said["iat"] + seconds}


SPOILED: Mapping[str, Spoil] = {
    "another audience": _with(aud="other"),
    "another audience, although we asked": _with(aud="other", azp=CLIENT),
    "two audiences and no party": _with(aud=[CLIENT, "other"]),
    "another party": _with(aud=[CLIENT, "other"], azp="other"),
    "another issuer": _with(iss="https://evil.example"),
    "no issuer": _with(iss=...),
    "expired": _shifted("exp", -31),
    "no end": _with(exp=...),
    "not yet": _shifted("nbf", 31),
    "from the future": _shifted("iat", 3600),
    "no beginning": _with(iat=...),
    "no nonce": _with(nonce=...),
    "another login's nonce": _with(nonce="0" * 64),
    "nobody": _with(sub=...),
    "an empty name": _with(sub=""),
    "a number for a name": _with(sub=7),
    "somebody unknown": _with(sub="u-2"),
    "an unknown one with Maria's address": _with(
        sub="u-2", email="maria@acme.example", email_verified=True, preferred_username="maria"
    ),
    "an unverified address": _with(sub="u-2", email="maria@acme.example", email_verified=False),
}


@pytest.mark.parametrize("what", SPOILED)
async def test_a_token_that_says_something_else_lets_nobody_in(what: str, tmp_path: Path) -> None:
    """Signed by the provider's own key, and refused; the log knows of it."""
    async with open_company(tmp_path) as company, company.browser() as browser:
        company.provider.spoil = SPOILED[what]
        answer = await company.login(browser)
        assert answer.status_code == 401
        assert await company.who(browser) == ""
        assert await company.roles("maria") == {"support_manager"}
        newest = (await company.console.sayso.audit.tail(limit=1))[0]
        assert newest.kind == "calls.turned_away"
        company.provider.spoil = lambda said: said
        assert (await company.login(browser)).status_code == 303, "the right one still gets in"


@pytest.mark.parametrize(
    "forge",
    [unsigned, by_the_public_key, by_another_key, with_its_own_key],
    ids=lambda f: f.__name__,
)
async def test_a_token_that_the_provider_has_not_signed_lets_nobody_in(
    forge: Callable[[OpenIdProvider, Claims], str], tmp_path: Path
) -> None:
    """`none`, HS256 by the public key, another key of that name, a key that the token brings."""
    async with open_company(tmp_path) as company, company.browser() as browser:
        company.provider.forge = forge
        assert (await company.login(browser)).status_code == 401
        assert await company.who(browser) == ""


@pytest.mark.parametrize(
    "changed",
    [
        {"state": ""},
        {"state": "0" * 64},
        {"code": ""},
        {"code": "guessed"},
        {"iss": ""},
        {"iss": "https://evil.example"},
        {"error": "access_denied"},
        {"error": "access_denied", "state": "0" * 64},
    ],
    ids=str,
)
async def test_an_answer_that_belongs_to_no_login_of_this_browser_is_refused(
    changed: dict[str, str], tmp_path: Path
) -> None:
    """State, code, RFC 9207's issuer against mix-up, and errors only after the state."""
    async with open_company(tmp_path) as company, company.browser() as browser:
        answer = await company.login(browser, **changed)
        assert answer.status_code == 401
        assert "access_denied" not in answer.text
        assert await company.who(browser) == ""


async def test_an_answer_counts_once_and_in_its_own_browser(tmp_path: Path) -> None:
    """A callback from a history, and one that is given to somebody else (login CSRF)."""
    async with open_company(tmp_path) as company:
        company.provider.once = False
        async with company.browser() as browser, company.browser() as other:
            away = await browser.get(f"{ROOT}/enter/start")
            back = await browser.get(away.headers["location"])
            where = urlsplit(back.headers["location"])
            callback = f"{where.path}?{where.query}"
            assert (await other.get(callback)).status_code == 401
            await other.get(f"{ROOT}/enter/start")
            assert (await other.get(callback)).status_code == 401
            assert (await browser.get(callback)).status_code == 303
            assert (await browser.get(callback)).status_code == 401
            assert await company.who(other) == ""


@pytest.mark.parametrize(
    ("after", "lands"),
    [
        ("solution/apr_1", "solution/apr_1"),
        ("audit", "audit"),
        ("//evil.example", ""),
        ("https://evil.example", ""),
        ("solution/../../evil", ""),
        ("\\evil.example", ""),
        ("solution/apr_1?x=1", ""),
        ("link", ""),
    ],
)
async def test_a_login_leads_to_a_page_of_ours_and_nowhere_else(
    after: str, lands: str, tmp_path: Path
) -> None:
    """No open redirect, by the start, by the form, or by a cookie that was changed."""
    async with open_company(tmp_path) as company, company.browser() as browser:
        answer = await company.login(browser, f"enter/start?{urlencode({'after': after})}")
        assert answer.headers["location"] == f"{ROOT}/{lands}"
        secret = await company.console.sign_in()
        form = await browser.post(f"{ROOT}/enter", data={"token": secret, "after": after})
        assert form.headers["location"] == f"{ROOT}/{lands}"


async def test_another_issuer_than_the_file_names_is_not_believed(tmp_path: Path) -> None:
    """A description that names somebody else, and one without an issuer."""
    for said in ({"issuer": "https://evil.example"}, {"issuer": None}, {"jwks_uri": None}):
        async with open_company(tmp_path / str(len(str(said)))) as company:
            company.clock.advance(minutes=11)
            company.provider.metadata = said
            async with company.browser() as browser:
                answer = await browser.get(f"{ROOT}/enter/start")
            assert answer.status_code == 503
            assert "gave no usable answer" in answer.text


async def test_keys_are_changed_without_a_restart_and_a_flood_reads_them_once(
    tmp_path: Path,
) -> None:
    """A token by a new key has the keys read again, at most every half minute."""
    async with open_company(tmp_path) as company, company.browser() as browser:
        before = company.provider.keys_read
        company.provider.key = RSAKey.generate_key(2048, {"kid": "k2"})
        assert (await company.login(browser)).status_code == 303
        assert company.provider.keys_read == before + 1
        company.provider.forge = with_its_own_key
        for _ in range(5):
            assert (await company.login(browser)).status_code == 401
        assert company.provider.keys_read == before + 1


async def test_a_new_key_that_has_no_name_is_read_too(tmp_path: Path) -> None:
    """A provider of one key need not name it; also where it keeps the name of the old one."""
    async with open_company(tmp_path) as company, company.browser() as browser:
        for forge, pause in ((by_a_nameless_key, 0), (None, 31)):
            company.provider.forge = forge
            company.provider.key = RSAKey.generate_key(2048, {"kid": "k1"})
            company.clock.advance(seconds=pause)
            assert (await company.login(browser)).status_code == 303


async def test_a_sign_in_belongs_to_one_person(tmp_path: Path) -> None:
    """Noor cannot link Maria's; nobody links without being signed in."""
    async with open_company(tmp_path) as company:
        async with company.browser("noor") as browser:
            assert (await company.login(browser, "me/link")).status_code == 401
        async with company.browser() as browser:
            answer = await browser.get(f"{ROOT}/me/link")
            assert answer.headers["location"].startswith(f"{ROOT}/enter")
        company.provider.person = {"sub": "u-2", "groups": ["money"]}
        async with company.browser("noor") as browser:
            assert (await company.login(browser, "me/link")).status_code == 303
        async with company.browser() as browser:
            assert (await company.login(browser)).status_code == 303
            assert await company.who(browser) == "noor"
        assert await company.roles("noor") == {"finance"}


async def test_new_people_come_in_only_where_the_file_says_so_and_take_nobodys_name(
    tmp_path: Path,
) -> None:
    """By a group with a role; a name that somebody has makes nobody that somebody."""
    async with open_company(tmp_path, create="preferred_username") as company:
        company.provider.person = {"sub": "u-9", "preferred_username": "Zoe K", "groups": ["money"]}
        async with company.browser() as browser:
            assert (await company.login(browser)).status_code == 303
            assert await company.who(browser) == "zoe-k"
        assert await company.roles("zoe-k") == {"finance"}
        for person in (
            {"sub": "u-10", "preferred_username": "maria", "groups": ["money"]},
            {"sub": "u-11", "preferred_username": "finn@evil.example", "groups": ["money"]},
            {"sub": "u-12", "preferred_username": "kim", "groups": ["chess"]},
            {"sub": "u-13", "preferred_username": "???", "groups": ["money"]},
            {"sub": "u-14", "groups": ["money"]},
        ):
            company.provider.person = person
            async with company.browser() as browser:
                assert (await company.login(browser)).status_code == 401, person


async def test_a_person_who_is_deactivated_does_not_come_in(tmp_path: Path) -> None:
    """Whatever their company still says of them."""
    async with open_company(tmp_path) as company:
        sayso = company.console.sayso
        by = By(actor=Actor(kind=ActorKind.SERVICE, id="test"))
        await sayso.people.deactivate(sayso.tenant, "maria", by=by)
        async with company.browser() as browser:
            assert (await company.login(browser)).status_code == 401


@needs_chromium
@pytest.mark.promise("console:accessible")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
async def test_the_pages_of_the_sign_in_have_no_fault(
    width: int, scheme: str, tmp_path: Path
) -> None:
    """The entrance with its button and after a refusal, and the page where one links it."""
    async with open_company(tmp_path) as company, chromium() as browser:
        console = company.console
        size = {"width": width, "height": 900}
        context = await console.context(browser, "noor", viewport=size, color_scheme=scheme)
        page = await context.new_page()
        for where in ("enter?after=audit", "enter/callback?code=a&state=b", "me"):
            await page.goto(console.path(where))
            assert await violations(page) == []
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.goto(console.path("enter"))
        await page.click("text=Sign in with Acme")
        await page.wait_for_url("**/console/")
        assert await company.roles("maria") == {"support_manager"}


async def test_without_a_provider_there_is_no_such_way(tmp_path: Path) -> None:
    """No button, and a start that leads nowhere."""
    async with open_console(tmp_path) as console, console.client() as browser:
        assert "enter/start" not in (await browser.get(f"{ROOT}/enter")).text
        assert (await browser.get(f"{ROOT}/enter/start")).status_code == 401
        assert (await browser.get(f"{ROOT}/enter/callback?code=a&state=b")).status_code == 401
