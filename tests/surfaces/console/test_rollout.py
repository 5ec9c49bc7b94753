"""The dials and limits on the policy page, read and moved."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from surfaces.console.served_console import (
    ROOT,
    ServedConsole,
    chromium,
    needs_chromium,
    open_console,
    violations,
)

from sayso.audit.entry import Actor, ActorKind

pytestmark = pytest.mark.promise("console:rollout")
DIALS = """
[[dial]]
id     = "refunds"
say    = '{words}'
action = "shop.refund"
stage  = "suggest"

[[dial]]
id     = "gifts"
say    = "Gifts"
action = "shop.gift"
stage  = "auto"
share  = 10
else   = "suggest"
"""
LIMITS = """
[[limit]]
id     = "day"
say    = "At most $200 a day goes out"
of     = "tenant"
action = "shop.refund"
sum    = { USD = 200 }
per    = "day"
"""
TABLE = """
action   = "shop.refund"
currency = "USD"

[[never]]
id   = "much"
say  = "Never over $9,000"
over = 9000
"""
BOT = Actor(kind=ActorKind.SERVICE, id="bot")


@asynccontextmanager
async def rolled_out(
    folder: Path, words: str = "Refunds of <b>everybody</b>"
) -> AsyncGenerator[ServedConsole]:
    """A console whose policy has two dials and a limit, and two people for what loosens."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rollout.toml").write_text(DIALS.format(words=words))
    (folder / "limits.toml").write_text(LIMITS)
    (folder / "refunds.toml").write_text(TABLE)
    files = ["policy.cedar", "rollout.toml", "limits.toml", "refunds.toml"]
    section = {"files": files, "loosening_needs": 2}
    async with open_console(folder, policy_section=section) as console:
        await console.sayso.policy.begin(by=BOT, via="test")
        yield console


async def stage(console: ServedConsole, name: str) -> tuple[str, float]:
    """How far a dial is, and for how many."""
    (found,) = [one for one in await console.sayso.rollout.list() if one.id == name]
    return found.stage.value, found.share


async def move(console: ServedConsole, person: str, **form: str) -> int:
    """Somebody sends the form of a dial."""
    async with console.client(await console.sign_in(person)) as browser:
        return (await browser.post(f"{ROOT}/policy/dial", data=form)).status_code


async def test_to_the_left_it_counts_at_once_and_to_the_right_two_people_sign(
    tmp_path: Path,
) -> None:
    """The one who asked cannot be the second; ending it leaves everything as it was."""
    async with rolled_out(tmp_path) as console:
        assert await move(console, "maria", dial="gifts", stage="shadow", share="100") == 303
        assert await stage(console, "gifts") == ("shadow", 100)
        assert await move(console, "maria", dial="refunds", stage="auto", share="5") == 303
        assert (await stage(console, "refunds"))[0] == "suggest"
        (change,) = [one for one in await console.sayso.policy.changes() if one.status == "waiting"]
        form = {"sha256": change.sha256, "answer": "confirm"}
        path = f"{ROOT}/policy/change/{change.id}"
        async with console.client(await console.sign_in("maria")) as browser:
            assert "Sign it, too" not in (await browser.get(f"{ROOT}/policy")).text
            assert (await browser.post(path, data=form)).status_code == 409
        async with console.client(await console.sign_in("finn")) as browser:
            assert "Sign it, too" in (await browser.get(f"{ROOT}/policy")).text
            assert (await browser.post(path, data=form)).status_code == 303
        assert await stage(console, "refunds") == ("auto", 5)


async def test_who_may_not_moves_nothing_and_neither_does_nonsense(tmp_path: Path) -> None:
    """By the rules that the command line has."""
    async with rolled_out(tmp_path) as console:
        assert await move(console, "ada", dial="gifts", stage="off", share="100") == 409
        for form in (
            {"dial": "gifts", "stage": "sideways", "share": "100"},
            {"dial": "gifts", "stage": "off", "share": "33"},
            {"dial": "gifts", "stage": "off", "share": "x"},
            {"dial": "none", "stage": "off", "share": "100"},
            {},
        ):
            assert await move(console, "maria", **form) in {404, 409}
        assert await stage(console, "gifts") == ("auto", 10)


