"""A change of the policy, played over what was judged, before somebody signs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from actions.limits.limit_work import refund
from actions.policy.test_versions import token_of
from actions.steps import decide, say, shown, usd
from surfaces.console.served_console import (
    ROOT,
    ServedConsole,
    chromium,
    needs_chromium,
    open_console,
    violations,
)

from sayso.actions.approvals.decision import DecisionChoice
from sayso.audit.entry import Actor, ActorKind
from sayso.surfaces.console import backtest
from sayso.surfaces.console.backtest import Backtests

pytestmark = pytest.mark.promise("console:backtest")
TABLE = """
action   = "shop.refund"
currency = "USD"
[[{sort}]]
id  = "row"
say = "A row <b>of</b> ours"
{more}
"""
ROOM = TABLE.format(sort="allow", more="up_to = 200")
BOT = Actor(kind=ActorKind.SERVICE, id="bot")
CHOICES = (
    DecisionChoice.APPROVE,
    DecisionChoice.APPROVE,
    DecisionChoice.EDIT,
    DecisionChoice.REJECT,
    None,
)


@asynccontextmanager
async def changing(folder: Path, days: int = 0) -> AsyncGenerator[tuple[ServedConsole, str]]:
    """Two that went by themselves, five that people were asked about, and a change that waits."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "row.toml").write_text(TABLE.format(sort="never", more="over = 9000"))
    section = {"files": ["policy.cedar", "row.toml"], "loosening_needs": 2}
    async with open_console(folder, policy_section=section) as console:
        await console.sayso.policy.begin(by=BOT, via="test")
        for at in range(2):
            await refund(console.opened, 2_000, customer=f"cus_a{at}", order=f"a{at}")
        for at, choice in enumerate(CHOICES):
            view = await refund(console.opened, 12_900, customer=f"cus_b{at}", order=f"b{at}")
            if choice is not None:
                args = {"amount": usd(9_900)}
                card = await shown(console.opened, view)
                await decide(console.opened, say(card, choice=choice, args=args))
        console.opened.clock.advance(days=days)
        (folder / "row.toml").write_text(ROOM)
        done = await console.sayso.policy.activate(
            token=await token_of(console.sayso, "maria"), note="more room"
        )
        assert done.waits is not None
        yield console, done.waits.id


async def test_whoever_signs_sees_what_it_would_have_changed(tmp_path: Path) -> None:
    """By the engine, beside what people had said, and without a script."""
    async with changing(tmp_path) as (console, change):
        where = f"{ROOT}/policy/backtest?of={change}"
        async with console.client(await console.sign_in("finn")) as browser:
            assert where in (await browser.get(f"{ROOT}/policy")).text
            text = (await browser.get(where)).text
            older = (await browser.get(f"{ROOT}/policy/backtest?of=1&days=7")).text
        assert "<h2>5 more would need nobody</h2>" in text
        assert "All 7 that were judged" in text
        assert "As it is in force: 2 automatic, 5 asked, 0 refused, 0 cannot say." in text
        assert "With this: 7 automatic, 0 asked" in text
        row = '<th>automatic</th> <td class="num">2</td> <td class="num">7</td>'
        text = " ".join(text.split())
        assert row in text
        assert "What people had said of those 5" in text
        for name, count in (
            ("People said yes, unchanged", 2),
            ("People gave less", 1),
            ("People said no", 1),
            ("Nobody had decided", 1),
        ):
            assert f'<th>{name}</th> <td class="num">{count}</td>' in text
        assert text.count("said no</td>") == 1
        assert text.count("given less</td>") == 1
        assert "times: 0 differences" in text
        assert 'http-equiv="refresh"' not in text
        assert "Nothing would be done at once or refused that was not" in older
        assert (await console.sayso.policy.changes())[0].status == "waiting"


