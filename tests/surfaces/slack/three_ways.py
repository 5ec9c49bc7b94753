"""Two people in the console and one in Slack on one solution, at once, again and again.

`PYTHONPATH=tests python -m surfaces.slack.three_ways 200` plays it so often.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path

import httpx
from support.parcel_shop import ParcelShop, add_playbooks
from surfaces.console.served_console import RULES, WORDS, Packages, serving
from surfaces.slack.slack_team import SlackTeam, open_team

from sayso.money import Money
from sayso.sdk.solution_view import SolutionView
from sayso.testing.slack import FakeSlack

YES = "sayso.solution.yes"


async def play(rounds: int) -> Counter[str]:
    """Play so many rounds; what came of each, by who was told that theirs counted."""
    shop = ParcelShop()
    won: Counter[str] = Counter()
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
                won[await play_one(team, clients, f"cus_{number}")] += 1
            for one in clients:
                await one.aclose()
    return won


async def client(team: SlackTeam, url: str, person: str) -> httpx.AsyncClient:
    """A browser in which somebody is signed in."""
    _, secret = await team.workspace.sayso.sessions.begin(person, via="token")
    return httpx.AsyncClient(
        base_url=url,
        cookies={"sayso_session": secret},
        headers={"Sec-Fetch-Site": "same-origin"},
        timeout=60,
    )


async def play_one(team: SlackTeam, clients: list[httpx.AsyncClient], customer: str) -> str:
    """One solution, three clicks; who won. Every rule of the race is asserted here."""
    sayso = team.workspace.sayso
    request = await sayso.ask(customer, WORDS)
    asked = next(one.approval for one in request.actions if one.approval is not None)
    await team.send()
    view = await sayso.solutions.get(asked.id)
    told = len(team.told)
    clicking = asyncio.create_task(
        team.slack.click(team.slack.message_of(view.id), YES, user="UM2")
    )
    first, second = await asyncio.gather(*(click(one, view) for one in clients))
    delivery = await clicking
    await team.app.told()
    assert delivery.acknowledged
    said = team.told[told:]
    counted = [name for name, ok in (("m0", first), ("m1", second)) if ok]
    counted += ["m2"] if any("Your yes counts" in text for text in said) else []
    assert len(counted) == 1, (counted, said)
    assert len(said) == 1, said
    after = await sayso.solutions.get(view.id)
    assert {vote.person for vote in after.votes} == set(counted)
    assert after.status == "approved"
    return counted[0]


async def click(browser: httpx.AsyncClient, view: SolutionView) -> bool:
    """Say yes on the page; whether the page says that it counted."""
    answer = await browser.post(
        f"/console/solution/{view.id}/decision",
        data={
            "decision": "yes",
            "revision": str(view.revision),
            "digest": view.digest,
            "step": [step.id for step in view.steps if step.asks],
        },
    )
    assert answer.status_code in {303, 409}, answer.text
    if answer.status_code == 409:
        assert "Your click was not counted" in answer.text, answer.text
    return answer.status_code == 303


if __name__ == "__main__":
    print(dict(asyncio.run(play(int(sys.argv[1]) if len(sys.argv) > 1 else 20))))  # noqa: T201
