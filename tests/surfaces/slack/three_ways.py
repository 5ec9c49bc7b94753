"""Two people in two browsers and one in Slack on one solution, at once, again and again.

`PYTHONPATH=tests python -m surfaces.slack.three_ways 200` plays it so often, and prints whose yes
counted, and how long after the clicks the last of the three was told whose it was.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Error, Page
from support.parcel_shop import ParcelShop, add_playbooks
from surfaces.console.served_console import ROOT, RULES, WORDS, Packages, chromium, serving
from surfaces.slack.slack_team import SlackTeam, open_team

from sayso.money import Money
from sayso.testing.slack import FakeSlack

YES = "sayso.solution.yes"
SOON_S = 1.0


@dataclass(frozen=True, slots=True)
class Round:
    """Who won, and how long it took until all three were told, in seconds."""

    winner: str
    told_s: float


async def play(rounds: int) -> list[Round]:
    """Play so many rounds; what came of each."""
    shop = ParcelShop()
    played: list[Round] = []
    with tempfile.TemporaryDirectory() as folder, FakeSlack.start(patience_s=60) as slack:
        add_playbooks(Path(folder))
        async with (
            open_team(Path(folder), slack, shop=shop, planner=Packages(), policy=RULES) as team,
            serving(team.workspace.sayso) as url,
            chromium() as browser,
        ):
            pages = [await page_of(team, browser, url, person) for person in ("m0", "m1")]
            for number in range(rounds):
                shop.books.add(f"o{number}", f"cus_{number}", Money(100_000, "USD"))
                shop.names[f"cus_{number}"] = "Ben Okafor"
                where, customer = f"{url}{ROOT}", f"cus_{number}"
                played.append(await play_one(team, pages, where, customer, first=number % 2 == 0))
            await team.work()
            paid = [payout.order for payout in shop.books.payouts]
            assert sorted(paid) == sorted(f"o{number}" for number in range(rounds))
    return played


async def page_of(team: SlackTeam, browser: Browser, url: str, person: str) -> Page:
    """A browser of one's own in which somebody is signed in."""
    _, secret = await team.workspace.sayso.sessions.begin(person, via="token")
    context = await browser.new_context()
    context.set_default_timeout(60_000)
    await context.add_cookies([{"url": url, "name": "sayso_session", "value": secret}])
    return await context.new_page()


async def _open(page: Page, url: str) -> None:
    """Go there, again where the page that is left was just making itself anew."""
    for _ in range(5):
        try:
            await page.goto(url)
        except Error as error:
            if "interrupted by another navigation" not in error.message:
                raise
        else:
            return
    raise AssertionError(f"{url} is interrupted again and again")


async def play_one(
    team: SlackTeam, pages: list[Page], console: str, customer: str, *, first: bool
) -> Round:
    """One solution, three clicks. Every rule of the race is asserted here.

    Args:
        first: Slack's click is on its way at once, and not behind those of the browsers, whose way
            is longer: so each of the three wins at times.
    """
    sayso = team.workspace.sayso
    request = await sayso.ask(customer, WORDS)
    asked = next(one.approval for one in request.actions if one.approval is not None)
    await team.send()
    view = await sayso.solutions.get(asked.id)
    await asyncio.gather(*(_open(page, f"{console}/solution/{view.id}") for page in pages))
    told = len(team.told)
    clicked = asyncio.Event()
    if first:
        clicked.set()
    begun = time.monotonic()

    async def in_slack() -> str:
        await clicked.wait()
        card = team.slack.message_of(view.id)
        delivery = await team.slack.click(card, YES, user="UM2")
        assert delivery.acknowledged
        await team.app.all_replied()
        (said,) = team.told[told:]
        return said

    one, other, third = await asyncio.gather(*(click(page, clicked) for page in pages), in_slack())
    told_s = time.monotonic() - begun
    texts = {"m0": one, "m1": other, "m2": third}
    counted = [name for name, text in texts.items() if WON[name] in text]
    assert len(counted) == 1, texts
    (winner,) = counted
    for name, text in texts.items():
        by = f"approved by {winner}" if name == "m2" else f"{winner} said yes"
        assert name == winner or by in text, (name, text)
    after = await sayso.solutions.get(view.id)
    assert [vote.person for vote in after.votes] == [winner]
    assert after.status == "approved"
    return Round(winner, told_s)


WON = {"m0": "You said yes", "m1": "You said yes", "m2": "Your yes counts"}


async def click(page: Page, clicked: asyncio.Event) -> str:
    """Click yes as the page stands; what it says once it tells whose yes counted."""
    # By script: a click of the mouse would wait for a button that another yes has taken away.
    await page.evaluate("document.querySelector('#yes')?.click()")
    clicked.set()
    await page.get_by_text("said yes").first.wait_for()
    return await page.inner_text("main")


def _print(played: list[Round]) -> None:
    took = sorted(one.told_s for one in played)
    late = sum(one > SOON_S for one in took)
    wins = {name: sum(one.winner == name for one in played) for name in WON}
    print(f"{len(played)} rounds, one decision in each; whose counted: {wins}")  # noqa: T201
    at = [took[int(len(took) * share)] for share in (0.5, 0.95)]
    print(  # noqa: T201
        f"all three told after {at[0]:.2f} s (half), {at[1]:.2f} s (95 %), {took[-1]:.2f} s (all); "
        f"{late} of {len(took)} after more than a second"
    )


if __name__ == "__main__":
    _print(asyncio.run(play(int(sys.argv[1]) if len(sys.argv) > 1 else 20)))
