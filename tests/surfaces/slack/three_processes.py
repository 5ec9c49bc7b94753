"""Fifty clicks by ten people on one card, over three processes, again and again.

`PYTHONPATH=tests python -m surfaces.slack.three_processes 1000` plays it so often.
"""

from __future__ import annotations

import asyncio
import copy
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from support.commands import start_command
from support.shop import Shop
from support.shop_workspace import open_shop
from surfaces.slack.slack_team import (
    APPROVE,
    LONG_S,
    PATIENT,
    PEOPLE,
    SlackTeam,
    open_team,
    settings_for,
)

from sayso.money import Money
from sayso.surfaces.slack import create_slack_app
from sayso.testing.clock import FakeClock
from sayso.testing.slack import FakeSlack
from sayso.testing.slack.server import serve_on_loopback

PROCESSES, CLICKS = 3, 50
MOST = 1000


async def play(rounds: int) -> int:
    """Play so many rounds; every rule is asserted in each. Returns how many clicks were told."""
    with tempfile.TemporaryDirectory() as name, FakeSlack.start(patience_s=LONG_S) as slack:
        folder = Path(name)
        async with open_team(folder, slack) as team, AsyncExitStack() as stack:
            urls = [
                await stack.enter_async_context(_server(folder, slack)) for _ in range(PROCESSES)
            ]
            ways = [_to(slack, url) for url in urls]
            for _ in range(rounds):
                await _one(team, ways)
            return len(team.told)


async def _one(team: SlackTeam, ways: list[FakeSlack]) -> None:
    approval = await team.ask()
    card, before = team.card(approval), len(team.told)
    clicks = [
        ways[number % PROCESSES].click(card, APPROVE, user=f"UM{number % 10}")
        for number in range(CLICKS)
    ]
    deliveries = await asyncio.gather(*clicks)
    assert [one.status for one in deliveries] == [200] * CLICKS
    assert await team.slack.wait_until(lambda: len(team.told) == before + CLICKS)
    said = team.told[before:]
    counted = [text for text in said if text.startswith("Your yes counts")]
    after = await team.approval(approval)
    (vote,) = after.votes
    late = [text for text in said if "already" in text and f" by {vote.person}" in text]
    assert (len(counted), len(late)) == (1, CLICKS - 1), said
    entries = (await team.action(approval)).timeline
    assert sum(one.kind == "action.approved" for one in entries) == 1


def _to(slack: FakeSlack, url: str) -> FakeSlack:
    """The same Slack, which sends its clicks to another process."""
    way = copy.copy(slack)
    way.events_url = f"{url}/slack/events"
    return way


@asynccontextmanager
async def _server(folder: Path, slack: FakeSlack) -> AsyncGenerator[str]:
    """A process that takes clicks; its address."""
    process = start_command(
        *("serve", str(folder), slack.api_url),
        program=("-m", "surfaces.slack.three_processes"),
        cwd=Path(__file__).parents[2],
        env=os.environ,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        try:
            told = asyncio.to_thread(process.stdout.readline)
            yield (await asyncio.wait_for(told, LONG_S)).strip()
        finally:
            process.kill()


async def serve(folder: Path, api_url: str) -> None:
    """Take clicks until killed."""
    shop = Shop()
    for number in range(1, MOST + 1):
        shop.books.add(f"o{number}", f"cus_o{number}", Money(129_00, "USD"))
    slack = settings_for(api_url, folder)
    people = list(PEOPLE)
    async with open_shop(folder, shop=shop, clock=FakeClock(), people=people, slack=slack) as one:
        app = create_slack_app(one.sayso, patience=PATIENT)
        async with serve_on_loopback(app) as url:
            sys.stdout.write(f"{url}\n")
            sys.stdout.flush()
            await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(Path(sys.argv[2]), sys.argv[3]))
    else:
        number = int(sys.argv[1]) if len(sys.argv) > 1 else 20
        told = asyncio.run(play(number))
        print(f"{number} rounds, one decision in each, {told} clicks told")  # noqa: T201
