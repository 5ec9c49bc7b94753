"""Composing, the seat and handed-over work in a real browser: judged while one types, no fault."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from sdk.desk.desks import open_desk
from surfaces.console.served_console import ROOT, chromium, needs_chromium, serving, violations
from surfaces.console.test_seat import RULES

pytestmark = [needs_chromium, pytest.mark.promise("console:accessible")]
LIMITS = """
[[limit]]
id     = "day"
say    = "refunds of the help desk"
of     = "tenant"
action = "shop.refund"
sum    = { USD = 500 }
per    = "day"
"""
SIZES: tuple[tuple[int, Literal["light", "dark"]], ...] = (
    (1440, "light"),
    (1440, "dark"),
    (360, "light"),
    (360, "dark"),
)


@pytest.mark.promise("compose:proposed")
async def test_what_one_types_is_judged_and_no_page_has_a_fault(tmp_path: Path) -> None:
    """The judgement follows the amount; axe finds nothing, narrow and wide, light and dark."""
    (tmp_path / "limits.toml").write_text(LIMITS)
    section = {"files": ["policy.cedar", "limits.toml"], "follow": "files"}
    async with (
        open_desk(
            tmp_path, policy=RULES, policy_section=section, work={"answer_within": "1h"}
        ) as desk,
        serving(desk.sayso) as url,
        chromium() as browser,
    ):
        await desk.says("t1", "Please refund order_2.", customer="bob")
        await desk.says("t2", "I want to talk to a person.")
        desk.clock.advance(hours=3)
        (request,) = await desk.sayso.requests.list(status="handed_over")
        _, secret = await desk.sayso.sessions.begin("maria", via="token")
        pages = (
            "?tab=handed-over",
            f"request/{request.id}",
            f"compose?customer={request.id}",
            "seat?desk=desk&thread=t1",
            "seat?desk=desk&thread=t2",
        )
        context = await browser.new_context()
        cookie = {"url": url, "name": "sayso_session", "value": secret}
        await context.add_cookies([cookie])  # type: ignore[list-item]
        page = await context.new_page()
        for where in pages:
            await page.goto(f"{url}{ROOT}/{where}")
            if "compose" in where or "t2" in where:
                await page.evaluate("document.querySelector('#compose')?.toggleAttribute('open')")
                await page.get_by_label("order order_1").check()
                await page.get_by_label("Amount in USD").fill("20.00")
                await page.wait_for_selector("#judged >> text=Runs by itself")
                await page.get_by_label("Amount in USD").fill("29.00")
                await page.wait_for_selector("#propose >> text=Do it, $29.00")
                assert "with this one $29.00" in await page.inner_text("#judged")
                assert await page.input_value("#arg-amount") == "29.00", "nothing is lost"
            for width, scheme in SIZES:
                await page.set_viewport_size({"width": width, "height": 800})
                await page.emulate_media(color_scheme=scheme)
                assert await violations(page) == [], (where, width, scheme)
                assert await page.evaluate("document.documentElement.scrollWidth") <= width, where
        assert desk.shop.books.payouts == [], "looking moves nothing"