async def test_nothing_judged_is_said_and_so_is_what_there_is_not(tmp_path: Path) -> None:
    """An empty time, a version and a change that nobody knows, and nonsense."""
    async with changing(tmp_path, days=40) as (console, change):
        async with console.client(await console.sign_in()) as browser:
            for days, said in (("30", "Nothing was judged in 30 days"), ("90", "All 7 that were")):
                page = await browser.get(f"{ROOT}/policy/backtest?of={change}&days={days}")
                assert said in page.text
            for odd in ("99", "pol_none", "9" * 30, "", "%00", "²"):
                page = await browser.get(f"{ROOT}/policy/backtest?of={odd}")
                assert page.status_code == 404, odd
            plain = await browser.get(f"{ROOT}/policy/backtest?of={change}&days=x")
            assert "The last 30 days" in plain.text
        async with console.client() as browser:
            assert (await browser.get(f"{ROOT}/policy/backtest?of=1")).status_code in (303, 401)


async def test_what_takes_long_says_how_far_it_is_and_two_play_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page asks again by itself, also without scripts; a third waits for its turn."""
    monkeypatch.setattr(backtest, "PATIENCE_S", 0.05)
    async with (
        changing(tmp_path) as (console, change),
        console.client(await console.sign_in()) as browser,
    ):
        entered, go = asyncio.Event(), asyncio.Event()
        played = console.sayso.analysis.backtest

        tests, sayso = Backtests(), console.sayso

        class Slow:
            """An analysis that waits until the test says so."""

            async def backtest(self, **asked: object) -> object:
                tell = asked["progress"]
                assert callable(tell)
                tell(4_000)
                entered.set()
                await go.wait()
                return await played(**asked)  # type: ignore[arg-type]

        class SlowSayso:
            """The workspace, with that analysis."""

            analysis = Slow()
            now = staticmethod(sayso.now)

        slow = SlowSayso()
        first = await tests.play(slow, change, 30, 1)  # type: ignore[arg-type]
        assert entered.is_set()
        assert (first.is_under_way, first.count) == (True, 4_000)
        second = await tests.play(slow, 1, 30, 1)  # type: ignore[arg-type]
        third = await tests.play(slow, 1, 90, 1)  # type: ignore[arg-type]
        assert (second.is_under_way, third.task) == (True, None)
        assert await tests.play(slow, change, 30, 1) is first  # type: ignore[arg-type]
        go.set()
        assert first.task is not None
        assert (await first.task).total == 7
        await asyncio.gather(*(one.task for one in tests.known.values() if one.task))
        done = await tests.play(slow, 1, 90, 1)  # type: ignore[arg-type]
        assert done is third
        assert done.task is not None
        monkeypatch.setattr(backtest, "PATIENCE_S", 0.0)
        page = await browser.get(f"{ROOT}/policy/backtest?of={change}")
        assert 'http-equiv="refresh" content="2"' in page.text
        assert "are played so far" in page.text
        monkeypatch.setattr(backtest, "PATIENCE_S", 5.0)
        page = await browser.get(f"{ROOT}/policy/backtest?of={change}")
        assert "5 more would need nobody" in page.text


@needs_chromium
@pytest.mark.promise("console:accessible")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
async def test_the_page_has_no_fault(width: int, scheme: str, tmp_path: Path) -> None:
    """With figures and empty; nothing is wider than a phone."""
    async with changing(tmp_path) as (console, change), chromium() as browser:
        size = {"width": width, "height": 900}
        context = await console.context(browser, "finn", viewport=size, color_scheme=scheme)
        page = await context.new_page()
        await page.goto(console.path("policy"))
        await page.click("text=Play it over the last 30 days")
        await page.wait_for_url("**/policy/backtest**")
        assert await page.locator("main svg").count() == 2
        assert await violations(page) == []
        await page.click("main summary")
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.screenshot(path=tmp_path.parent / f"backtest-{width}.png", full_page=True)
    async with changing(tmp_path / "later", days=40) as (console, change), chromium() as browser:
        context = await console.context(browser, "finn", viewport=size, color_scheme=scheme)
        page = await context.new_page()
        await page.goto(console.path(f"policy/backtest?of={change}"))
        assert "Nothing was judged" in await page.inner_text("main")
        assert await violations(page) == []
