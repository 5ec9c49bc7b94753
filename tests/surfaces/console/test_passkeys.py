"""A large yes is signed by a passkey: in a real browser, and whoever forges one is found."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import httpx
import pytest
from audit.rowless_log import append_alone
from playwright.async_api import Browser, BrowserContext, Page
from support.busy_shop import BOT
from support.soft_passkey import PRESENT, SoftPasskey
from support.sql import run_sql
from surfaces.console.served_console import (
    ROOT,
    ServedConsole,
    chromium,
    needs_chromium,
    open_console,
    put_away,
    violations,
)

from sayso.audit.authority.passkeys import Passkey, statement
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.audit.verifier.verification import Check, Verdict, Verification
from sayso.audit.verify import verify
from sayso.errors import RefusedError
from sayso.sdk.resources.passkeys import check_nonce, make_nonce
from sayso.sdk.resources.sessions import Session
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.views.solution import SolutionView

pytestmark = pytest.mark.promise("console:passkey")
FROM = {"USD": "100.00"}


@asynccontextmanager
async def opened(folder: Path, amount: str = "100.00") -> AsyncGenerator[ServedConsole]:
    """A console in which a yes from $100 on needs a passkey."""
    approvals = {"passkey_from": {"USD": amount}}
    async with open_console(folder, host="localhost", approvals=approvals) as console:
        yield console


async def by_link(console: ServedConsole, person: str) -> tuple[Session, str]:
    """A session that a one-time link began just now."""
    secret = await console.sayso.sessions.make_link(person)
    return await console.sayso.sessions.enter(secret)


async def enrol(console: ServedConsole, person: str, key: SoftPasskey | None = None) -> SoftPasskey:
    """Somebody has a passkey from now on, made in software."""
    made, (session, secret) = key or SoftPasskey(), await by_link(console, person)
    nonce = make_nonce(secret, 1)
    options = await console.sayso.passkeys.to_enrol(session, nonce, "localhost")
    response = made.register(options["challenge"], origin=console.url)
    await console.sayso.passkeys.enrol(
        session, response, nonce=nonce, origin=console.url, rp_id="localhost"
    )
    return made


class Manager:
    """Somebody at a browser without scripts, whose passkey is made in software."""

    def __init__(self, console: ServedConsole, browser: httpx.AsyncClient) -> None:
        self.console = console
        self.browser = browser

    async def card(self, view: SolutionView, query: str = "") -> tuple[str, dict[str, str]]:
        """The page of a solution, and the fields of its form."""
        answer = await self.browser.get(f"{ROOT}/solution/{view.id}{query}")
        return answer.text, {"revision": str(view.revision), "digest": view.digest}

    async def yes(
        self, view: SolutionView, key: SoftPasskey, **more: str
    ) -> tuple[httpx.Response, dict[str, str]]:
        """Say yes to what the page shows; the answer, and the form that was sent."""
        text, form = await self.card(view)
        form |= {"decision": "yes"} | signed(text, key, self.console.url) | more
        return await self.post(view, form), form

    async def post(self, view: SolutionView, form: Mapping[str, str | list[str]]) -> httpx.Response:
        """Send a form."""
        return await self.browser.post(f"{ROOT}/solution/{view.id}/decision", data=form)


def asked_in(text: str) -> dict[str, object]:
    """What a page asks a passkey to sign."""
    found = text.partition('data-passkey="')[2].partition('"')[0].replace("&#34;", '"')
    asked: dict[str, object] = json.loads(found)
    return asked


def signed(text: str, key: SoftPasskey, origin: str) -> dict[str, str]:
    """The fields that the page's script would put into the form."""
    asked = asked_in(text)
    made = key.signature(str(asked["challenge"]), str(asked["nonce"]), origin=origin)
    return {
        "passkey.id": made.id,
        "passkey.authenticator_data": made.authenticator_data,
        "passkey.client_data": made.client_data,
        "passkey.signature": made.signature,
        "passkey.nonce": made.nonce,
    }


@asynccontextmanager
async def manager(console: ServedConsole, person: str = "maria") -> AsyncGenerator[Manager]:
    """Somebody who is signed in."""
    async with console.client(await console.sign_in(person)) as browser:
        yield Manager(console, browser)


