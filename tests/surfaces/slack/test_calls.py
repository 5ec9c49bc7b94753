"""Who is called by name is told in private: once, whatever calls them, and without a name."""

from __future__ import annotations

from pathlib import Path

import pytest
from surfaces.slack.slack_team import SlackTeam, open_team
from surfaces.slack.test_direct import told

from sayso.sdk.views.rows import ApprovalView
from sayso.testing.faults import FaultProxy, HttpFault
from sayso.testing.slack import FakeSlack, render

pytestmark = pytest.mark.promise("slack:called")


async def note(team: SlackTeam, card: ApprovalView, text: str, by: str = "finn") -> None:
    """Somebody notes something in the console."""
    sayso = team.workspace.sayso
    await sayso.solutions.note_as(card.id, text, tenant=sayso.tenant, person=by, via="console")


async def give(team: SlackTeam, card: ApprovalView, to: str, by: str = "finn") -> None:
    """Somebody gives a card to somebody."""
    sayso = team.workspace.sayso
    await sayso.solutions.assign_as(card.id, to, tenant=sayso.tenant, by=by, via="console")


async def test_a_card_and_a_mention_at_once_are_one_message(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """In the channel or not; the next mention is a new one; nobody hears of themselves."""
    console = {"url": "https://sayso.example.com"}
    async with open_team(tmp_path, slack, console=console) as team:
        card = await team.ask()
        await give(team, card, "maria")
        await note(team, card, "@maria: is that Dana Ruiz? @finn and @gone and @nobody know")
        await team.send()
        (mine,) = told(slack, "UMARIA")
        said = render(mine)
        assert said.startswith("finn gave you this, and names you in a note: $129.00 (shop.refund)")
        assert "Dana" not in f"{said} {mine.text}"
        assert f"/console/solution/{card.id}" in str(mine.blocks)
        assert (told(slack, "UFINN"), told(slack, "UGONE")) == ([], [])
        await note(team, card, "@maria?")
        await give(team, card, "maria", by="grid")  # she has it already
        await team.send()
        assert len(told(slack, "UMARIA")) == 2
        await give(team, card, "finn", by="finn")
        await team.send()
        assert told(slack, "UFINN") == []


async def test_work_calls_as_cards_do_and_what_is_old_calls_nobody(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """What it is and where, in words without a customer's."""
    async with open_team(tmp_path, slack) as team:
        sayso = team.workspace.sayso
        request = await sayso.ask("cus_9", "I want to talk to a person about my mug")
        assert request.status == "handed_over"
        _, finn = await sayso.sessions.begin("finn", via="token")
        await sayso.work.note(request.id, "@maria, the mug of Dana Ruiz", token=finn)
        await team.send()
        (mine,) = told(slack, "UMARIA")
        assert render(mine) == "finn names you in a note: a customer waits for a person."
        await sayso.work.take(request.id, token=finn, person="grid")
        await sayso.work.take(request.id, token=finn, person="maria")
        team.workspace.clock.advance(days=2)
        await team.send()
        assert len(told(slack, "UMARIA")) == 1
        assert told(slack, "UGRID") == []


async def test_a_lost_answer_is_one_message(tmp_path: Path, slack: FakeSlack) -> None:
    """What may be there is looked for, in the conversation with them."""
    with FaultProxy.start(slack.api_url.removesuffix("/api/")) as proxy:
        async with open_team(tmp_path, slack, api_url=f"{proxy.url}/api/") as team:
            card = await team.ask()
            await give(team, card, "maria")
            kind = HttpFault(kind="drop_after", path="/api/chat.postMessage", times=1)
            proxy.add(kind)
            await team.send()
            team.workspace.clock.advance(minutes=1)
            await team.send()
            assert len(told(slack, "UMARIA")) == 1
