"""Every page in every state: none is left out, and foreign text is text on each of them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Error as PlaywrightError
from surfaces.console.every_page import FIELDS, Foreign, every_page, open_everything, unwalked
from surfaces.console.served_console import chromium, needs_chromium, open_console, violations

HOSTILE = (
    " <img src=x onerror=alert(1)><b hx-post=/console/stop hx-trigger=load id=pwn></b>"
    "{{12345679*9}}\u202eDOOG\u202c\U000e0041\u200b"
)
ALL_TEXT = """
[...document.querySelectorAll('[aria-label], [title], [placeholder], [alt]')].map(one =>
  ['aria-label', 'title', 'placeholder', 'alt'].map(name => one.getAttribute(name) || '')
).flat().join('\\n') + document.body.textContent + document.title
"""
"""Also what only a screen reader says, and what shows over a tab or under a pointer."""
HIDDEN = ("\u202e", "\u202c", "\u200b", "\U000e0041")


@needs_chromium
@pytest.mark.promise("console:hostile-text")
async def test_whatever_somebody_else_writes_is_text_wherever_it_is_shown(tmp_path: Path) -> None:
    """Each field is on some page, with its markup as text; none makes an element or a POST."""
    foreign = Foreign(HOSTILE)
    async with open_everything(tmp_path, foreign) as console, chromium() as browser:
        pages = await every_page(console, foreign)
        assert unwalked(console, pages) == set()
        page = await (await console.context(browser)).new_page()
        posts: list[str] = []
        said: list[str] = []
        page.on("request", lambda one: posts.append(one.url) if one.method == "POST" else None)
        page.on("dialog", lambda one: said.append(one.message))
        unseen, wrong = set(FIELDS), list[str]()
        for where in pages:
            await page.goto(console.path(where))
            text = await page.evaluate(ALL_TEXT)
            made = await page.evaluate(
                "document.querySelectorAll('#pwn, main img, [hx-post], [onerror]').length"
            )
            unseen -= {name for name in unseen if f"F-{name} <img src=x" in text}
            if made or "111111111" in text or any(one in text for one in HIDDEN):
                wrong.append(where)
        assert wrong == []
        assert unseen == set()
        assert (posts, said) == ([], [])


@needs_chromium
@pytest.mark.promise("console:live")
async def test_times_are_those_of_the_viewer_with_utc_beside_them(tmp_path: Path) -> None:
    """The browser says its zone once; every time has its moment in UTC under the pointer."""
    async with open_console(tmp_path) as console, chromium() as browser:
        view = await console.ask()
        page = await (await console.context(browser, timezone_id="Asia/Kolkata")).new_page()
        await page.goto(console.path(f"action/{view.steps[0].action_id}"))
        await page.goto(console.path("policy"))
        times = page.locator("main time")
        assert await times.first.inner_text() == "17:30"
        assert await times.first.get_attribute("title") == "2026-11-25 12:00:00 UTC"
        for one in await times.all():
            assert (await one.get_attribute("title") or "").endswith(" UTC")


@needs_chromium
@pytest.mark.promise("console:accessible")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
async def test_what_follows_a_click_has_no_fault_either(
    width: int, scheme: str, tmp_path: Path
) -> None:
    """A no without its reason, a yes that came too late, an empty question, and nobody in time."""
    async with open_console(tmp_path) as console, chromium() as browser:
        first, second = await console.ask(customer=1), await console.ask(customer=2)
        size = {"width": width, "height": 780}
        looks: dict[str, Any] = {"viewport": size, "color_scheme": scheme}
        page = await (await console.context(browser, **looks)).new_page()

        async def seen(words: str) -> None:
            await page.wait_for_selector(f"text={words}")
            assert await violations(page) == [], words
            assert await page.evaluate("document.documentElement.scrollWidth") <= width

        await page.goto(console.path(f"solution/{first.id}#no"))
        await page.click("text=No, nothing moves")
        await seen("A no needs a reason")
        await page.goto(console.path(f"solution/{second.id}#ask"))
        await page.click("text=Send the question")
        await seen("Nothing was")
        await page.goto(console.path(f"solution/{first.id}"))
        await page.route("**/live**", lambda route: route.abort())
        await console.sayso.solutions.answer(
            first.id,
            "approve",
            token=await console.sign_in("noor"),
            revision=first.revision,
            digest=first.digest,
        )
        with suppress(PlaywrightError):  # it may be told before the click
            await page.click("#yes", timeout=1000)
        await seen("noor said yes")
        console.opened.clock.advance(hours=9)
        await console.sayso.container.dispatcher.drain()
        page = await (await console.context(browser, **looks)).new_page()
        await page.goto(console.path(f"solution/{second.id}"))
        await seen("Nobody answered")
