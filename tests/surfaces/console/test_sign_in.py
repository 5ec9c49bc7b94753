"""Signing in: a link that works once, a person's token, and a session that ends."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from surfaces.console.served_console import (
    ROOT,
    ServedConsole,
    chromium,
    needs_chromium,
    open_console,
)

from sayso.audit.entry import Actor, ActorKind
from sayso.sdk.resources.tokens import Scope
from sayso.surfaces.console.edge import ConsoleSite

pytestmark = pytest.mark.promise("console:sign-in")


async def enter(console: ServedConsole, secret: str) -> tuple[int, str]:
    """Open a one-time link and press its button; the status, and the cookie's value."""
    async with console.client() as browser:
        answer = await browser.get(f"{ROOT}/enter", params={"key": secret})
        if answer.status_code == 200:
            answer = await browser.post(f"{ROOT}/enter", data={"token": secret})
        return answer.status_code, answer.cookies.get("sayso_session") or ""


async def inbox(console: ServedConsole, cookie: str) -> int:
    """The status of the inbox with a cookie."""
    async with console.client(cookie) as browser:
        return (await browser.get(f"{ROOT}/")).status_code


async def test_a_link_opens_one_session_and_no_second_one(tmp_path: Path) -> None:
    """Whoever finds it in a history finds nothing."""
    async with open_console(tmp_path) as console:
        secret = await console.sayso.sessions.make_link("maria")
        status, cookie = await enter(console, secret)
        assert (status, await inbox(console, cookie)) == (303, 200)
        assert await enter(console, secret) == (401, "")


async def test_a_link_is_over_after_ten_minutes(tmp_path: Path) -> None:
    """A terminal's scroll-back opens nothing later."""
    async with open_console(tmp_path) as console:
        secret = await console.sayso.sessions.make_link("maria")
        console.opened.clock.advance(minutes=11)
        assert await enter(console, secret) == (401, "")


async def test_a_link_opens_nothing_else(tmp_path: Path) -> None:
    """As a session or as a token of the SDK it is worth nothing."""
    async with open_console(tmp_path) as console:
        secret = await console.sayso.sessions.make_link("maria")
        assert await inbox(console, secret) == 303
        view = await console.ask()
        with pytest.raises(Exception, match="forbidden"):
            await console.sayso.solutions.answer(
                view.id, "approve", token=secret, revision=1, digest=view.digest
            )


async def test_a_link_that_a_mail_scanner_opens_is_not_used_up(tmp_path: Path) -> None:
    """Scanners and previews open every link, some of them twice: only the button signs in."""
    async with open_console(tmp_path) as console:
        secret = await console.sayso.sessions.make_link("maria")
        async with console.client() as scanner:
            for method in ("GET", "HEAD", "GET"):
                opened = await scanner.request(method, f"{ROOT}/enter", params={"key": secret})
                assert opened.status_code == 200
                assert "set-cookie" not in opened.headers
                assert method == "HEAD" or "Sign in with this link" in opened.text
        assert (await enter(console, secret))[0] == 303
        assert (await enter(console, secret))[0] == 401


async def test_a_persons_token_signs_in_and_a_programs_does_not(tmp_path: Path) -> None:
    """By a form, so that no token stands in an address."""
    async with open_console(tmp_path) as console:
        by = Actor(kind=ActorKind.SERVICE, id="test")
        tenant = console.sayso.tenant
        tokens = console.sayso.tokens
        scopes = frozenset({Scope.DECIDE, Scope.READ})
        _, person = await tokens.create(tenant, "person", "maria", scopes, days=1, by=by)
        service = frozenset({Scope.READ})
        _, program = await tokens.create(tenant, "service", "bot", service, days=1, by=by)
        async with console.client() as browser:
            for secret, status in ((person, 303), (program, 401), ("csk_no", 401), ("", 401)):
                answer = await browser.post(f"{ROOT}/enter", data={"token": secret})
                assert answer.status_code == status, secret[:8]


async def test_a_session_ends_after_half_an_hour_without_use(tmp_path: Path) -> None:
    """Idle 30 minutes, and 12 hours in any case."""
    async with open_console(tmp_path) as console:
        cookie = await console.sign_in()
        for _ in range(3):
            console.opened.clock.advance(minutes=29)
            assert await inbox(console, cookie) == 200
        console.opened.clock.advance(minutes=31)
        assert await inbox(console, cookie) == 303


async def test_a_session_ends_after_twelve_hours_of_use(tmp_path: Path) -> None:
    """However busy it was."""
    async with open_console(tmp_path) as console:
        cookie = await console.sign_in()
        for _ in range(12 * 4):
            console.opened.clock.advance(minutes=15)
            assert await inbox(console, cookie) == 200
        console.opened.clock.advance(minutes=1)
        assert await inbox(console, cookie) == 303


async def test_who_signs_out_is_out_also_with_a_copy_of_the_cookie(tmp_path: Path) -> None:
    """Replay after logout; and everywhere at once."""
    async with open_console(tmp_path) as console:
        here, there, other = (
            await console.sign_in(),
            await console.sign_in(),
            await console.sign_in("noor"),
        )
        async with console.client(here) as browser:
            await browser.post(f"{ROOT}/leave", data={})
        assert (await inbox(console, here), await inbox(console, there)) == (303, 200)
        async with console.client(there) as browser:
            await browser.post(f"{ROOT}/leave", data={"everywhere": "1"})
        assert (await inbox(console, there), await inbox(console, other)) == (303, 200)


