"""A queue that a person can finish: found, ordered, walked by keys, with no card left behind."""

from __future__ import annotations

import html
import re
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest
from audit.test_log_of_logs import unguarded
from playwright.async_api import Page
from surfaces.console.served_console import (
    CUSTOMERS,
    ROOT,
    ServedConsole,
    chromium,
    needs_chromium,
    open_console,
    usd,
)

from bench.console import Database, open_items
from sayso.audit.authority.by import By
from sayso.audit.entry import Actor, ActorKind
from sayso.money import Money
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.console.inbox_query import InboxQuery, fits, nearest
from sayso.surfaces.console.inbox_view import part_words


async def many(console: ServedConsole, number: int) -> list[SolutionView]:
    """So many cards, each of a customer of its own, the soonest first."""
    for extra in range(CUSTOMERS + 1, number + 1):
        console.shop.books.add(f"o{extra}", f"cus_{extra}", Money(100_000, "USD"))
        console.shop.names[f"cus_{extra}"] = f"Guest {extra}"
    views = [await console.ask(customer=one) for one in range(1, number + 1)]
    return sorted(views, key=lambda view: view.id)  # all of one moment


def cards_of(html: str) -> list[str]:
    """The cards of a list, in its order."""
    return re.findall(r'data-row href="/console/solution/(apr_\w+)', html)


@pytest.mark.promise("console:queue")
async def test_every_card_is_reached_by_next_and_by_pages(tmp_path: Path) -> None:
    """Also behind the 25th, and back; a list that was searched is walked as it was searched."""
    async with open_console(tmp_path) as console:
        ids = [view.id for view in await many(console, 28)]
        async with console.client(await console.sign_in()) as browser:

            async def page(where: str) -> str:
                answer = await browser.get(f"{ROOT}/{where}")
                assert answer.status_code == 200, where
                return answer.text

            first = await page("")
            assert "28 wait for you" in first
            assert "1 to 25 of 28" in first
            link = re.search(r'href="/console/(\?after=[^"]+)">Next', first)
            assert link is not None
            second = await page(link[1].replace("&amp;", "&"))
            assert cards_of(first) + cards_of(second) == ids
            card = await page(f"solution/{ids[25]}")
            assert "26 of 28" in card
            assert f'href="/console/solution/{ids[26]}" data-key-j' in card
            assert f'href="/console/solution/{ids[24]}" data-key-k' in card
            last = await page(f"solution/{ids[27]}")
            assert f'href="/console/solution/{ids[0]}" data-key-j' in last, "around"
            found = cards_of(await page("?q=guest&order=newest"))
            assert len(found) == 28 - CUSTOMERS
            inside = urlencode({"in": "q=guest&order=newest"})
            card = await page(f"solution/{found[2]}?{inside}")
            assert f"3 of {28 - CUSTOMERS}" in card
            following = f"{found[3]}?in=q%3Dguest%26order%3Dnewest"
            assert f'href="/console/solution/{following}" data-key-j' in card


@pytest.mark.promise("console:queue")
async def test_a_card_is_found_by_name_order_amount_and_words(tmp_path: Path) -> None:
    """By address alone; what is odd in one is a sentence, and never an error."""
    async with open_console(tmp_path) as console:
        console.shop.names["cus_2"] = "Łukasz Żółć"
        views = [await console.ask(customer=1), await console.ask(customer=2)]
        order = sorted(view.id for view in views)
        async with console.client(await console.sign_in()) as browser:

            async def found(**query: str) -> list[str]:
                answer = await browser.get(f"{ROOT}/?{urlencode(query)}")
                assert answer.status_code == 200, query
                return cards_of(answer.text)

            both = [view.id for view in views]
            assert await found(q="zolc") == [both[1]]
            assert await found(q="BEN okafor") == [both[0]]
            assert await found(q="$139.00") == order, "the amount of the whole solution"
            assert await found(q=">100 mugs") == order
            assert await found(q="<100") == []
            assert await found(q="39") == [], "no part of an amount"
            assert await found(q="mugs", only="agreed") == []
            assert await found(q="mugs", why="Above the automatic $50") == order
            assert await found(tab="role", q="zolc") == [both[1]]
            for tab in ("decided", "handed-over", "unknown", "expiring"):
                assert await found(tab=tab, q="zolc") == []
            near = await browser.get(f"{ROOT}/?q=okafr")
            assert "Did you mean Okafor?" in near.text
            odd = "\x00\ud800'\"<>%[](*\\".encode("utf-8", "surrogatepass")
            for name in ("q", "why", "only", "order", "tab", "look", "from", "in", "said"):
                for value in (odd, b"9" * 400, b"apr_" + b"a" * 50):
                    for tab in ("mine", "handed-over"):
                        answer = await browser.get(
                            f"{ROOT}/?{urlencode({'tab': tab, name: value})}"
                        )
                        assert answer.status_code == 200, (name, value)
            for tab in ("mine", "role", "decided"):
                answer = await browser.get(f"{ROOT}/?{urlencode({'tab': tab, 'after': odd})}")
                assert answer.status_code == 409
                assert "begin at the first page" in answer.text


