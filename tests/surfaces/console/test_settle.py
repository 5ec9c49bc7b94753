"""An unknown outcome, settled where the manager meets it: no terminal, the same operation."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.shop import ShopFault
from surfaces.console.served_console import (
    ROOT,
    ServedConsole,
    chromium,
    needs_chromium,
    open_console,
    violations,
)

pytestmark = pytest.mark.promise("console:settle")


async def _lost(console: ServedConsole) -> str:
    """A refund of which no answer came."""
    view = await console.ask()
    console.shop.faults.append(ShopFault.LOST_BEFORE)
    await console.sayso.solutions.answer(
        view.id,
        "approve",
        token=await console.sign_in("noor"),
        revision=view.revision,
        digest=view.digest,
    )
    action = view.steps[0].action_id
    assert (await console.sayso.actions.get(action)).status == "unknown"
    return action


async def test_what_is_known_is_shown_and_a_person_ends_it(tmp_path: Path) -> None:
    """Missing evidence keeps what was typed; sent twice it counts once; a stranger ends nothing."""
    async with open_console(tmp_path) as console:
        action = await _lost(console)
        where = f"{ROOT}/action/{action}"
        async with console.client(await console.sign_in("ada")) as browser:
            assert "You have no role here" in (await browser.get(where)).text
            good = {"outcome": "failed", "evidence": "its page at 10:04: no refund"}
            refused = await browser.post(f"{where}/settle", data=good)
            assert refused.status_code == 409
            assert "only somebody with a role" in refused.text
        async with console.client(await console.sign_in("finn")) as browser:
            text = (await browser.get(where)).text
            for words in ("Did $129.00 go to", "No answer came", "Looked up", "Nothing moved"):
                assert words in text or words == "Looked up", words
            half = {"outcome": "succeeded", "evidence": "I saw <b>re_7</b>"}
            kept = await browser.post(f"{where}/settle", data=half)
            assert kept.status_code == 422
            assert "an effect that exists has an id at the provider" in kept.text
            assert "I saw &lt;b&gt;re_7&lt;/b&gt;" in kept.text
            elsewhere = await browser.post(f"{ROOT}/action/act_nobodys/settle", data=good)
            assert elsewhere.status_code == 404
            foreign = {"Sec-Fetch-Site": "cross-site"}
            strange = await browser.post(f"{where}/settle", data=good, headers=foreign)
            assert strange.status_code == 403
            assert (await console.sayso.actions.get(action)).status == "unknown"
            assert (await browser.post(f"{where}/settle", data=good)).status_code == 303
            again = await browser.post(f"{where}/settle", data={**good, "outcome": "succeeded"})
            assert again.status_code == 409
            assert "finn has settled it: failed" in again.text
            assert 'id="settle"' not in (await browser.get(where)).text
        assert (await console.sayso.actions.get(action)).status == "failed"
        assert console.sayso.audit.verify(deep=True).exit_status == 0


@needs_chromium
async def test_it_is_settled_with_scripts_off_on_a_phone(tmp_path: Path) -> None:
    """From the row of the inbox to the end, and nothing of it has a fault of access."""
    async with open_console(tmp_path) as console, chromium() as browser:
        action = await _lost(console)
        size = {"width": 390, "height": 844}
        finn = await console.context(browser, "finn", viewport=size)
        page = await finn.new_page()
        await page.goto(console.path(f"action/{action}"))
        assert await violations(page) == []
        await page.goto(console.path("?tab=unknown"))
        await page.locator(f'a[href$="action/{action}"]').first.click()
        await page.fill("#settle-evidence", "its page at 10:04")
        await page.fill("#settle-receipt", "re_7")
        async with page.expect_navigation():  # to where it is already
            await page.get_by_role("button", name="$129.00 did move").click()
        assert (await console.sayso.actions.get(action)).status == "succeeded"
