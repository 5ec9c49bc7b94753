"""The pictures of the console: `python tests/console_pictures.py` plays the demo and draws them.

A real browser shows what `sayso demo --console` serves; only times and ids differ from run to run.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Browser
from sdk.desk.desks import open_desk
from surfaces.console.served_console import ROOT, chromium, serving
from surfaces.console.test_beside_in_browser import LIMITS
from surfaces.console.test_passkeys import enrol, opened
from surfaces.console.test_rollout import move, rolled_out
from surfaces.console.test_seat import RULES

from sayso.ids import Tenant
from sayso.sdk.client import Sayso
from sayso.surfaces.cli.demo.browser import ask_all
from sayso.surfaces.cli.demo.messages import own_messages
from sayso.surfaces.cli.demo.stage import PERSON, open_stage

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
DESK = {"width": 1280, "height": 760}
PHONE = {"width": 360, "height": 640}


async def draw(sayso: Sayso, url: str, browser: Browser) -> None:
    """Every picture that the docs show."""
    person = (await sayso.people.authority(Tenant("main"))).person(PERSON)
    assert person is not None
    _, secret = await sayso.sessions.begin(PERSON, via="link")
    cookie = {"url": url, "name": "sayso_session", "value": secret}
    waiting = await sayso.solutions.waiting_for(person, limit=5)
    first = waiting.items[0]
    action = first.steps[0].action_id
    shots = (
        ("console-inbox", "", DESK, "light"),
        ("console-phone", f"solution/{first.id}", PHONE, "dark"),
        ("console-solution", f"solution/{first.id}", DESK, "light"),
        ("console-audit", "audit?q=amount:>20USD", DESK, "light"),
        ("console-figures", "figures?days=7", DESK, "light"),
    )
    for name, where, size, scheme in shots:
        context = await browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
        await context.add_cookies([cookie])  # type: ignore[list-item]
        page = await context.new_page()
        await page.goto(f"{url}{ROOT}/{where}")
        await page.screenshot(path=PICTURES / f"{name}.png")
        if name == "console-solution":
            await page.click("#yes")
            await page.wait_for_selector("text=You said yes")
            page = await context.new_page()
            await page.goto(f"{url}{ROOT}/action/{action}")
            await page.screenshot(path=PICTURES / "console-action.png")
        await context.close()


async def draw_passkeys(browser: Browser, folder: Path) -> None:
    """The people page with a passkey that counts and one that waits, and the card that asks."""
    async with opened(folder) as console:
        view = await console.ask()
        await enrol(console, "maria")
        await enrol(console, "noor")
        for name, where, size in (
            ("console-passkeys", "people#passkeys", DESK),
            ("console-passkey-phone", f"solution/{view.id}", PHONE),
        ):
            context = await console.context(browser, viewport=size)
            page = await context.new_page()
            await page.goto(console.path(where))
            await page.screenshot(path=PICTURES / f"{name}.png")
            await context.close()


async def draw_roll_out(browser: Browser, folder: Path) -> None:
    """The dials and the limits, while a change waits for a second person."""
    async with rolled_out(folder, "Refunds of everybody") as console:
        await console.ask()
        await move(console, "maria", dial="refunds", stage="auto", share="5")
        context = await console.context(browser, "finn", viewport=DESK)
        page = await context.new_page()
        await page.goto(console.path("policy"))
        await page.locator("#roll-out").screenshot(path=PICTURES / "console-roll-out.png")
        await context.close()


async def draw_desk(browser: Browser, folder: Path) -> None:
    """The seat beside a ticket, work that was handed over, and composing."""
    folder.mkdir()
    (folder / "limits.toml").write_text(LIMITS)
    section = {"files": ["policy.cedar", "limits.toml"], "follow": "files"}
    promised = {"answer_within": "1h"}
    async with (
        open_desk(folder, policy=RULES, policy_section=section, work=promised) as desk,
        serving(desk.sayso) as url,
    ):
        await desk.says("48213", "Please refund order_2.", customer="bob")
        await desk.says("48102", "I want to talk to a person.")
        desk.clock.advance(hours=3)
        (request,) = await desk.sayso.requests.list(status="handed_over")
        _, secret = await desk.sayso.sessions.begin("maria", via="token")
        for name, where, width in (
            ("console-seat", "seat?desk=desk&thread=48213", 360),
            ("console-work", f"request/{request.id}", 1200),
            ("console-compose", f"compose?customer={request.id}", 1200),
        ):
            context = await browser.new_context(viewport={"width": width, "height": 800})
            cookie = {"url": url, "name": "sayso_session", "value": secret}
            await context.add_cookies([cookie])  # type: ignore[list-item]
            page = await context.new_page()
            await page.goto(f"{url}{ROOT}/{where}")
            if name == "console-compose":
                await page.get_by_label("order order_1").check()
                await page.get_by_label("Amount in USD").fill("29.00")
                await page.wait_for_selector("#propose")
            await page.screenshot(path=PICTURES / f"{name}.png")
            await context.close()


async def main() -> None:
    """Draw them."""
    with TemporaryDirectory() as folder:
        async with chromium() as browser:
            await draw_passkeys(browser, Path(folder) / "passkeys")
            await draw_roll_out(browser, Path(folder) / "dials")
            await draw_desk(browser, Path(folder) / "desk")
    async with open_stage(keep=None, work=True) as stage:
        await ask_all(stage, own_messages(), print)
        async with serving(stage.sayso) as url, chromium() as browser:
            await draw(stage.sayso, url, browser)


if __name__ == "__main__":
    asyncio.run(main())
