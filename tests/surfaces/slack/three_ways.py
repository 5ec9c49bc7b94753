"""Two people in the console and one in Slack on one solution, at once, again and again.

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

import httpx
from support.parcel_shop import ParcelShop, add_playbooks
from surfaces.console.served_console import RULES, WORDS, Packages, serving
from surfaces.slack.slack_team import SlackTeam, open_team

from sayso.money import Money
from sayso.sdk.solution_view import SolutionView
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
        ):
            clients = [await client(team, url, person) for person in ("m0", "m1")]
            for number in range(rounds):
                shop.books.add(f"o{number}", f"cus_{number}", Money(100_000, "USD"))
                shop.names[f"cus_{number}"] = "Ben Okafor"
                played.append(await play_one(team, clients, f"cus_{number}"))
            for one in clients:
                await one.aclose()
            await team.work()
            paid = [payout.order for payout in shop.books.payouts]
            assert sorted(paid) == sorted(f"o{number}" for number in range(rounds))
    return played


async def client(team: SlackTeam, url: str, person: str) -> httpx.AsyncClient:
    """A browser in which somebody is signed in."""
    _, secret = await team.workspace.sayso.sessions.begin(person, via="token")
    return httpx.AsyncClient(
        base_url=url,
        cookies={"sayso_session": secret},
        headers={"Sec-Fetch-Site": "same-origin"},
        timeout=60,
    )


async def play_one(team: SlackTeam, clients: list[httpx.AsyncClient], customer: str) -> Round:
    """One solution, three clicks. Every rule of the race is asserted here."""
    sayso = team.workspace.sayso
    request = await sayso.ask(customer, WORDS)
    asked = next(one.approval for one in request.actions if one.approval is not None)
    await team.send()
    view = await sayso.solutions.get(asked.id)
    told = len(team.told)
    begun = time.monotonic()

    async def in_slack() -> str:
        card = team.slack.message_of(view.id)
        delivery = await team.slack.click(card, YES, user="UM2")
        assert delivery.acknowledged
        await team.app.told()
        (said,) = team.told[told:]
        return said

    first, second, third = await asyncio.gather(*(click(one, view) for one in clients), in_slack())
    told_s = time.monotonic() - begun
    texts = {"m0": first, "m1": second, "m2": third}
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


async def click(browser: httpx.AsyncClient, view: SolutionView) -> str:
    """Say yes on the page; what the page then says."""
    answer = await browser.post(
        f"/console/solution/{view.id}/decision",
        data={
            "decision": "yes",
            "revision": str(view.revision),
            "digest": view.digest,
            "step": [step.id for step in view.steps if step.asks],
        },
        follow_redirects=True,
    )
    assert answer.status_code in {200, 409}, answer.text
    if answer.status_code == 409:
        assert "Your click was not counted" in answer.text, answer.text
    return answer.text


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