@pytest.mark.promise("console:queue")
async def test_a_card_is_given_to_a_colleague_who_finds_it(tmp_path: Path) -> None:
    """So is one whose note names them; nobody may answer by it who might not before."""
    async with open_console(tmp_path) as console:
        views = [await console.ask(customer=one) for one in (1, 2, 3)]
        given, named, other = (view.id for view in views)
        async with console.client(await console.sign_in("ada")) as browser:
            answer = await browser.post(f"{ROOT}/solution/{given}/give", data={"person": "noor"})
            assert answer.status_code == 303
            stranger = await browser.post(f"{ROOT}/solution/{given}/give", data={"person": "eve"})
            assert stranger.status_code == 404
            note = {"note": "Please look, @Noor. (Not a@noor.example.)"}
            await browser.post(f"{ROOT}/solution/{named}/note", data=note)
            note = {"note": "noor@shop.example and @nora know"}
            await browser.post(f"{ROOT}/solution/{other}/note", data=note)
        async with console.client(await console.sign_in("noor")) as browser:
            mine = await browser.get(f"{ROOT}/?only=given")
            assert cards_of(mine.text) == [given]
            assert "noor has it" in mine.text
            assert cards_of((await browser.get(f"{ROOT}/?only=named")).text) == [named]
            page = (await browser.get(f"{ROOT}/solution/{given}")).text
            assert '<option value="noor" selected>' in page
        bot = By(actor=Actor(kind=ActorKind.SERVICE, id="bot"))
        await console.sayso.people.deactivate(console.sayso.tenant, "noor", by=bot)
        async with console.client(await console.sign_in("maria")) as browser:
            assert cards_of((await browser.get(f"{ROOT}/?only=given")).text) == []
            page = (await browser.get(f"{ROOT}/solution/{given}")).text
            assert "noor has it and was deactivated. Give it to somebody else." in page
            await browser.post(f"{ROOT}/solution/{given}/give", data={"person": ""})
        assert (await console.sayso.solutions.get(given)).assignee is None
        found = console.sayso.audit.verify(deep=True)
        assert found.verdict == "verified", found.all_findings


@pytest.mark.promise("console:queue")
async def test_a_view_is_kept_by_name_and_forgotten(tmp_path: Path) -> None:
    """In this browser; what else stands in its address is left out."""
    async with open_console(tmp_path) as console:
        await console.ask()
        async with console.client(await console.sign_in()) as browser:
            form = {"name": "Mugs", "q": "q=mugs&order=largest&after=1.a&evil=1"}
            answer = await browser.post(f"{ROOT}/views", data=form)
            assert answer.headers["location"] == f"{ROOT}/?q=mugs&order=largest"
            shown = await browser.get(f"{ROOT}/")
            link = r'href="/console/\?q=mugs&amp;order=largest">\s*Mugs\s*</a>'
            assert re.search(link, shown.text)
            await browser.post(f"{ROOT}/views", data={**form, "do": "forget"})
            assert "Mugs" not in (await browser.get(f"{ROOT}/")).text


def test_a_search_says_when_it_has_not_looked_at_all() -> None:
    """On every tab alike; where it has looked at all, nothing is said."""
    assert part_words(400, whole=False) == ", of the first 400 that were looked at"
    assert part_words(51, whole=False, seen=400) == ", of 401 to 451"
    assert part_words(3, whole=True) == ""


