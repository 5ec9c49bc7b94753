"""The console's customers: looking for somebody, their page, tying and untying accounts."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sdk.customers import MARIA
from sdk.test_several_accounts import opened, stocked, usd
from support.step_up import REPLY, REPLY_ASKED, Answer, open_counter
from surfaces.console.served_console import (
    ROOT,
    chromium,
    needs_chromium,
    serving,
    violations,
)

from sayso.actions.model.definition import Assurance, Subject
from sayso.json import JsonValue
from sayso.sdk.client import Sayso

HOSTILE = "Ada <img src=x onerror=alert(1)>{{7*7}}\u202e"
WHY = "She told us the number on the invoice"


@dataclass(frozen=True, slots=True)
class Desk:
    """A console over three providers, and how people open it."""

    sayso: Sayso
    url: str

    async def secret(self, person: str) -> str:
        """A session's cookie value."""
        return (await self.sayso.sessions.begin(person, via="token"))[1]

    async def client(self, person: str = "maria") -> httpx.AsyncClient:
        """A browser without scripts, as far as HTTP goes."""
        return httpx.AsyncClient(
            base_url=f"{self.url}{ROOT}",
            cookies={"sayso_session": await self.secret(person)},
            headers={"Sec-Fetch-Site": "same-origin"},
            timeout=60,
        )


@asynccontextmanager
async def desk(folder: Path, **customers: Any) -> AsyncGenerator[Desk]:
    """Ada at three providers, with a name that is somebody else's text."""
    trio = stocked()
    trio.pay.person("cus_ada", email="ada@example.com", name=HOSTILE)
    async with (
        opened(folder, trio, None, **customers) as sayso,
        serving(sayso) as url,
    ):
        yield Desk(sayso, url)


async def refunded(sayso: Sayso) -> str:
    """A refund for Ada's account at the payments."""
    args: dict[str, JsonValue] = {"payment": "p1", "amount": usd(1_000)}
    return (await sayso.propose("pay.refund", args, subject="pay:cus_ada")).id


@pytest.mark.promise("console:customers")
async def test_somebody_is_found_linked_and_unlinked_without_scripts(tmp_path: Path) -> None:
    """By forms alone; the address that was looked for stands in no address of a page."""
    async with desk(tmp_path, by_email=False) as site:
        done = await refunded(site.sayso)
        async with await site.client() as browser:
            assert "Customers</h1>" in (await browser.get("/customers")).text
            found = await browser.post("/customers", data={"q": "ada@example.com"})
            assert (found.status_code, found.url.query) == (200, b"")
            assert found.text.count("<h2>") == 3
            assert "<img" not in found.text
            assert "{{7*7}}" in found.text
            page = await browser.get(f"/customer/{done}")
            assert "Nothing: one account is known." in page.text
            assert f"action/{done}" in page.text
            ours = re.search(r"customer/(cst_[a-z2-7]+)/link", page.text)
            assert ours is not None
            form = {"account": "pay:cus_ada", "other": "desk:7723", "reason": WHY}
            tied = await browser.post(f"/customer/{ours[1]}/link", data=form)
            assert tied.status_code == 303
            page = await browser.get(str(tied.headers["location"]).removeprefix(ROOT))
            assert "by a colleague&#39;s word alone" in page.text
            assert WHY in page.text
            link = re.search(r"lnk_[a-z0-9]+", page.text)
            assert link is not None
            end = {"link": link[0], "reason": "another Ada"}
            assert (await browser.post(f"/customer/{ours[1]}/unlink", data=end)).status_code == 303
            again = await browser.post(f"/customer/{ours[1]}/unlink", data=end)
            assert again.status_code == 409
            assert "has ended already" in again.text


WRONG = {
    "desk:1": "knows no customer",
    "7723": "names no provider",
    "pay:cus_ada": "is one account",
    "cst_none": "there is no customer",
}


@pytest.mark.parametrize("other", WRONG)
async def test_what_cannot_be_linked_is_said(other: str, tmp_path: Path) -> None:
    """In the words of every other surface."""
    async with desk(tmp_path, by_email=False) as site:
        done = await refunded(site.sayso)
        customer = (await site.sayso.customers.show(done, by=MARIA)).id
        async with await site.client() as browser:
            form = {"account": "pay:cus_ada", "other": other, "reason": WHY}
            told = await browser.post(f"/customer/{customer}/link", data=form)
            assert told.status_code in {404, 409}
            assert WRONG[other] in told.text


async def test_what_nobody_can_be_found_by_is_said_beside_the_field(tmp_path: Path) -> None:
    """A name, an id that may be two accounts', somebody whom nobody knows; no account in a path."""
    async with desk(tmp_path) as site, await site.client() as browser:
        for said, words in (
            ("Ada Lovelace", "nobody is found by a name"),
            ("7723", "names no provider"),
            ("cst_none", "there is no customer"),
            ("nobody@example.com", "Nobody was found"),
            ("desk:1", "Nobody was found"),
            ("<b>", "is no customer id"),
        ):
            told = await browser.post("/customers", data={"q": said})
            assert words in told.text, said
        assert (await browser.get("/customer/pay:cus_ada")).status_code == 404
        assert (await browser.get("/customer/cst_none")).status_code == 404