@pytest.mark.promise("limits:set")
async def test_a_limit_gets_another_cap_and_an_earlier_version_comes_back(tmp_path: Path) -> None:
    """Lower at once, higher by two; by the rules of the command line, and no nonsense."""
    async with rolled_out(tmp_path) as console:

        async def post(path: str, person: str = "maria", **form: str) -> tuple[int, str]:
            async with console.client(await console.sign_in(person)) as browser:
                answer = await browser.post(f"{ROOT}/policy/{path}", data=form)
                return answer.status_code, answer.headers.get("location", "")

        async def cap() -> int:
            (limit,) = await console.sayso.limits.list()
            return limit.sums_minor["USD"]

        async with console.client(await console.sign_in()) as browser:
            assert 'name="cap-USD" value="200.00"' in (await browser.get(f"{ROOT}/policy")).text
        lower = {"limit": "day", "cap-USD": "150.50", "note": "quiet"}
        assert await post("limit", **lower) == (303, f"{ROOT}/policy?moved=now#limits")
        assert await cap() == 15_050
        assert "sum    = { USD = 150.50 }" in str(await console.sayso.policy.in_force())
        higher = {"limit": "day", "cap-USD": "900"}
        assert await post("limit", **higher) == (303, f"{ROOT}/policy?moved=waits#limits")
        for form in (
            {"limit": "day", "cap-USD": "150.50"},
            {"limit": "day", "cap-USD": "0"},
            {"limit": "day", "cap-USD": "1.0001"},
            {"limit": "day", "cap-USD": "much"},
            {"limit": "day", "cap-EUR": "5"},
            {"limit": "night", "cap-USD": "5"},
            {},
        ):
            assert (await post("limit", **form))[0] in (404, 409), form
        assert (await post("limit", "ada", **{**lower, "cap-USD": "1"}))[0] == 409
        assert await cap() == 15_050
        assert await post("rollback", version="1") == (303, f"{ROOT}/policy?moved=waits")
        for version in ("99", "0", "x", "", "9" * 30):
            assert (await post("rollback", version=version))[0] in (404, 409), version
        assert (await post("rollback", "ada", version="1"))[0] == 409
        assert await cap() == 15_050


async def test_the_page_says_how_far_each_is_and_how_full_each_limit(tmp_path: Path) -> None:
    """In words beside every bar; the dials' own words are text."""
    async with rolled_out(tmp_path) as console:
        view = await console.ask()
        await console.sayso.solutions.answer(
            view.id,
            "approve",
            token=await console.sign_in("noor"),
            revision=view.revision,
            digest=view.digest,
        )
        async with console.client(await console.sign_in()) as browser:
            text = (await browser.get(f"{ROOT}/policy")).text
        assert "refunds.much" in text
        assert "Never over $9,000" in text
        assert "10 % of customers, else suggest" in text
        assert "$129.00 of $200.00" in text
        assert 'value="64"' in text
        assert "<b>everybody</b>" not in text
        assert "nothing to compare yet" in text


@needs_chromium
@pytest.mark.promise("console:accessible")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
async def test_the_roll_out_has_no_fault(width: int, scheme: str, tmp_path: Path) -> None:
    """Open and closed, and while a change waits."""
    async with rolled_out(tmp_path) as console, chromium() as browser:
        await console.ask()
        await move(console, "maria", dial="refunds", stage="auto", share="5")
        size = {"width": width, "height": 900}
        context = await console.context(browser, "finn", viewport=size, color_scheme=scheme)
        page = await context.new_page()
        await page.goto(console.path("policy?moved=waits"))
        assert await violations(page) == []
        await page.click("#dial-gifts summary")
        await page.click("#limit-day summary")
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.click("text=Sign it, too")
        await page.wait_for_url("**/policy")
        assert await stage(console, "refunds") == ("auto", 5)