@pytest.mark.tampers("puts 450 cards into the database at once, of which no entry tells")
@pytest.mark.promise("console:queue")
async def test_a_search_looks_at_all_by_four_hundred_at_once(tmp_path: Path) -> None:
    """Each is opened and read, so no page looks at more; a link looks on, and a last one ends."""
    async with open_console(tmp_path) as console:
        await console.sayso.propose("shop.refund", {"order": "o1"}, subject="cus_1")
        database = Database("", console.opened.workspace.store_path)
        open_items(database, 450)
        database.close()
        async with console.client(await console.sign_in()) as browser:
            shown, link = 0, "?q=refund"
            for title in ("400 cards fit, of the first 400", "51 cards fit, of 401 to 451"):
                page = (await browser.get(f"{ROOT}/{link}")).text
                assert title in page
                found = re.search(r'href="/console/([^"]*)">\s*Look at the next 400', page)
                shown += int(title.split()[0])
                link = html.unescape(found[1]) if found else ""
            assert (shown, link) == (451, "")
            form = {"name": "On", "q": "q=refund&past=1.a&seen=400"}
            answer = await browser.post(f"{ROOT}/views", data=form)
            assert answer.headers["location"] == f"{ROOT}/?q=refund"


@pytest.mark.tampers("puts 450 lost and failed actions into the database at once")
@pytest.mark.promise("console:queue")
async def test_a_search_of_what_is_unknown_looks_on_through_its_kinds(tmp_path: Path) -> None:
    """Each once, also where two states are one kind; a place that is none is the beginning."""
    async with open_console(tmp_path) as console:
        own = await console.sayso.propose("shop.refund", {"order": "o1"}, subject="cus_1")
        database = Database("", console.opened.workspace.store_path)
        open_items(database, 450)
        database.close()
        with closing(unguarded(console.opened.workspace.store_path)) as rows:
            rows.execute(
                "update action set due_at = null, status = case when rowid % 3 = 0 then 'failed'"
                " when rowid % 3 = 1 then 'unknown' else 'accepted' end where id <> ?",
                (own.id,),
            )
        seen = list[str]()
        for after in range(0, 300, 100):
            last = seen[-1] if after else None
            kind = await console.sayso.work.list(kinds=("unknown",), limit=100, after=last)
            seen += [one.about for one in kind]
        assert len(set(seen)) == len(seen) == 300
        async with console.client(await console.sign_in()) as browser:
            links = list[str]()
            link = "?tab=unknown&q=shop"
            for title in ("400 fit, of the first 400", "50 fit, of 401 to 450"):
                page = (await browser.get(f"{ROOT}/{link}")).text
                assert title in page
                found = re.search(r'href="/console/([^"]*)">\s*Look at the next 400', page)
                link = html.unescape(found[1]) if found else ""
                links.append(link)
            assert links[1] == ""
            for wrong in ("act_1", "failed.a\0b", "nothing.act_1"):
                strange = {"tab": "unknown", "q": "shop", "past": wrong, "seen": "400"}
                page = (await browser.get(f"{ROOT}/", params=strange)).text
                assert "400 fit, of 401 to 800" in page


def test_amounts_fit_as_people_write_them() -> None:
    """Whole, with or without their cents, separators and signs; the beginning of other numbers."""
    kwd, usd = Money(199_000, "KWD"), Money(112_900, "USD")
    for words in ("1129", "$1,129.00", "1.129,00", "1'129", ">1128.99", "<1,130"):
        assert fits(words, "", (usd,)), words
    for words in ("129", "112", ">1129", "1129.01", "€"):
        assert not fits(words, "", (usd,)), words
    assert fits("199", "", (kwd,))
    assert fits("20", "order 2088")
    assert not fits("88", "order 2088")
    assert nearest("mutari", ["Khalid Al-Mutairi", "Ben"]) == "Al-Mutairi"


def test_a_query_says_the_same_after_any_way_through_a_link() -> None:
    """What is saved, shown in a card's address, or sent by a form is one view."""
    query = InboxQuery.read({"tab": "role", "q": "a&b = ü", "order": "largest", "from": "26"})
    assert InboxQuery.of(query.link) == query.filtered()
    assert InboxQuery.of("%zz&&=") == InboxQuery()