@pytest.mark.promise("customers:step-up:people")
async def test_somebody_vouches_where_they_read_that_nobody_knows_who_writes(
    tmp_path: Path,
) -> None:
    """On the page of what was handed over: with a reason, and then the page says it."""
    async with desk(tmp_path) as site:
        writer = Subject(id="pay:cus_ada", assurance=Assurance.UNVERIFIED)
        asked = await site.sayso.ask(writer, "Please refund $20.00 of payment p1")
        assert asked.status == "handed_over"
        async with await site.client() as browser:
            listed = await browser.get("/?tab=handed-over")
            assert "customer not verified" in listed.text
            assert ("Ada &lt;img" in listed.text, "<img" in listed.text) == (True, False)
            assert "cus_ada" in listed.text
            assert f"/request/{asked.id}#vouch" in (await browser.get(f"/customer/{asked.id}")).text
            page = await browser.get(f"/request/{asked.id}")
            assert "The customer is not verified" in page.text
            wordless = await browser.post(f"/request/{asked.id}/vouch", data={"reason": " "})
            assert wordless.status_code == 409
            assert "say how you know it" in wordless.text
            done = await browser.post(f"/request/{asked.id}/vouch", data={"reason": WHY})
            assert (done.status_code, done.headers["location"]) == (
                303,
                f"{ROOT}/request/{asked.id}",
            )
            page = await browser.get(f"/request/{asked.id}")
            assert "Known by a colleague&#39;s word" in page.text
            assert "vouch" not in page.text
            again = await browser.post(f"/request/{asked.id}/vouch", data={"reason": WHY})
            assert again.status_code == 409
            assert "customer not verified" not in (await browser.get("/?tab=handed-over")).text


@needs_chromium
@pytest.mark.promise("console:accessible")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
async def test_the_pages_have_no_fault(width: int, scheme: str, tmp_path: Path) -> None:
    """By axe, wide and narrow: the field, who was found, a customer with links, and a card."""
    async with desk(tmp_path) as site, chromium() as browser:
        args: dict[str, JsonValue] = {"payment": "p1", "amount": usd(2_000)}
        asked = await site.sayso.propose("pay.refund", args, subject="desk:7723")
        assert asked.approval is not None
        looks: dict[str, Any] = {
            "viewport": {"width": width, "height": 780},
            "color_scheme": scheme,
        }
        context = await browser.new_context(**looks)
        cookie = {
            "url": site.url,
            "name": "sayso_session",
            "value": await site.secret("maria"),
        }
        await context.add_cookies([cookie])  # type: ignore[list-item]
        page = await context.new_page()

        async def judged() -> None:
            assert await violations(page) == [], page.url
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            assert await page.evaluate("document.querySelectorAll('main img').length") == 0

        await page.goto(f"{site.url}{ROOT}/customers")
        await judged()
        await page.fill("#q", "ada@example.com")
        await page.click("button:text-is('Look')")
        await page.wait_for_selector("main h2 a")
        await judged()
        await page.click("main h2 a")
        await page.wait_for_selector("text=What ties them")
        await page.click("text=Link another account")
        await judged()
        await page.goto(f"{site.url}{ROOT}/solution/{asked.approval.id}")
        assert await page.locator("dt", has_text="Writes from").count() == 1
        await judged()


@needs_chromium
@pytest.mark.promise("customers:step-up:people")
async def test_somebody_vouches_on_a_card_that_waits(tmp_path: Path) -> None:
    """It says first that nobody knows who writes; then it is made anew, and says by what."""
    shown = open_counter(tmp_path, planner=Answer(), playbook=REPLY, policy=REPLY_ASKED)
    async with shown as counter, serving(counter.sayso) as url, chromium() as browser:
        asked = await counter.ask("desk:7723", "Please answer ticket t1")
        (approval,) = [one.approval for one in asked.actions if one.approval]
        context = await browser.new_context(viewport={"width": 1280, "height": 900})
        secret = (await counter.sayso.sessions.begin("maria", via="token"))[1]
        await context.add_cookies([{"url": url, "name": "sayso_session", "value": secret}])
        page = await context.new_page()
        await page.goto(f"{url}{ROOT}/solution/{approval.id}")
        assert await violations(page) == []
        assert await page.locator(".lead .note", has_text="is not verified").count() == 1
        await page.fill("#vouch-reason", WHY)
        await page.click("button:text-is('Vouch for them')")
        await page.wait_for_selector("text=known by a colleague's word")
        assert await page.locator("#vouch").count() == 0
        assert await page.locator("#yes").count() == 1
        handed = await counter.ask("pay:cus_ada")
        await page.goto(f"{url}{ROOT}/request/{handed.id}")
        assert await violations(page) == []
