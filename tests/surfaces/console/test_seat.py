"""The seat beside a ticket: who writes, what waits, and what a colleague says as themselves."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sdk.desk.desks import OpenDesk, open_desk
from support.shop_workspace import POLICY
from surfaces.console.served_console import ROOT, serving

from sayso.actions.model.definition import Assurance
from sayso.surfaces.console.app import create_console
from sayso.surfaces.console.edge import ConsoleSite
from sayso.surfaces.console.sign_in import OFFER_S, SeatOffers

pytestmark = pytest.mark.promise("seat:beside")
RULES = (
    POLICY
    + """
@id("colleagues") @explain("colleagues write to customers and to each other")
permit (principal, action in [Action::"desk.reply", Action::"desk.note"], resource);
"""
)
NONCE = re.compile(r'nonce="[^"]*"')
SEAT = f"{ROOT}/seat?desk=desk&thread=t1"
WORDS = "Please refund $20.00 of order_1."
HOSTILE = "<img src=x onerror=alert(1)> <b id=pwn>"


@dataclass(kw_only=True)
class OpenSeat:
    """A desk, and maria's browser beside it."""

    desk: OpenDesk
    url: str
    browser: httpx.AsyncClient

    async def page(self, where: str = SEAT) -> str:
        """A page as she sees it."""
        return (await self.browser.get(where)).text

    async def say(self, **fields: str) -> httpx.Response:
        """Send a form of the seat."""
        form = {"desk": "desk", "thread": "t1", **fields}
        return await self.browser.post(f"{ROOT}/seat/say", data=form)


def client(url: str, secret: str, name: str = "sayso_session") -> httpx.AsyncClient:
    """A browser without scripts."""
    return httpx.AsyncClient(
        base_url=url,
        cookies={name: secret} if secret else {},
        headers={"Sec-Fetch-Site": "same-origin"},
        timeout=60,
    )


@asynccontextmanager
async def sitting(
    folder: Path, policy: str = RULES, console: Mapping[str, object] | None = None
) -> AsyncGenerator[OpenSeat]:
    """Open it; `console` is that table of the settings."""
    opening = open_desk(folder, policy=policy, console=console or {})
    async with opening as desk, serving(desk.sayso) as url:
        _, secret = await desk.sayso.sessions.begin("maria", via="token")
        async with client(url, secret) as browser:
            yield OpenSeat(desk=desk, url=url, browser=browser)


async def test_it_shows_the_thread_and_what_came_of_it(tmp_path: Path) -> None:
    """Who writes, what waits or was done, what they were told; before anything came in, so."""
    async with sitting(tmp_path) as seat:
        assert "Open a ticket to see who writes" in await seat.page(f"{ROOT}/seat")
        assert "Nothing of this ticket has come in" in await seat.page()
        await seat.desk.says("t1", "Please refund order_2.", customer="bob")
        page = await seat.page()
        assert "bob" in page
        assert "Waits for a support manager" in page
        assert "What the customer was told" in page
        before = await seat.desk.sayso.desks.mark("desk", "t1")
        await seat.desk.decide("approve", "noor")
        assert await seat.desk.sayso.desks.mark("desk", "t1") != before, "open pages hear of it"
        await seat.desk.settle()
        page = await seat.page()
        assert "Done today at" in page
        assert "shop.refund" in page
        assert seat.desk.sayso.audit.verify(deep=True).exit_status == 0


async def test_a_colleague_answers_once_and_sayso_is_silent_then(tmp_path: Path) -> None:
    """Through the desk's own reply, as her in the log; sent twice it is said once."""
    async with sitting(tmp_path) as seat:
        await seat.desk.says("t1", "I want to talk to a person.")
        page = await seat.page()
        assert "Waits for a person" in page
        told = len(seat.desk.told("t1"))
        text = f"Hello! {HOSTILE}"
        both = [await seat.say(do="reply", text=text, key="k1") for _ in range(2)]
        assert [one.status_code for one in both] == [303, 303]
        assert seat.desk.told("t1")[told:] == [text]
        where = both[0].headers["location"]
        page = await seat.page(where)
        assert "Sent" in page
        assert "Sayso is silent here: a colleague has answered" in page
        assert "<img src=x" not in page
        assert "&lt;img src=x" in page, "her answer stands among the notes"
        (request,) = await seat.desk.sayso.requests.list(status="handed_over")
        (note,) = (await seat.desk.sayso.work.get(request.id)).notes
        assert (note.person, note.text) == ("maria", text)
        assert note.answered is not None
        action = await seat.desk.sayso.actions.get(note.answered)
        entry = action.timeline[0]
        assert (entry.actor, entry.body["data"]["via"]) == ("person:maria", "console")
        await seat.desk.says("t1", "Please refund $20.00 of order_1.")
        assert seat.desk.told("t1")[told:] == [text], "nothing more is said by itself"
        assert seat.desk.sayso.audit.verify(deep=True).exit_status == 0