async def status(console: ServedConsole, view: SolutionView) -> str:
    """How it stands now."""
    return (await console.sayso.solutions.get(view.id)).status


async def judged(console: ServedConsole, folder: Path) -> Verification:
    """What the verifier says of an export, with nothing else than its files."""
    bundle = folder / "bundle"
    await console.sayso.audit.export(bundle)
    return verify(bundle, deep=True)


async def test_a_signed_yes_stands_in_the_log_and_the_export_verifies(tmp_path: Path) -> None:
    """The signature is beside the decision, each step's, and nothing but the export checks it."""
    async with opened(tmp_path / "shop") as console, manager(console) as maria:
        key, view = await enrol(console, "maria"), await console.ask()
        answer, _ = await maria.yes(view, key)
        assert (answer.status_code, await status(console, view)) == (303, "approved")
        entries = [
            one
            for one in await console.sayso.audit.tail(limit=60)
            if one.kind == "action.approved" and one.actor == "person:maria"
        ]
        assert len(entries) == sum(step.asks for step in view.steps)
        assert all(one.body["data"]["passkey"]["id"] == key.name for one in entries)
        found = await judged(console, tmp_path)
        assert found.verdict is Verdict.VERIFIED, found.all_findings


async def test_without_a_signature_nobody_says_yes_to_so_much(tmp_path: Path) -> None:
    """By a form, the SDK, and a step by itself; a no needs none, and small amounts need none."""
    async with opened(tmp_path) as console, manager(console) as maria:
        await enrol(console, "maria")
        view = await console.ask()
        assert view.passkey
        _, form = await maria.card(view)
        answer = await maria.post(view, {**form, "decision": "yes"})
        assert answer.status_code == 403
        assert "needs your passkey" in answer.text
        token = await console.sign_in("maria")
        step = view.steps[0]
        assert step.approval_id is not None
        assert step.digest is not None
        with pytest.raises(RefusedError, match="passkey_required"):
            await console.sayso.approvals.decide(
                step.approval_id,
                "approve",
                token=token,
                revision=step.revision,
                digest=step.digest,
            )
        assert await status(console, view) == "pending"
        no = await maria.post(view, {**form, "decision": "no", "reason_code": "other"})
        assert (no.status_code, await status(console, view)) == (303, "rejected")


async def test_a_smaller_yes_below_the_amount_needs_no_passkey(tmp_path: Path) -> None:
    """The card with $60 asks for none; with $120 it does."""
    async with opened(tmp_path) as console, manager(console) as maria:
        await enrol(console, "maria")
        view = await console.ask()
        asks = [step.id for step in view.steps if step.asks]
        where = f"/smaller?revision={view.revision}&digest={view.digest}"
        for amount, needs in (("60.00", False), ("120.00", True)):
            text, _ = await maria.card(view, f"{where}&lower.{asks[0]}={amount}")
            assert ("data-passkey=" in text) is needs


def lowered(view: SolutionView) -> tuple[str, dict[str, str | list[str]]]:
    """The page of a yes to $120 in place of the refund, and the fields of its form."""
    where = f"/smaller?revision={view.revision}&digest={view.digest}&lower.s1=120.00"
    steps = [step.id for step in view.steps if step.asks]
    return where, {"smaller": "1", "step": steps, "lower.s1": "120.00", "decision": "yes"}


async def test_a_lowered_yes_is_signed_with_its_lower_amount(tmp_path: Path) -> None:
    """And the verifier finds the amount that was signed in the entry."""
    async with opened(tmp_path / "shop") as console, manager(console) as maria:
        key, view = await enrol(console, "maria"), await console.ask()
        where, more = lowered(view)
        text, form = await maria.card(view, where)
        signs = signed(text, key, console.url)
        other = await maria.post(view, {**form, **more, "lower.s1": "110.00", **signs})
        assert other.status_code == 422
        answer = await maria.post(view, {**form, **more, **signs})
        assert answer.status_code == 303
        found = await judged(console, tmp_path)
        assert found.verdict is Verdict.VERIFIED, found.all_findings


