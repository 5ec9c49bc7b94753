"""Test cards in the console: one looks like any other until it is answered, and then says so."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from support.canaries import CANARIES, MOST
from support.soft_passkey import SoftPasskey
from surfaces.console.served_console import (
    ROOT,
    WORDS,
    Packages,
    ServedConsole,
    chromium,
    needs_chromium,
    open_console,
    package,
    put_away,
    violations,
)
from surfaces.console.test_answers import post, read
from surfaces.console.test_passkeys import enrol, judged, manager, signed

from sayso.audit.verifier.verification import Verdict
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.console.solution import is_practice
from sayso.testing.clock import FakeClock

pytestmark = pytest.mark.promise("canaries:shown")


async def waiting(
    console: ServedConsole, person: str = "maria", words: str = WORDS
) -> SolutionView:
    """A test card that waits, after as many answers as it takes."""
    secret = await console.sign_in(person)
    for customer in range(1, MOST + 1):
        view = await console.ask(words, customer=customer)
        console.opened.clock.advance(seconds=60)
        await console.sayso.solutions.answer(
            view.id, "approve", token=secret, revision=view.revision, digest=view.digest
        )
    made = await console.sayso.canaries.look_after()
    assert made is not None
    card = (await console.sayso.canaries.get(made)).solution
    assert card is not None
    return card


def inputs(page: httpx.Response) -> set[str]:
    """What stands on a card, but for its ids, times and what it is about."""
    return set(re.findall(r'(?:name|class|id)="([^"]+)"', page.text))


async def test_it_says_like_any_other_that_no_real_money_moves(tmp_path: Path) -> None:
    """On a sandbox both cards carry the label, or whoever looks for it would know the test."""
    async with open_console(tmp_path, clock=FakeClock(), approvals=CANARIES) as console:
        test = await waiting(console)
        real = await console.ask(customer=MOST + 1)
        assert is_practice(frozenset({"shop"}), test)
        for places in (frozenset({"shop"}), frozenset({"bank"}), frozenset[str]()):
            assert is_practice(places, test) is is_practice(places, real)
        pages = [(await read(console, f"solution/{view.id}")).text for view in (test, real)]
        assert not any("no real money moves by this card" in page for page in pages)
        for view in (test, real):
            await console.sayso.solutions.assign_as(
                view.id, "noor", tenant=console.sayso.tenant, by="ada", via="test"
            )
            async with console.client(await console.sign_in("noor")) as browser:
                assert view.id in (await browser.get(f"{ROOT}/?only=given")).text
        found = console.sayso.audit.verify(deep=True)
        assert found.verdict == "verified", found.all_findings


async def test_a_note_on_it_is_taken_like_any_other(tmp_path: Path) -> None:
    """Whoever notes something first and answers then does not learn by it what the card is."""
    async with open_console(tmp_path, clock=FakeClock(), approvals=CANARIES) as console:
        view = await waiting(console)
        async with console.client(await console.sign_in("noor")) as browser:
            path = f"{ROOT}/solution/{view.id}/note"
            assert (await browser.post(path, data={"note": "I call her"})).status_code == 303
        assert "I call her" in (await read(console, f"solution/{view.id}")).text
        verdict = console.sayso.audit.verify(tenant=console.sayso.tenant)
        assert not verdict.exit_status


async def test_it_stands_in_the_inbox_and_its_page_is_like_any_other(tmp_path: Path) -> None:
    """The same tab, the same counts, the same buttons; programs do not see it."""
    async with open_console(tmp_path, clock=FakeClock(), approvals=CANARIES) as console:
        view = await waiting(console)
        true = await console.ask(customer=MOST + 1)
        inbox = (await read(console, "")).text
        assert "2 wait for you" in inbox
        assert f"solution/{view.id}" in inbox
        assert "<b>2</b>" in inbox
        assert f"solution/{view.id}" in (await read(console, "?tab=role")).text
        assert "Mine <b>2</b>" in (await read(console, "?tab=decided")).text
        assert "canar" not in inbox.lower()
        assert "test" not in inbox.lower()
        assert view.id not in (await read(console, "", "finn")).text
        mine, other = [await read(console, f"solution/{one}") for one in (view.id, true.id)]
        assert mine.status_code == other.status_code == 200
        assert inputs(mine) == inputs(other)
        assert str(view.totals[0]) in mine.text
        assert "test" not in mine.text.lower().replace("latest", "")


@pytest.mark.parametrize(
    ("decision", "title"),
    [
        ("yes", "This was a test card, and you said yes"),
        ("no", "You said no: you caught it"),
        ("ask", "You wanted to ask first: you caught it"),
    ],
)
async def test_a_click_says_what_it_was(tmp_path: Path, decision: str, title: str) -> None:
    """To whoever clicked, with the mistake; others learn only that it was one."""
    async with open_console(tmp_path, clock=FakeClock(), approvals=CANARIES) as console:
        view = await waiting(console)
        calls = list(console.shop.books.calls)
        answer = await post(
            console,
            view,
            decision=decision,
            reason_code="wrong_amount" if decision == "no" else "",
            question="Which one?" if decision == "ask" else "",
        )
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"{ROOT}/solution/{view.id}",
        )
        page = (await read(console, f"solution/{view.id}")).text
        assert title in page
        assert "was ever paid" in page
        assert "Nothing was done" in page
        others = (await read(console, f"solution/{view.id}", "noor")).text
        assert "Somebody has answered it" in others
        assert title not in others
        assert "maria" not in others.replace("noor", "")
        again = await post(console, view, "noor", decision="yes")
        assert again.status_code == 303, "as a late click on any card, it counts nothing"
        assert "Nothing waits for you" in (await read(console, "")).text
        await console.sayso.container.dispatcher.drain()
        assert console.shop.books.calls == calls
        me = (await read(console, "me")).text
        assert ("0 of 1" if decision == "yes" else "1 of 1") in me
        assert "Some cards are tests" in me
        figures = (await read(console, "figures")).text
        assert f"Test cards: {0 if decision == 'yes' else 100} % of 1 seen" in figures
        assert "Some of the cards" in (await read(console, "people")).text
        assert console.sayso.audit.verify().verdict is Verdict.VERIFIED


async def test_a_smaller_card_is_shown_before_it_counts(tmp_path: Path) -> None:
    """Unticking the wrong step is a catch; what was not shown is refused."""
    async with open_console(tmp_path, clock=FakeClock(), approvals=CANARIES) as console:
        view = await waiting(console)
        wrong = next(step for step in view.steps if step.id == "s1")
        assert wrong.amount is not None
        others = [step.id for step in view.steps if step.asks and step.id == "s2"]
        shown = await post(console, view, decision="yes", step=others)
        assert shown.headers["location"].startswith(f"{ROOT}/solution/{view.id}/smaller")
        page = await read(console, shown.headers["location"].removeprefix(f"{ROOT}/"))
        assert "A smaller card" in page.text
        stale = await post(console, view, decision="yes", digest="0" * 64)
        assert stale.status_code == 422
        assert "Nothing was decided" in stale.text
        assert (await post(console, view, decision="maybe")).status_code == 422
        done = await post(console, view, decision="yes", step=others, smaller="1")
        assert done.status_code == 303
        assert (await console.sayso.canaries.get(view.id)).status == "caught"


async def test_nobody_has_said_that_there_are_some(tmp_path: Path) -> None:
    """Where the workspace makes none, the pages say so."""
    async with open_console(tmp_path, clock=FakeClock()) as console:
        assert "There are no test cards here" in (await read(console, "me")).text
        assert "Some of the cards" not in (await read(console, "people")).text


@needs_chromium
async def test_in_a_browser_a_yes_to_a_test_card_is_revealed_at_once(tmp_path: Path) -> None:
    """One click as on any card; every page that speaks of it has no finding of axe."""
    async with open_console(tmp_path, clock=FakeClock(), approvals=CANARIES) as console:
        view = await waiting(console)
        async with chromium() as browser:
            context = await console.context(browser, viewport={"width": 360, "height": 780})
            page = await context.new_page()
            await page.goto(console.path(""))
            await page.click(f"a[href$='{view.id}']")
            assert await violations(page) == []
            await page.click("#yes")
            await page.wait_for_selector("text=This was a test card, and you said yes")
            for where in ("", "me", "figures", "people"):
                if where:
                    await page.goto(console.path(where))
                assert await violations(page) == []
                wide = await page.evaluate("document.documentElement.scrollWidth")
                assert wide <= 360, (where, wide)
            await put_away(context)


async def test_so_much_needs_a_passkey_on_a_test_card_too(tmp_path: Path) -> None:
    """Else whoever knows the amount would know the card; the signature is checked, and not kept."""
    less = Packages(*package(refund=5_100, credit=1_000))
    approvals: dict[str, object] = {**CANARIES, "passkey_from": {"USD": "100.00"}}
    async with (
        open_console(
            tmp_path, host="localhost", clock=FakeClock(), planner=less, approvals=approvals
        ) as console,
        manager(console) as maria,
    ):
        key = await enrol(console, "maria")
        view = await waiting(console, words=WORDS.replace("$129.00", "$51.00"))
        assert view.passkey
        text, form = await maria.card(view)
        assert "Your passkey signs this yes" in text
        unsigned = await maria.post(view, form | {"decision": "yes"})
        assert unsigned.status_code == 422
        assert "passkey" in unsigned.text
        assert (await console.sayso.canaries.get(view.id)).status == "open"
        other = await maria.post(
            view, form | {"decision": "yes"} | signed(text, SoftPasskey(), console.url)
        )
        assert other.status_code == 422
        answer, _ = await maria.yes(view, key)
        assert answer.status_code == 303
        assert (await console.sayso.canaries.get(view.id)).status == "missed"
        found = await judged(console, tmp_path)
        assert found.verdict is Verdict.VERIFIED, found.all_findings