async def test_the_links_in_notes_lead_to_pages_that_there_are(tmp_path: Path) -> None:
    """Of a hand-over, of a card that waits, and of a thread in which Sayso is silent."""
    async with sitting(tmp_path, console={"url": "https://sayso.example"}) as seat:
        await seat.desk.says("t1", "I want to talk to a person.")
        await seat.desk.says("t2", "Please refund order_2.", customer="bob")
        seat.desk.desk.write("t2", "I have it.", author="colleague")
        await seat.desk.settle()
        notes = "\n".join([*seat.desk.noted("t1"), *seat.desk.noted("t2")])
        links = set(re.findall(r"https://sayso\.example(/console\S*)", notes))
        assert len(links) >= 3, notes
        for where in links:
            answer = await seat.browser.get(where, follow_redirects=True)
            assert answer.status_code == 200, where


async def test_work_is_answered_from_its_page_and_ends_with_it(tmp_path: Path) -> None:
    """The page says why a person has it and what was tried; the answer goes to the thread, once."""
    async with sitting(tmp_path) as seat:
        await seat.desk.says("t1", "I want to talk to a person.")
        (request,) = await seat.desk.sayso.requests.list(status="handed_over")
        page = await seat.page(f"{ROOT}/request/{request.id}")
        for words in ("Why a person", "What was tried", "Goes to desk, t1, as maria"):
            assert words in page
        form = {"do": "answer-end", "text": "Hello, I look at it.", "key": "k1"}
        where = f"{ROOT}/work/{request.id}"
        answer = await seat.browser.post(where, data=form)
        assert answer.status_code == 303
        assert seat.desk.told("t1")[-1] == "Hello, I look at it."
        work = await seat.desk.sayso.work.get(request.id)
        assert (work.ended, [note.person for note in work.notes]) == (True, ["maria", "maria"])
        assert work.notes[0].answered is not None
        again = await seat.browser.post(where, data=form)
        assert again.status_code == 409
        assert seat.desk.told("t1").count("Hello, I look at it.") == 1
        assert seat.desk.sayso.audit.verify(deep=True).exit_status == 0


async def test_what_the_policy_does_not_allow_is_not_said(tmp_path: Path) -> None:
    """No rule for a colleague's words: refused, and said so; nothing reaches the customer."""
    async with sitting(tmp_path, policy=POLICY) as seat:
        await seat.desk.says("t1", "I want to talk to a person.")
        told = seat.desk.told("t1")
        answer = await seat.say(do="reply", text="Hello!", key="k1")
        page = await seat.page(answer.headers["location"])
        assert "Not done" in page
        assert seat.desk.told("t1") == told
        for bad in ({"text": " "}, {"text": "x" * 5001}, {"key": ""}):
            answer = await seat.say(**{"do": "reply", "text": "Hi", "key": "k2", **bad})
            assert answer.status_code == 409, bad


async def test_she_composes_for_whoever_writes_there_and_for_nobody_else(tmp_path: Path) -> None:
    """The form's customer is the thread's, whatever it says; what is stale is shown again."""
    async with sitting(tmp_path) as seat:
        await seat.desk.says("t1", "I want to talk to a person.")
        record = "shop|order|order_1"
        form = {
            "desk": "desk",
            "thread": "t1",
            "key": "k1",
            "customer": "bob",
            "record": record,
            "action": "shop.refund",
            "arg.amount": "20.00",
            "why": "broken",
        }
        page = (await seat.browser.post(f"{ROOT}/seat/judge", data=form)).text
        assert "Runs by itself" in page
        assert "order_2" not in page, "bob's"
        found = re.search(r'name="digest" value="([0-9a-f]{64})"', page)
        assert found is not None
        stale = await seat.say(**form, do="propose", digest="0" * 64)
        assert stale.status_code == 409
        assert "Nothing was proposed" in stale.text
        for _ in range(2):
            done = await seat.say(**form, do="propose", digest=found[1])
            assert done.status_code == 303
        assert seat.desk.shop.books.paid_out_minor == 2_000
        assert [one.order for one in seat.desk.shop.books.payouts] == ["order_1"]
        assert seat.desk.sayso.audit.verify(deep=True).exit_status == 0


