"""What machines left to people, in Teams and in Slack: shown once, and taken and ended there."""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.steps import assert_verified
from joserfc.jwk import RSAKey
from support.shop_workspace import ShopWorkspace
from surfaces.slack.slack_team import open_team as open_slack
from surfaces.teams.teams_team import PEOPLE, TeamsTeam, open_team

from sayso.testing.slack import FakeSlack, PostedMessage, render
from sayso.testing.teams import TeamsMessage
from sayso.testing.teams.fake import object_id_of

WORDS = "My grandfather's clock sings at night, what do you make of it?"


async def handed_over(workspace: ShopWorkspace, customer: str = "cus_1") -> str:
    """The id of a request that nobody but a person can answer."""
    request = await workspace.sayso.ask(customer, WORDS)
    assert request.status == "handed_over", request.status
    return request.id


def shown(team: TeamsTeam, about: str) -> TeamsMessage:
    """The one message of a piece of work."""
    (only,) = [one for one in team.teams.messages if about in one.text]
    return only


def verbs(message: TeamsMessage) -> set[str]:
    """What can be said about it."""
    return set(message.verbs)


@pytest.mark.promise("work:in-chats")
async def test_work_is_shown_once_in_teams_and_taken_given_and_ended_there(
    team: TeamsTeam,
) -> None:
    """By whoever is linked; the message shows who has it, and ends with it. The log verifies."""
    about = await handed_over(team.workspace)
    await team.send()
    message = shown(team, about)
    assert verbs(message) == {"work.take", "work.give", "work.answer", "work.end"}
    work = team.workspace.sayso.work
    answer = await team.teams.click(message, "work.take", user="stranger")
    assert "You may not do this" in answer.said
    assert (await work.get(about)).assignee is None
    answer = await team.teams.click(message, "work.take", user="maria")
    assert "maria has it" in answer.said
    for person in ("", "nobody"):
        answer = await team.teams.click(
            message, "work.give", user="maria", inputs={"person": person}
        )
        assert not answer.is_card
    await team.teams.click(message, "work.give", user="maria", inputs={"person": "noor"})
    await team.send()
    assert "noor has it" in message.text
    answer = await team.teams.click(message, "work.answer", user="noor", inputs={"text": "hello"})
    assert "did not write at a desk" in answer.said
    assert not (await team.teams.click(message, "work.end", user="noor")).is_card
    await team.teams.click(message, "work.end", user="noor", inputs={"text": "called them"})
    await team.send()
    assert (await work.get(about)).ended
    assert verbs(shown(team, about)) == set()
    late = await team.teams.click(message, "work.take", user="maria", data={"sayso": about})
    assert late.status == 200
    for forged in ("", "x", "req_1", f"{about}x", "apr_" + "0" * 26):
        answer = await team.teams.click(
            message, "work.end", user="maria", data={"sayso": forged, "text": "x"}
        )
        assert not answer.is_card, forged
    assert_verified(team.workspace)


@pytest.mark.promise("work:in-chats")
async def test_who_has_waited_longest_comes_first_and_is_told_of_once_when_late(
    tmp_path: Path, key: RSAKey
) -> None:
    """By a word to the bot; and in the channel, once, when it waits longer than is promised."""
    async with open_team(tmp_path, key, people=PEOPLE, answer_within="30m") as team:
        first = await handed_over(team.workspace, "cus_first")
        team.workspace.clock.advance(minutes=20)
        await handed_over(team.workspace, "cus_second")
        team.workspace.clock.advance(minutes=11)
        personal = f"a:{object_id_of('maria')}"
        await team.teams.write(personal, "work", user="maria")
        listed = team.teams.messages[-1].text.splitlines()
        assert [line.partition(",")[0] for line in listed] == ["cus_first", "cus_second"]
        assert "too long" in listed[0]
        assert "too long" not in listed[1]
        for _ in range(2):
            await team.workspace.sayso.work.tell_late()
            await team.send()
        told = [one.text for one in team.teams.messages if "Waits too long." in one.text]
        assert len(told) == 1
        assert "cus_first" in told[0]
        assert first in told[0]


@pytest.mark.promise("work:in-chats")
async def test_work_is_shown_once_in_slack_and_taken_and_ended_there(
    slack: FakeSlack, tmp_path: Path
) -> None:
    """The same words and rules; one that is over in the console ends there, too."""
    async with open_slack(tmp_path, slack) as team:
        about = await handed_over(team.workspace)
        await team.send()

        def message() -> PostedMessage:
            return slack.message_of(about)

        assert "Waits for a person" in render(message())
        await slack.click(message(), "sayso.work.take", user="UDORA")
        await team.app.all_replied()
        assert "not linked" in team.told[-1]
        await slack.click(message(), "sayso.work.take", user="UMARIA")
        await team.app.all_replied()
        assert team.told[-1] == "It is yours."
        await team.send()
        assert "maria has it" in render(message())
        await slack.click(message(), "sayso.work.waiting", user="UDORA")
        await team.app.all_replied()
        assert "not linked" in team.told[-1]
        team.workspace.clock.advance(minutes=20)
        await handed_over(team.workspace, "cus_second")
        await slack.click(message(), "sayso.work.waiting", user="UMARIA")
        await team.app.all_replied()
        listed = [line.partition(",")[0] for line in team.told[-1].splitlines()]
        assert listed == ["cus_1", "cus_second"]
        assert "maria has it" in team.told[-1]
        await slack.click(message(), "sayso.work.end", user="UMARIA")
        await slack.submit_view(slack.views[-1], {"text": "called them"})
        await team.send()
        assert (await team.workspace.sayso.work.get(about)).ended
        assert not message().buttons
        assert len(slack.messages) == 2
        assert_verified(team.workspace)
