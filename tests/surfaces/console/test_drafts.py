"""The draft on a request's page, in a real browser: shown whole, and proposed without a script."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from surfaces.console.served_console import (
    HALF,
    Packages,
    chromium,
    needs_chromium,
    open_console,
    package,
    put_away,
    violations,
)

from sayso.money import Money

pytestmark = [needs_chromium, pytest.mark.promise("work:drafted")]
HOSTILE = "<script>1</script> <b>your money</b> {{ 7 * 7 }}"
"""What a planner gives as its reason."""


async def test_a_part_of_it_is_proposed_with_scripts_off(tmp_path: Path) -> None:
    """Unticked stays out, less is less; who comes later is told who was faster."""
    hostile = [replace(step, reason=HOSTILE) for step in package()]
    async with (
        open_console(tmp_path, planner=Packages(*hostile)) as console,
        chromium() as browser,
    ):
        request = await console.sayso.ask("cus_1", HALF)
        assert request.status == "handed_over"
        maria = await console.context(browser, java_script_enabled=False)
        page = await maria.new_page()
        await page.goto(console.path("?tab=handed-over"))
        row = await page.locator("main").inner_text()
        assert "a solution is drafted" in row
        assert "$129.00 + $10.00" in row
        where = console.path(f"request/{request.id}")
        await page.goto(where)
        draft = page.locator("#draft")
        text = await draft.inner_text()
        assert "nobody asked for it" in text
        assert "<b>your money</b> {{ 7 * 7 }}" in text, "shown as it is, and as text"
        assert await draft.locator("script, b").count() == 0
        noor = await console.context(browser, "noor", java_script_enabled=False)
        slow = await noor.new_page()
        await slow.goto(where)
        for step in ("s2", "s3"):
            await draft.get_by_role("checkbox").nth(int(step[1]) - 1).uncheck()
        await page.fill("#draft-lower-s1", "40.00")
        await draft.get_by_role("button", name="Propose it as yours").click()
        assert page.url == where
        assert await page.locator("#draft").count() == 0
        done = await console.sayso.requests.get(request.id)
        assert [(one.step, one.amount) for one in done.actions] == [("s1", Money(4000, "USD"))]
        await slow.locator("#draft").get_by_role("button", name="Propose it as yours").click()
        assert "maria" in await slow.locator("main").inner_text()
        assert "has proposed it already" in await slow.locator("main").inner_text()
        assert [one.amount for one in console.shop.books.payouts] == [Money(4000, "USD")]
        assert console.sayso.audit.verify(deep=True).exit_status == 0


async def test_its_form_is_taken_from_its_own_page_only(tmp_path: Path) -> None:
    """Another site's form, a draft that nobody saw, nothing ticked, and no money: all refused."""
    async with open_console(tmp_path) as console:
        request = await console.sayso.ask("cus_1", HALF)
        draft = (await console.sayso.work.get(request.id)).draft
        assert draft is not None
        good = {"do": "propose", "digest": draft.digest, "step": "s1"}
        where = f"/console/work/{request.id}"
        async with console.client(await console.sign_in("maria")) as browser:
            strange = {"Sec-Fetch-Site": "cross-site"}
            answer = await browser.post(where, data=good, headers=strange)
            assert answer.status_code == 403
            for bad in (
                {"digest": "0" * 64},
                {"step": ""},
                {"lower.s1": "a lot"},
                {"lower.s1": "129.00"},
                {"lower.s1": "-1"},
            ):
                answer = await browser.post(where, data={**good, **bad})
                assert answer.status_code == 409, bad
        async with console.client(await console.sign_in("ada")) as browser:
            answer = await browser.post(where, data=good)
            assert answer.status_code == 409
            assert "only somebody with a role" in answer.text
        assert (await console.sayso.requests.get(request.id)).actions == ()


async def test_it_has_no_fault_by_wcag(tmp_path: Path) -> None:
    """Axe finds nothing on the page with a draft, narrow and dark too."""
    async with open_console(tmp_path) as console, chromium() as browser:
        request = await console.sayso.ask("cus_1", HALF)
        for width, scheme in ((1280, "light"), (360, "dark")):
            context = await console.context(
                browser, viewport={"width": width, "height": 700}, color_scheme=scheme
            )
            page = await context.new_page()
            await page.goto(console.path(f"request/{request.id}"))
            assert await page.locator("#draft").count() == 1
            assert await violations(page) == []
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            await put_away(context)