@pytest.mark.parametrize(
    "wrong",
    ["key", "origin", "digest", "replayed", "session", "person", "garbled", "none_enrolled"],
)
async def test_what_is_no_signature_of_this_yes_decides_nothing(wrong: str, tmp_path: Path) -> None:
    """A wrong key, another site, another card, one that was used, another session or person."""
    async with opened(tmp_path) as console, manager(console) as maria:
        key = await enrol(console, "maria")
        view = await console.ask()
        text, form = await maria.card(view)
        origin = console.url
        signs = signed(text, key, origin)
        match wrong:
            case "key":
                signs = signed(text, SoftPasskey(id=key.id), origin)
            case "origin":
                signs = signed(text, key, "https://evil.example")
            case "digest" | "replayed":
                other = await console.ask(customer=2)
                answer, sent = await maria.yes(other, key)
                assert answer.status_code == 303
                signs = {name: value for name, value in sent.items() if "passkey" in name}
            case "session":
                async with manager(console) as again:
                    signs = signed((await again.card(view))[0], key, origin)
            case "person":
                theirs = await enrol(console, "noor")
                signs = signed(text, theirs, origin)
            case "none_enrolled":
                signs = signed(text, SoftPasskey(), origin)
            case _:
                signs["passkey.client_data"] = "e30"
        answer = await maria.post(view, {**form, **signs, "decision": "yes"})
        assert answer.status_code == 422
        assert "Nothing was decided" in answer.text
        assert await status(console, view) == "pending"
        newest = (await console.sayso.audit.tail(limit=1))[0].kind
        # Of another session's nonce nothing is asked: the page is loaded again.
        assert (newest == "approval.refused") is (wrong != "session")


async def test_what_changed_between_show_and_click_is_shown_again(tmp_path: Path) -> None:
    """A signature over the card as it was counts for nothing on the card as it is."""
    async with opened(tmp_path) as console, manager(console) as maria:
        key, view = await enrol(console, "maria"), await console.ask()
        text, form = await maria.card(view)
        signs = signed(text, key, console.url)
        theirs = await enrol(console, "noor")
        await confirm(console, "maria", key, theirs)
        async with manager(console, "noor") as noor:
            where, more = lowered(view)
            page, _ = await noor.card(view, where)
            lower = await noor.post(view, {**form, **more, **signed(page, theirs, console.url)})
            assert lower.status_code == 303
        answer = await maria.post(view, {**form, **signs, "decision": "yes"})
        assert answer.status_code == 409
        assert "not counted" in answer.text
        assert "data-passkey=" not in answer.text


async def confirm(console: ServedConsole, by: str, key: SoftPasskey, of: SoftPasskey) -> Passkey:
    """Somebody signs that a passkey is another one's."""
    session, secret = await by_link(console, by)
    asked = await console.sayso.passkeys.to_confirm(session, of.name, make_nonce(secret, 1))
    signature = key.signature(asked.challenge, asked.nonce, origin=console.url)
    return await console.sayso.passkeys.confirm(session, of.name, signature)


async def test_a_second_passkey_counts_once_one_that_counts_has_signed_it(tmp_path: Path) -> None:
    """Else whoever has the server could make one in a manager's name."""
    async with opened(tmp_path / "shop") as console, manager(console, "noor") as noor:
        first, view = await enrol(console, "maria"), await console.ask()
        second = await enrol(console, "noor")
        text, _ = await noor.card(view)
        assert "data-passkey=" not in text
        assert "none that counts yet" in text
        assert (await confirm(console, "maria", first, second)).confirmed_by == "maria"
        answer, _ = await noor.yes(view, second)
        assert answer.status_code == 303
        found = await judged(console, tmp_path)
        assert found.verdict is Verdict.VERIFIED, found.all_findings


async def test_a_first_passkey_needs_a_fresh_link(tmp_path: Path) -> None:
    """A stolen session, a token, or a link of an hour ago makes none."""
    async with opened(tmp_path) as console:
        session, secret = await by_link(console, "maria")
        nonce = make_nonce(secret, 1)
        console.opened.clock.advance(minutes=11)
        with pytest.raises(RefusedError, match="first passkey"):
            await console.sayso.passkeys.to_enrol(session, nonce, "localhost")
        by_token, _ = await console.sayso.sessions.begin("maria", via="token")
        with pytest.raises(RefusedError, match="first passkey"):
            await console.sayso.passkeys.to_enrol(by_token, nonce, "localhost")


