"""The app's Home: what waits for whoever opens it, and nothing that decides."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.canaries import CANARIES, waiting
from surfaces.slack.slack_team import APPROVE, SlackTeam, open_team

from sayso.block_kit import check_blocks
from sayso.surfaces.slack.home import MOST_SHOWN
from sayso.testing.clock import FakeClock
from sayso.testing.slack import FakeSlack, FaultKind, SlackFault, render
from sayso.testing.slack.interactions import opened_payload

pytestmark = pytest.mark.promise("slack:home")


async def home(team: SlackTeam, user: str = "UMARIA") -> str:
    """Open it, and read what stands there."""
    assert (await team.slack.open_home(user)).acknowledged
    await team.app.all_replied()
    shown = team.slack.home_of(user)
    assert shown is not None
    blocks = shown.view["blocks"]
    assert isinstance(blocks, list)
    assert check_blocks([one for one in blocks if isinstance(one, dict)], surface="home") == []
    assert '"type": "button"' not in json.dumps(shown.view), "nothing is decided there"
    return render(shown)


async def test_ones_queue_stands_there_the_longest_wait_first(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """With the way to each card, no name of a customer, and anew each time it is opened."""
    clock = FakeClock()
    async with open_team(tmp_path, slack, clock=clock) as team:
        assert "Nothing waits for you" in await home(team)
        first = await team.ask(129_00)
        clock.advance(minutes=5)
        await team.ask(60_00)
        shown = await home(team)
        assert "2 wait for you" in shown
        assert shown.index("$129.00") < shown.index("$60.00")
        link = f"https://acme.slack.com/archives/C1/p{team.card(first).ts.replace('.', '')}"
        published = slack.home_of("UMARIA")
        assert published is not None
        assert link in json.dumps(published.view)
        assert "cus_" not in shown, "an erasure would not reach it"
        assert "Nothing waits for you" in await home(team, "UINTERN")
        await team.click(first, APPROVE)
        again = await home(team)
        assert "1 waits for you" in again
        assert "$129.00" not in again


async def test_with_a_console_each_leads_there(tmp_path: Path, slack: FakeSlack) -> None:
    """Without asking Slack; a test card is one of them, told apart by nothing."""
    console = {"url": "https://sayso.example.com"}
    async with open_team(tmp_path, slack, console=console, approvals=CANARIES) as team:
        test = await waiting(team.workspace)
        true = await team.ask(129_00)
        await home(team)
        shown = team.slack.home_of("UMARIA")
        assert shown is not None
        whole = json.dumps(shown.view)
        for one in (test.id, true.id):
            assert f"https://sayso.example.com/console/solution/{one}" in whole
        assert slack.calls("chat.getPermalink") == []
        lines = [kinds(one) for one in json.loads(whole)["blocks"] if one["type"] == "rich_text"]
        assert len(lines) >= 2
        assert len(set(lines)) == 1
        assert "test" not in render(shown)


def kinds(line: object) -> str:
    """What a line is made of, without its words."""
    return " ".join(re.findall(r'"type": "(\w+)"', json.dumps(line)))


async def test_it_ends_where_slack_ends(team: SlackTeam) -> None:
    """100 blocks at most: the longest waits, and how many more there are."""
    for number in range(MOST_SHOWN + 5):
        await team.ask_quietly(60_00 + number)
    shown = await home(team)
    assert f"{MOST_SHOWN + 5} wait for you" in shown
    assert "5 more wait; these come first." in shown
    assert shown.count("Waits since") == MOST_SHOWN


async def test_who_is_nobody_reads_how_to_be_linked(tmp_path: Path, slack: FakeSlack) -> None:
    """By a link where there is a console; a guest and another workspace's account get none."""
    slack.add_user("UNEW")
    slack.add_user("UGUEST", is_restricted=True)
    console = {"url": "https://sayso.example.com"}
    async with open_team(tmp_path, slack, console=console) as team:
        await team.ask()
        shown = await home(team, "UNEW")
        assert "is not linked to an approver" in shown
        assert "link it to yourself in the console" in shown
        assert "$129.00" not in shown
        assert "sayso people slack PERSON T1/UGUEST" in await home(team, "UGUEST")
        assert (await slack.open_home("UMARIA", team="T9")).acknowledged
        assert (await slack.open_home("UMARIA", tab="messages")).acknowledged
        await team.app.all_replied()
        assert slack.home_of("UMARIA") is None


async def test_nobody_but_slack_opens_it_and_a_pause_is_kept(team: SlackTeam) -> None:
    """A bad signature shows nothing; 429 is tried again; what Slack refuses is no accident."""
    forged = await team.slack.deliver(
        opened_payload("UMARIA", team="T1", tab="home"), signature="v0=00"
    )
    assert forged.status == 401
    await team.app.all_replied()
    assert team.slack.calls("views.publish") == []
    kind = FaultKind.RATE_LIMITED
    team.slack.add_faults(SlackFault(kind=kind, method="views.publish", retry_after_s=7))
    assert "Nothing waits for you" in await home(team)
    assert 7.0 in team.ticks.slept
    team.slack.add_faults(
        SlackFault(kind=FaultKind.REFUSED, method="views.publish", error="not_enabled")
    )
    assert (await team.slack.open_home("UMARIA")).acknowledged
    await team.app.all_replied()