async def test_nothing_is_shown_of_somebody_who_is_not_proved(tmp_path: Path) -> None:
    """No name, no order, no reply with either; a colleague who knows them vouches."""
    async with sitting(tmp_path) as seat:
        unproved = Assurance.UNVERIFIED
        seat.desk.desk.write("t1", "I want to talk to a person.", assurance=unproved)
        await seat.desk.settle()
        page = await seat.page()
        assert "Not proved" in page
        assert "order_1" not in page
        assert ">ana<" not in page
        answer = await seat.say(do="vouch", reason="called back on the number on file")
        assert answer.status_code == 303, answer.text
        assert "order_1" in await seat.page()


async def test_only_people_with_a_role_sit_there_and_only_at_threads_there_are(
    tmp_path: Path,
) -> None:
    """Nobody signed in, another desk, a thread of nobody, another site's form."""
    async with sitting(tmp_path) as seat:
        await seat.desk.says("t1", "I want to talk to a person.")
        async with client(seat.url, "") as nobody:
            answer = await nobody.get(SEAT)
            assert answer.status_code == 401
            assert "Sign in to Sayso" in answer.text
            assert "ana" not in NONCE.sub("", answer.text)
            assert (await nobody.get(f"{ROOT}/seat/live?on=seat+desk+t1")).status_code == 401
        for where in ("desk=no&thread=t1", "desk=desk&thread=t2", "desk=%00&thread=%27"):
            answer = await seat.browser.get(f"{ROOT}/seat?{where}")
            assert answer.status_code in {200, 404}, where
            assert "ana" not in NONCE.sub("", answer.text)
        answer = await seat.browser.post(
            f"{ROOT}/seat/say",
            data={"desk": "desk", "thread": "t1", "do": "note", "text": "x", "key": "k"},
            headers={"Sec-Fetch-Site": "cross-site"},
        )
        assert answer.status_code == 403
        assert seat.desk.noted("t1") == [one for one in seat.desk.noted("t1") if one != "x"]


async def test_only_the_seat_is_framed_and_only_where_it_is_allowed(tmp_path: Path) -> None:
    """CSP `frame-ancestors` on the seat's pages alone; its cookie is of one frame, and of no page.

    What a window has told its frame counts once, and soon.
    """
    allowed = ("https://*.zendesk.com", "https://*.apps.zdusercontent.com")
    site = ConsoleSite(url="https://sayso.example", frame_ancestors=allowed)
    async with open_desk(tmp_path, policy=RULES) as desk:
        console = create_console(desk.sayso, site=site)
        _, secret = await desk.sayso.sessions.begin("maria", via="token")
        main, seat = f"{site.cookie}={secret}", f"{site.seat_cookie}={secret}"
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=console), base_url="https://sayso.example"
        ) as browser:

            async def call(
                method: str, where: str, cookie: str = "", origin: str = "same-origin", **form: str
            ) -> httpx.Response:
                headers = {"Sec-Fetch-Site": origin, "Cookie": cookie}
                return await browser.request(method, where, headers=headers, data=form or None)

            async def framed_by(where: str) -> str:
                policy = (await call("GET", where, main)).headers["content-security-policy"]
                return policy.partition("frame-ancestors ")[2].partition(";")[0]

            assert await framed_by("/seat?desk=desk&thread=t1") == " ".join(allowed)
            for where in ("/", "/seat/open", "/enter", "/compose", "/customers", "/me", "/nothing"):
                assert await framed_by(where) == "'none'", where
            opened = await call("GET", "/seat/open", main)
            assert "data-code" not in opened.text, "looking offers nothing"
            assert opened.headers["cross-origin-opener-policy"] == "unsafe-none"
            opened = await call("POST", "/seat/open", main)
            found = re.search(r'data-code="([^"]+)"', opened.text)
            assert found is not None
            code = html.unescape(found[1])
            entered = [await call("POST", "/seat/enter", code=code) for _ in range(2)]
            assert [one.status_code for one in entered] == [204, 401], "once"
            cookie = entered[0].headers["set-cookie"]
            for part in (f"{seat};", "Secure", "HttpOnly", "SameSite=None", "Partitioned"):
                assert part in cookie
            browser.cookies.clear()
            assert (await call("GET", "/seat", seat)).status_code == 200
            assert (await call("GET", "/", seat)).status_code == 303, "the seat alone"
            refused = await call("POST", "/seat/say", seat, "cross-site", do="x")
            assert refused.status_code == 403
    assert ConsoleSite(url="https://sayso.example").framed_by("/seat") == ()
    offers = SeatOffers()
    assert offers.take(offers.offer("s", 100.0), 100.0 + OFFER_S) == ""