async def test_a_sign_in_that_the_log_does_not_know_makes_no_first_passkey(tmp_path: Path) -> None:
    """Whoever writes the database makes a session of a token, or a sign-in of an hour ago new."""
    now = "9999999999999999"
    async with opened(tmp_path) as console:
        _, old = await by_link(console, "maria")
        _, by_token = await console.sayso.sessions.begin("maria", via="token")
        _, program = await console.sayso.tokens.create(
            console.sayso.tenant, "person", "maria", frozenset({Scope.DECIDE}), days=9, by=BOT
        )
        console.opened.clock.advance(minutes=11)
        planted = f"insert into session select tenant, id, 'link', {now}, {now} from token"
        for edit in (
            f"update session set via = 'link', started_at = {now}",
            f"{planted} where true on conflict do nothing",
        ):
            run_sql("sqlite", console.opened, edit)
        for secret in (old, by_token):
            session = await console.sayso.sessions.check(secret)
            with pytest.raises(RefusedError, match="first passkey"):
                await console.sayso.passkeys.to_enrol(session, make_nonce(secret, 1), "localhost")
        with pytest.raises(RefusedError, match="session is over"):
            await console.sayso.sessions.check(program)


@pytest.mark.parametrize("wrong", ["challenge", "origin", "host", "unverified", "twice", "garbled"])
async def test_what_is_no_new_passkey_is_not_enrolled(wrong: str, tmp_path: Path) -> None:
    """Another page's challenge, another site, without its person being verified, or once more."""
    async with opened(tmp_path) as console:
        key, (session, secret) = SoftPasskey(), await by_link(console, "maria")
        nonce = make_nonce(secret, 1)
        options = await console.sayso.passkeys.to_enrol(session, nonce, "localhost")
        challenge, origin, made = str(options["challenge"]), console.url, key
        match wrong:
            case "challenge":
                response = made.register("AAAA", origin=origin)
            case "origin":
                response = made.register(challenge, origin="https://evil.example")
            case "host":
                response = SoftPasskey(rp_id="evil.example").register(challenge, origin=origin)
            case "unverified":
                response = made.register(challenge, origin=origin, flags=PRESENT)
            case "garbled":
                response = "{}"
            case _:
                response = made.register(challenge, origin=origin)
                await console.sayso.passkeys.enrol(
                    session, response, nonce=nonce, origin=origin, rp_id="localhost"
                )
        with pytest.raises(RefusedError, match=r"passkey_invalid|already_in_state"):
            await console.sayso.passkeys.enrol(
                session, response, nonce=nonce, origin=origin, rp_id="localhost"
            )
        known = await console.sayso.passkeys.list()
        assert len(known.passkeys) == (1 if wrong == "twice" else 0)


async def test_a_nonce_is_of_one_session_and_lasts_as_long(tmp_path: Path) -> None:
    """One of another session, a garbled one, or one of yesterday is refused."""
    hour = 3_600_000_000
    good = make_nonce("secret", hour)
    check_nonce("secret", good, 12 * hour)
    for secret, nonce, now in (
        ("other", good, hour),
        ("secret", good[:-2] + "AA", hour),
        ("secret", "", hour),
        ("secret", "ä", hour),
        ("secret", good, 14 * hour),
        ("secret", good, 0),
    ):
        with pytest.raises(RefusedError, match="passkey_invalid"):
            check_nonce(secret, nonce, now)


