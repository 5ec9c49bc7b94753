"""A reminder for who is called and is not in the channel: in private, once, and without a name."""

from __future__ import annotations

from pathlib import Path

import pytest
from surfaces.slack.slack_team import SlackTeam, open_team

from sayso.surfaces.slack.doctor import examine
from sayso.testing.clock import FakeClock
from sayso.testing.faults import FaultProxy, HttpFault
from sayso.testing.slack import CHANNEL, FakeSlack, FaultKind, PostedMessage, SlackFault, render

pytestmark = pytest.mark.promise("slack:direct")

TIMES: dict[str, object] = {
    "expires_after_minutes": 60,
    "remind_after_minutes": 30,
    "escalate_after_minutes": 45,
    "escalate_to": "finance",
}


async def later(team: SlackTeam, minutes: int) -> None:
    """What is due by then is told, also what has to be tried again."""
    for step in (minutes, 1, 1):
        team.workspace.clock.advance(minutes=step)
        await team.work()


def told(slack: FakeSlack, user: str) -> list[PostedMessage]:
    """What somebody was told in private."""
    return [one for one in slack.messages if one.channel == f"D{user}"]


def below(slack: FakeSlack) -> list[PostedMessage]:
    """What stands in the thread."""
    return [one for one in slack.messages if one.channel == CHANNEL and one.thread_ts]


async def test_who_is_called_and_is_not_in_the_channel_is_told(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """Amount, deadline and where; an escalation too. No name, no button; no stranger is told."""
    clock = FakeClock()
    async with open_team(tmp_path, slack, clock=clock, approvals=TIMES) as team:
        slack.leave("UMARIA", "UFINN", "UGRID")
        approval = await team.ask()
        await later(team, 31)
        (mine,) = told(slack, "UMARIA")
        said = render(mine)
        assert said.startswith("$129.00 (shop.refund) waits for your yes or no. No answer by ")
        assert f"Look at it in `sayso approvals show {approval.id}`." in said
        assert "cus_" not in f"{said} {mine.text}"
        assert mine.buttons == {}
        assert len(below(slack)) == 1
        assert told(slack, "UFINN") == []
        await later(team, 15)
        assert len(told(slack, "UMARIA")) == 2
        assert len(told(slack, "UFINN")) == 1
        private = {one.channel for one in slack.messages if one.channel != CHANNEL}
        assert private == {"DUMARIA", "DUFINN"}


async def test_with_a_console_the_way_leads_there(tmp_path: Path, slack: FakeSlack) -> None:
    """A link to the card, in place of a command."""
    console = {"url": "https://sayso.example.com"}
    async with open_team(tmp_path, slack, approvals=TIMES, console=console) as team:
        slack.leave("UMARIA")
        approval = await team.ask()
        await later(team, 31)
        (mine,) = told(slack, "UMARIA")
        assert f"https://sayso.example.com/console/solution/{approval.id}" in str(mine.blocks)
        assert render(mine).endswith("counts as no. · Open ↗")


async def test_a_lost_answer_is_one_message_and_a_pause_loses_none(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """What may be there is looked for, in the thread and in private."""
    address = slack.api_url.removesuffix("/api/")
    with FaultProxy.start(address) as proxy:
        url = f"{proxy.url}/api/"
        async with open_team(tmp_path, slack, approvals=TIMES, api_url=url) as team:
            slack.leave("UMARIA")
            await team.ask()
            proxy.add(HttpFault(kind="drop_after", path="/api/chat.postMessage", times=2))
            kind = FaultKind.RATE_LIMITED
            slack.add_faults(SlackFault(kind=kind, method="conversations.open"))
            await later(team, 31)
            await later(team, 1)
            assert len(below(slack)) == 1
            assert len(told(slack, "UMARIA")) == 1
            assert len(slack.calls("chat.postMessage")) == 3, "the card, and two that were lost"


async def test_without_the_scope_the_thread_goes_on_and_the_doctor_names_it(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """A workspace that set Slack up before there were direct messages."""
    async with open_team(tmp_path, slack, approvals=TIMES) as team:
        assert {one.what: one for one in await examine(team.workspace.sayso)}["private"].ok
        slack.set_scopes("chat:write,users:read,groups:read,groups:history")
        slack.leave("UMARIA")
        await team.ask()
        await later(team, 31)
        assert (len(below(slack)), told(slack, "UMARIA")) == (1, [])
        found = {one.what: one for one in await examine(team.workspace.sayso)}["private"]
        assert not found.ok
        assert "`im:write` and `im:history`" in found.said
        assert "invite them" in found.next_step