@pytest.mark.promise("approvals:yes-reason")
async def test_a_reason_is_asked_for_and_stands_on_the_card(tmp_path: Path) -> None:
    """One field beside the yes; without it nothing is decided, and a no needs no such words."""
    rule = {"yes_reason_from": {"USD": "100.00"}}
    async with open_console(tmp_path, approvals=rule) as console:
        view = await console.ask()
        assert view.says_why
        async with console.client(await console.sign_in()) as browser:
            shown = (await browser.get(f"{ROOT}/solution/{view.id}")).text
            assert re.search(r'<input name="yes_reason"[^>]* required>', shown)
            form = {"decision": "yes", "revision": str(view.revision), "digest": view.digest}
            path = f"{ROOT}/solution/{view.id}/decision"
            answer = await browser.post(path, data=form)
            assert answer.status_code == 422
            assert "A yes to this amount needs a reason" in answer.text
            answer = await browser.post(path, data={**form, "yes_reason": "I saw the mugs."})
            assert answer.status_code == 303
            done = (await browser.get(f"{ROOT}/solution/{view.id}")).text
            assert "maria: “I saw the mugs.”" in done
            assert "You said yes" in done


@needs_chromium
@pytest.mark.promise("console:keys")
async def test_cards_are_answered_by_two_acts_each(tmp_path: Path) -> None:
    """Y goes to the button and Enter presses it; then the next card's headline has the focus."""
    async with open_console(tmp_path) as console, chromium() as browser:
        made = [await one_step(console, number) for number in range(CARDS)]
        views = sorted(made, key=lambda view: view.id)  # all of one moment
        page = await (await console.context(browser)).new_page()
        await page.goto(console.path(f"solution/{views[0].id}"))
        acts = 0
        for at, _ in enumerate(views):
            for key in ("y", "Enter"):
                await page.keyboard.press(key)
                acts += 1
            await page.wait_for_url(f"**said={views[at].id}*")
            assert await page.evaluate("document.activeElement.id") == "headline"
        assert acts == 2 * len(views)
        assert await page.inner_text("h1") == "Nothing waits for you"
        assert "You said yes: $129.00 to" in await page.inner_text(".note")
        decided = [(await console.sayso.solutions.get(view.id)).status for view in views]
        assert set(decided) == {"approved"}


async def one_step(console: ServedConsole, number: int) -> SolutionView:
    """A refund that waits, of a customer of its own; quicker than a plan of words."""
    console.shop.books.add(f"q{number}", f"cus_q{number}", Money(100_000, "USD"))
    args = {"order": f"q{number}", "amount": usd(12_900)}
    action = await console.sayso.propose("shop.refund", args, subject=f"cus_q{number}")
    assert action.approval is not None
    return await console.sayso.solutions.get(action.approval.id)


CARDS = 40
"""So many a day are read with care, by two people."""


async def posts_of(page: Page) -> list[str]:
    """Every POST of a page from here on."""
    posts: list[str] = []
    page.on("request", lambda one: posts.append(one.url) if one.method == "POST" else None)
    return posts


@needs_chromium
@pytest.mark.promise("console:keys")
async def test_nothing_that_is_typed_or_held_says_yes(tmp_path: Path) -> None:
    """Enter in a field looks at the smaller card; a key that is held, and a click, lead nowhere."""
    async with open_console(tmp_path) as console, chromium() as browser:
        views = await many(console, 2)
        page = await (await console.context(browser)).new_page()
        posts = await posts_of(page)
        card = console.path(f"solution/{views[0].id}")
        await page.goto(card)
        await page.keyboard.press("l")
        await page.keyboard.type("yn20")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/smaller?*")
        await page.goto(card)
        await page.focus("#step-s1")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/smaller?*")
        await page.goto(card)
        await page.keyboard.press("n")
        assert await page.evaluate("document.activeElement.id") == "reason_code"
        await page.fill("#note", "y")
        await page.press("#note", "y")
        await page.goto(card)
        await page.keyboard.press("y")
        await page.evaluate(
            "document.activeElement.dispatchEvent(new KeyboardEvent('keydown',"
            " {key: 'Enter', repeat: true, bubbles: true, cancelable: true}))"
        )
        await page.keyboard.press("j")
        await page.wait_for_url(f"**/solution/{views[1].id}")
        await page.keyboard.press("k")
        await page.wait_for_url(f"**/solution/{views[0].id}")
        await page.keyboard.press("i")
        await page.wait_for_url(f"**{ROOT}/")
        assert posts == []
        await page.goto(card)
        await page.click("#yes")
        await page.wait_for_selector("text=You said yes")
        assert "said=" not in page.url, "a click stays where it was"