async def test_the_file_alone_lets_nothing_more_go_without_a_passkey(tmp_path: Path) -> None:
    """Whoever has the server edits sayso.toml; somebody with a passkey has to sign that."""
    async with opened(tmp_path) as console:
        key, origin = await enrol(console, "maria"), console.url
    async with opened(tmp_path, "900.00") as console:
        view = await console.ask()
        assert view.passkey
        known = await console.sayso.passkeys.list()
        assert (known.rule.amounts, known.looser) == ({"USD": 10_000}, {"USD": 90_000})
        session, secret = await by_link(console, "maria")
        asked = await console.sayso.passkeys.to_loosen(session, make_nonce(secret, 1))
        assert asked is not None
        wrong = SoftPasskey(id=key.id).signature(asked.challenge, asked.nonce, origin=origin)
        with pytest.raises(RefusedError, match="passkey_invalid"):
            await console.sayso.passkeys.loosen(session, wrong)
        right = key.signature(asked.challenge, asked.nonce, origin=origin)
        await console.sayso.passkeys.loosen(session, right)
        assert (await console.sayso.passkeys.list()).looser is None
        assert not (await console.sayso.solutions.get(view.id)).passkey
        found = await judged(console, tmp_path)
        assert found.verdict is Verdict.VERIFIED, found.all_findings


async def test_passkeys_are_removed_by_their_people_and_by_who_says_who_people_are(
    tmp_path: Path,
) -> None:
    """Each by an entry; what is gone signs nothing."""
    async with opened(tmp_path) as console, manager(console) as maria:
        key, view = await enrol(console, "maria"), await console.ask()
        text, form = await maria.card(view)
        answer = await maria.browser.post(
            f"{ROOT}/people/passkey/remove", data={"passkey": key.name}
        )
        assert answer.status_code == 303
        assert [one.kind for one in await console.sayso.audit.tail(limit=1)] == ["passkey.removed"]
        answer = await maria.post(
            view, {**form, **signed(text, key, console.url), "decision": "yes"}
        )
        assert (answer.status_code, await status(console, view)) == (422, "pending")


@pytest.mark.tampers("writes a yes as a server with another program would")
async def test_a_yes_written_by_the_server_itself_is_named(tmp_path: Path) -> None:
    """With the database, the log's key and every secret: what is missing is the passkey."""
    async with opened(tmp_path / "shop") as console:
        await enrol(console, "maria")
        view = await console.ask()
        step = view.steps[0]
        container = console.sayso.container
        own = SoftPasskey()
        said = statement("yes", str(console.sayso.tenant), "maria", "n", solution=view.digest)
        session, _ = await console.sayso.sessions.begin("maria", via="token")
        body = next(
            one
            for one in await console.sayso.audit.tail(limit=40)
            if one.body.get("action") == step.action_id
        )
        assert step.digest is not None
        forged = Entry(
            kind=EntryKind.ACTION_APPROVED,
            actor=Actor(kind=ActorKind.PERSON, id="maria"),
            action=step.action_id,
            request=view.request_id,
            approval=step.approval_id,
            subject=body.body["subject"],
            name=step.action,
            amount=step.amount,
            status="approved",
            digest=step.digest,
            data={
                "decision": "approve",
                "via": "console",
                "credential": session.token.id,
                "revision": step.revision,
                "approval_status": "approved",
                "passkey": own.sign(said).to_json(),
            },
        )
        await container.store.write(
            lambda tx: append_alone(container.log, tx, console.sayso.tenant, forged)
        )
        found = await judged(console, tmp_path)
        assert Check.RULE_PASSKEY in {one.check for one in found.all_findings}
        assert found.verdict is Verdict.TAMPERED


# ---- in a real browser ---------------------------------------------------------------------------


class Devtools(Protocol):
    """What is used of the browser's own protocol, with types."""

    async def send(self, method: str, params: dict[str, object] | None = None) -> Any: ...


async def authenticator(page: Page) -> tuple[Devtools, str]:
    """A virtual passkey device of the browser, whose person is verified."""
    cdp = cast("Devtools", await page.context.new_cdp_session(page))
    await cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = await cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return cdp, str(made["authenticatorId"])


async def signed_in(
    console: ServedConsole, browser: Browser, person: str, **options: object
) -> tuple[BrowserContext, Page]:
    """A window in which somebody has just signed in by a link."""
    context = await browser.new_context(**options)  # type: ignore[arg-type]
    page = await context.new_page()
    secret = await console.sayso.sessions.make_link(person)
    await page.goto(console.path(f"enter?key={secret}"))
    await page.click("text=Sign in with this link")
    return context, page


