"""The console's way out of an accused log: what is wrong, what would be written, two people."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import httpx
import pytest
from sdk.test_repairs import tamper
from surfaces.console.served_console import (
    ROOT,
    ServedConsole,
    chromium,
    needs_chromium,
    open_console,
    violations,
)

from sayso.audit.verifier.verification import Verdict

pytestmark = [
    pytest.mark.promise("audit:repair"),
    pytest.mark.tampers("rows are changed behind the log's back, to be repaired"),
]
REPAIR = f"{ROOT}/audit/repair"
AMOUNT = "update action set amount_minor = 1 where amount_minor = 12900"
STOP = "update stop set target = 'shop.refund'"


def field(page: httpx.Response, name: str) -> str:
    """The value of a hidden field of a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    assert found, page.text
    return unescape(found[1])


async def say(browser: httpx.AsyncClient, path: str, **form: str) -> httpx.Response:
    """Send a form, and look at the page that it leads to."""
    answer = await browser.post(f"{ROOT}/{path}", data=form)
    return answer if answer.status_code != 303 else await browser.get(answer.headers["location"])


async def accused(console: ServedConsole, statement: str) -> tuple[str, str]:
    """Two people signed in to a console whose log is accused then."""
    await console.ask()
    sessions = await console.sign_in("maria"), await console.sign_in("noor")
    tamper(console.opened, statement)
    assert console.sayso.audit.verify().verdict is Verdict.TAMPERED
    return sessions


async def test_two_people_read_what_is_wrong_and_have_it_written(tmp_path: Path) -> None:
    """The row, its entry, the column with both values; one asks, another one confirms."""
    async with open_console(tmp_path) as console:
        first, second = await accused(console, AMOUNT)
        async with console.client(first) as maria, console.client(second) as noor:
            log = await maria.get(f"{ROOT}/audit?verify=1")
            assert f'href="{REPAIR}"' in log.text
            page = await maria.get(REPAIR)
            assert page.status_code == 200
            assert "1 row would be written as the log says" in page.text
            for said in ("amount_minor", "<b>12900</b>", "by entry ", "Ask to write them"):
                assert said in page.text
            repair = field(page, "repair")
            page = await say(maria, "audit/repair", repair=repair)
            assert "Nothing is changed until another person" in page.text
            assert "Somebody else has to say yes, too" in page.text
            assert (await say(maria, "audit/repair", repair=repair)).status_code == 409
            page = await noor.get(REPAIR)
            assert "maria asked for it" in page.text
            page = await say(noor, "audit/repair", repair=field(page, "repair"))
            assert "Done, by two people" in page.text
            assert "Every row is what its entries say" in page.text
        assert console.sayso.audit.verify().verdict is Verdict.VERIFIED


async def test_two_people_accept_what_cannot_be_written(tmp_path: Path) -> None:
    """A stop that was moved: with a reason, and shown by the page from then on."""
    async with open_console(tmp_path) as console:
        await console.sayso.stops.engage("action", "shop.gift", reason="INC-7")
        first, second = await accused(console, STOP)
        async with console.client(first) as maria, console.client(second) as noor:
            page = await maria.get(REPAIR)
            assert "1 row cannot be written from the log" in page.text
            finding = field(page, "finding")
            assert (await say(maria, "audit/accept", finding=finding)).status_code == 422
            page = await say(maria, "audit/accept", finding=finding, reason="known_defect")
            assert "You asked that it is accepted" in page.text
            page = await say(noor, "audit/accept", finding=finding, reason="known_defect")
            assert "Accepted by two people" in page.text
        assert console.sayso.audit.verify().verdict is Verdict.VERIFIED


async def test_bytes_that_are_wrong_are_told_and_nothing_is_offered(tmp_path: Path) -> None:
    """An entry that was changed comes back from a backup alone."""
    statement = (
        "update log_entry set body = replace(body, '\"shop.refund\"', '\"shop.refunt\"')"
        " where body like '%\"shop.refund\"%'"
    )
    async with open_console(tmp_path) as console:
        first, _ = await accused(console, statement)
        async with console.client(first) as maria:
            page = await maria.get(REPAIR)
            assert "restore the database from a backup" in page.text
            assert "<form" not in page.text.partition("<main")[2].partition("</main")[0]
            assert (await say(maria, "audit/repair", repair="rep_1")).status_code == 503


@needs_chromium
@pytest.mark.promise("console:accessible")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
async def test_the_page_can_be_used_by_everybody(width: int, scheme: str, tmp_path: Path) -> None:
    """Rows to write, rows that cannot be, and a broken look of neither width nor colour."""
    async with open_console(tmp_path) as console, chromium() as browser:
        await console.sayso.stops.engage("action", "shop.gift", reason="INC-7")
        await accused(console, AMOUNT)
        tamper(console.opened, STOP)
        size = {"width": width, "height": 780}
        context = await console.context(browser, viewport=size, color_scheme=scheme)
        page = await context.new_page()
        await page.goto(console.path("audit/repair"))
        assert await page.locator("h1").inner_text() == "Repair"
        assert await violations(page) == []
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width
