"""Composing by forms alone: found, chosen, judged, proposed as oneself, shown again if stale."""

from __future__ import annotations

import html
import re
from pathlib import Path

import httpx
import pytest
from surfaces.console.served_console import ROOT, ServedConsole, open_console

pytestmark = pytest.mark.promise("compose:proposed")
WHY = "The kettle <b>leaks</b>; I saw the photo."


def hidden(page: str, name: str) -> str:
    """The value of a hidden field of a page; empty for none."""
    found = re.search(rf'name="{re.escape(name)}" value="([^"]*)"', page)
    return html.unescape(found[1]) if found else ""


def filled(page: str, **more: str) -> dict[str, str]:
    """A form with what a page has given it."""
    given = {name: hidden(page, name) for name in ("key", "customer", "digest")}
    record = re.search(r'name="record" value="([^"]*\|order\|[^"]*)"', page)
    picked = {} if record is None else {"record": html.unescape(record[1])}
    return {**given, **picked, **more}


async def composed(browser: httpx.AsyncClient, amount: str) -> dict[str, str]:
    """Find a customer, choose their order, and have a refund judged; the form as it stands."""
    page = (await browser.post(f"{ROOT}/compose", data={"do": "find", "q": "cus_1"})).text
    assert "Ben Okafor" in page or "cus_1" in page
    page = (await browser.post(f"{ROOT}/compose", data=filled(page))).text
    assert "at most $1,000.00" in page
    form = filled(page, why=WHY, action="shop.refund", **{"arg.amount": amount})
    page = (await browser.post(f"{ROOT}/compose", data=form)).text
    return {**form, "digest": hidden(page, "digest"), "page": page}


def sent(form: dict[str, str]) -> dict[str, str]:
    """What a browser sends of it."""
    return {name: value for name, value in form.items() if name != "page"}


async def test_it_is_done_by_forms_with_scripts_off(tmp_path: Path) -> None:
    """What is needed stands above the button; the card says who wrote, and in whose name."""
    async with (
        open_console(tmp_path) as console,
        console.client(await console.sign_in("maria")) as browser,
    ):
        form = await composed(browser, "80.00")
        assert "Needs a support manager" in form["page"]
        assert "Above the automatic $50." in form["page"]
        assert "Propose $80.00" in form["page"]
        answers = [await browser.post(f"{ROOT}/compose/propose", data=sent(form)) for _ in range(2)]
        assert [one.status_code for one in answers] == [303, 303]
        places = {one.headers["location"] for one in answers}
        (place,) = places
        assert place.startswith(f"{ROOT}/solution/apr_"), "sent twice is asked once"
        card = re.sub(r"</?time[^>]*>", "", (await browser.get(place)).text)
        assert "Written by maria today at 12:00, not by the customer." in card
        assert "The kettle &lt;b&gt;leaks&lt;/b&gt;" in card
        assert len(await console.sayso.actions.list()) == 1
        small = await composed(browser, "40.00")
        assert "Runs by itself" in small["page"]
        assert "Do it, $40.00" in small["page"]
        assert console.sayso.audit.verify(deep=True).exit_status == 0


async def test_what_cannot_be_done_has_no_button_and_says_why(tmp_path: Path) -> None:
    """Too much, no number, nobody: a sentence, and nothing to press."""
    async with (
        open_console(tmp_path) as console,
        console.client(await console.sign_in("maria")) as browser,
    ):
        for amount, words in (("2000.00", "Cannot be done"), ("a lot", "cannot be read")):
            form = await composed(browser, amount)
            assert words in form["page"]
            assert 'id="propose"' not in form["page"]
            answer = await browser.post(f"{ROOT}/compose/propose", data=sent(form))
            assert answer.status_code == 409
        for who in ("cus_99", "nobody at all", "cst_none"):
            answer = await browser.post(f"{ROOT}/compose", data={"do": "find", "q": who})
            assert answer.status_code == 200, who
            assert 'name="record"' not in answer.text
        assert await console.sayso.actions.list() == []


async def test_what_is_stale_is_shown_again_and_nothing_counts_from_elsewhere(
    tmp_path: Path,
) -> None:
    """Another judgement, another amount under the same digest, another site, somebody without."""
    async with open_console(tmp_path) as console:
        browser = console.client(await console.sign_in("maria"))
        form = await composed(browser, "40.00")
        for changed in ({"arg.amount": "49.00"}, {"digest": "0" * 64}, {"digest": ""}):
            answer = await browser.post(f"{ROOT}/compose/propose", data=sent({**form, **changed}))
            assert answer.status_code == 409
            assert "Nothing was proposed" in answer.text
            assert hidden(answer.text, "digest"), "as it stands now"
        for strange in ("cross-site", "same-site", "none"):
            answer = await browser.post(
                f"{ROOT}/compose/propose", data=sent(form), headers={"Sec-Fetch-Site": strange}
            )
            assert answer.status_code == 403
        await browser.aclose()
        async with console.client(await console.sign_in("ada")) as ada:
            answer = await ada.post(f"{ROOT}/compose/propose", data=sent(form))
            assert "only somebody with a role" in answer.text
        assert (await count(console)) == 0


async def count(console: ServedConsole) -> int:
    """How many actions there are."""
    return len(await console.sayso.actions.list())