@needs_chromium
async def test_a_manager_enrols_and_says_yes_in_a_browser(tmp_path: Path) -> None:
    """Chromium's own authenticator; then everything verifies from the export alone."""
    async with opened(tmp_path / "shop") as console, chromium() as browser:
        view = await console.ask()
        _, page = await signed_in(console, browser, "maria")
        await authenticator(page)
        await page.goto(console.path(f"solution/{view.id}"))
        assert "none that counts yet" in await page.inner_text(".thumb")
        await page.click("#yes")
        await page.click("text=Add a passkey of yours")
        await page.wait_for_selector("#passkeys table")
        assert "maria" in await page.inner_text("#passkeys table")
        await page.goto(console.path(f"solution/{view.id}"))
        await page.click("#yes")
        await page.wait_for_selector(".note.ok")
        assert await status(console, view) == "approved"
        found = await judged(console, tmp_path)
        assert found.verdict is Verdict.VERIFIED, found.all_findings


@needs_chromium
async def test_who_is_not_verified_or_lets_it_be_decides_nothing(tmp_path: Path) -> None:
    """The page says so, keeps its button, and the next try counts."""
    async with opened(tmp_path) as console, chromium() as browser:
        view = await console.ask()
        _, page = await signed_in(console, browser, "maria")
        cdp, device = await authenticator(page)
        await page.goto(console.path("people"))
        await page.click("text=Add a passkey of yours")
        await page.wait_for_selector("#passkeys table")
        await page.goto(console.path(f"solution/{view.id}"))
        verified: dict[str, object] = {"authenticatorId": device, "isUserVerified": False}
        await cdp.send("WebAuthn.setUserVerified", verified)
        await page.click("#yes")
        await page.wait_for_selector("[data-passkey-said]:not([hidden])")
        assert "nothing was done" in await page.inner_text("[data-passkey-said]")
        assert await violations(page) == []
        assert await status(console, view) == "pending"
        await cdp.send("WebAuthn.setUserVerified", {**verified, "isUserVerified": True})
        await page.click("#yes")
        await page.wait_for_selector(".note.ok")


@needs_chromium
async def test_a_second_manager_is_confirmed_in_the_browser(tmp_path: Path) -> None:
    """Noor makes one, Maria compares and signs it, Noor's yes counts."""
    async with opened(tmp_path / "shop") as console, chromium() as browser:
        view = await console.ask()
        windows: dict[str, Page] = {}
        for person in ("maria", "noor"):
            _, page = await signed_in(console, browser, person)
            await authenticator(page)
            await page.goto(console.path("people"))
            await page.click("text=Add a passkey of yours")
            await page.wait_for_selector(f"#passkeys tbody th:has-text('{person}')")
            windows[person] = page
        assert await violations(windows["noor"]) == []
        await windows["maria"].goto(console.path("people"))
        assert await violations(windows["maria"]) == []
        await windows["maria"].click("#passkeys button:has-text('Confirm')")
        await windows["maria"].wait_for_selector("text=maria confirmed it")
        await windows["noor"].goto(console.path(f"solution/{view.id}"))
        await windows["noor"].click("#yes")
        await windows["noor"].wait_for_selector(".note.ok")
        found = await judged(console, tmp_path)
        assert found.verdict is Verdict.VERIFIED, found.all_findings


@needs_chromium
@pytest.mark.promise("console:accessible")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
async def test_the_states_with_passkeys_have_no_fault(
    width: int, scheme: str, tmp_path: Path
) -> None:
    """The people page and the card, narrow and dark; without scripts the card says what is so."""
    async with opened(tmp_path) as console, chromium() as browser:
        view = await console.ask()
        options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
        _, page = await signed_in(console, browser, "maria", **options)
        for _ in range(2):
            for where in ("people", f"solution/{view.id}"):
                await page.goto(console.path(where))
                assert await violations(page) == []
                wide = await page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width
            await enrol(console, "maria")
        context, page = await signed_in(
            console, browser, "maria", java_script_enabled=False, **options
        )
        await page.goto(console.path(f"solution/{view.id}"))
        assert "needs JavaScript" in await page.inner_text(".thumb")
        await page.click("#yes")
        assert "needs your passkey" in await page.inner_text("main")
        assert await status(console, view) == "pending"
        await put_away(context)