async def test_a_session_begins_and_ends_by_an_entry(tmp_path: Path) -> None:
    """What it opens is a credential that the log knows; the row beside it opens nothing."""
    async with open_console(tmp_path) as console:
        cookie = await console.sign_in()
        async with console.client(cookie) as browser:
            await browser.post(f"{ROOT}/leave", data={})
        kinds = [entry.kind for entry in await console.sayso.audit.tail(limit=2)]
        assert sorted(kinds) == ["token.created", "token.revoked"]


@pytest.mark.promise("console:csrf")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Host": "evil.example"}, 403),
        ({}, 403),
    ],
)
async def test_a_form_of_another_site_is_not_looked_at(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    """By what the browser says of it, else by its origin, else it is refused."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        form = {"decision": "yes", "revision": str(view.revision), "digest": view.digest}
        async with console.client(await console.sign_in()) as browser:
            del browser.headers["Sec-Fetch-Site"]
            path = f"{ROOT}/solution/{view.id}/decision"
            answer = await browser.post(path, data=form, headers=headers)
        assert answer.status_code == status
        decided = (await console.sayso.solutions.get(view.id)).status
        assert decided == ("approved" if status == 303 else "pending")


@pytest.mark.promise("console:csrf")
async def test_a_form_of_our_own_origin_is_taken_where_the_browser_says_no_more(
    tmp_path: Path,
) -> None:
    """Older browsers send `Origin` alone."""
    async with (
        open_console(tmp_path) as console,
        console.client(await console.sign_in()) as browser,
    ):
        del browser.headers["Sec-Fetch-Site"]
        answer = await browser.post(f"{ROOT}/leave", data={}, headers={"Origin": console.url})
        assert answer.status_code == 303


async def test_without_a_session_nothing_is_shown_and_nothing_is_done(tmp_path: Path) -> None:
    """Pages send one to sign in; forms say that nothing was done."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        pages = ("", "audit", "stop", "me", f"solution/{view.id}", "action/act_1")
        async with console.client() as browser:
            for page in pages:
                answer = await browser.get(f"{ROOT}/{page}")
                known = page in {"audit", "stop", "me"} or "/" in page
                query = f"?after={quote(page, safe='')}" if known else ""
                where = f"{ROOT}/enter{query}"
                assert (answer.status_code, answer.headers["location"]) == (303, where)
            for form in (f"solution/{view.id}/decision", "stop", "leave", "me"):
                assert (await browser.post(f"{ROOT}/{form}", data={})).status_code == 401
            assert (await browser.get(f"{ROOT}/live?on=inbox")).status_code == 401
        assert (await console.sayso.solutions.get(view.id)).status == "pending"
        assert await console.sayso.stops.list() == []


@needs_chromium
async def test_a_session_that_ends_between_show_and_click_loses_nothing(tmp_path: Path) -> None:
    """One signs in, comes back to the same card, and finds what one typed; nothing was sent."""
    async with open_console(tmp_path) as console, chromium() as browser:
        view = await console.ask()
        context = await console.context(browser)
        page = await context.new_page()
        await page.goto(console.path(f"solution/{view.id}"))
        await page.click("#to-no")
        await page.select_option("#reason_code", "suspected_fraud")
        await page.fill("#reason", "the same photo as last week")
        (cookie,) = [one for one in await context.cookies() if one.get("name") == "sayso_session"]
        session = await console.sayso.sessions.check(str(cookie.get("value")))
        await console.sayso.sessions.end(session)
        await page.evaluate("document.querySelector('#no button').click()")
        await page.wait_for_selector("#token")
        assert (await console.sayso.solutions.get(view.id)).status == "pending"
        await page.fill("#token", await console.sign_in())
        await page.click("main form button")
        await page.wait_for_selector("#reason")
        assert page.url.partition("#")[0] == console.path(f"solution/{view.id}")
        assert await page.input_value("#reason") == "the same photo as last week"
        assert await page.input_value("#reason_code") == "suspected_fraud"
        await page.click("text=No, nothing moves")
        await page.wait_for_selector("text=You said no")


async def test_the_cookie_is_kept_from_scripts_and_other_sites(tmp_path: Path) -> None:
    """HttpOnly and SameSite always; `__Host-` and Secure where browsers talk TLS."""
    async with open_console(tmp_path) as console, console.client() as browser:
        secret = await console.sayso.sessions.make_link("maria")
        answer = await browser.post(f"{ROOT}/enter", data={"token": secret})
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
    assert ConsoleSite(url="https://sayso.example").cookie == "__Host-sayso"
    assert ConsoleSite(url="https://sayso.example").is_secure


POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; "
)
NOTHING, OWN_PAGE = "trusted-types 'none'", "worker-src 'self'; trusted-types sayso-worker"
"""One's own page may start the worker, by a policy that lets one address through."""


@pytest.mark.promise("console:csp")
async def test_no_page_lets_anything_run_that_this_response_has_not_marked(tmp_path: Path) -> None:
    """A nonce of its own for each response, and nothing unsafe."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        nonces: set[str] = set()
        async with console.client(await console.sign_in()) as browser:
            for page in ("", f"solution/{view.id}", "audit", "stop", "me", "nothing"):
                answer = await browser.get(f"{ROOT}/{page}")
                said = answer.headers["content-security-policy"]
                nonce = said.partition("'nonce-")[2].partition("'")[0]
                nonces.add(nonce)
                own = page == "me"
                assert said == POLICY.format(nonce=nonce) + (OWN_PAGE if own else NOTHING)
                assert answer.text.count(f'nonce="{nonce}"') == 1 + own
                assert " style=" not in answer.text
                assert " onclick=" not in answer.text
        assert len(nonces) == 6
