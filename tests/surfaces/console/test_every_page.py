"""Every page in every state: none is left out, and foreign text is text on each of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from surfaces.console.every_page import FIELDS, Foreign, every_page, open_everything, unwalked
from surfaces.console.served_console import chromium, needs_chromium, open_console

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
