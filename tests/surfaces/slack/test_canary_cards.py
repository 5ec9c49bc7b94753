"""Test cards in Slack: posted like any card, answered by the same buttons, revealed in private."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.canaries import CANARIES, MOST, said, waiting
from support.parcel_shop import ParcelShop, add_playbooks
from surfaces.console.served_console import RULES, WORDS, Packages
from surfaces.slack.slack_team import SlackTeam, open_team

from sayso.audit.verifier.verification import Verdict
from sayso.money import Money
from sayso.sdk.resources.canaries import CANARY_TOPIC, CanaryView
from sayso.surfaces.slack.card import ASK, LESS, NO, YES
from sayso.testing.slack import FakeSlack, FaultKind, PostedMessage, SlackFault, render

pytestmark = pytest.mark.promise("canaries:shown")


@pytest.fixture
async def team(tmp_path: Path, slack: FakeSlack) -> AsyncIterator[SlackTeam]:
    """A team that is tried now and then."""
    async with open_team(tmp_path, slack, approvals=CANARIES) as opened:
        yield opened


async def posted(team: SlackTeam) -> CanaryView:
    """A test card that stands in the channel."""
    card = await waiting(team.workspace)
    await team.send()
    return card


async def click(team: SlackTeam, card: CanaryView, button: str, user: str = "UMARIA") -> str:
    """Click on it, and read what that person was told."""
    before = len(team.told)
    delivery = await team.slack.click(team.slack.message_of(card.id), button, user=user)
    assert delivery.status == 200
    await team.app.all_replied()
    await team.send()
    (told,) = team.told[before:]
    return told


def shape(message: PostedMessage) -> list[str]:
    """What a message is made of, without its words."""
    return re.findall(r'"(?:type|action_id|block_id)": ?"[^"]+"', json.dumps(message.blocks))


async def test_it_looks_like_any_other_card(team: SlackTeam) -> None:
    """The same blocks and buttons; only what it is about says that something is wrong."""
    card = await posted(team)
    assert card.solution is not None
    true = await team.ask(129_00, reason="it broke")
    mine, other = team.slack.message_of(card.id), team.card(true)
    assert shape(mine) == shape(other)
    assert mine.text == f"{card.solution.lead.headline}: yes or no? ({card.id})"
    assert other.text == f"$129.00 to customer cus_o1: yes or no? ({true.id})"
    assert "test" not in render(mine).lower()
    assert str(card.solution.totals[0]) in render(mine)
    assert "Paid: $129.00" in render(mine)


async def test_one_that_somebody_deleted_is_posted_again_as_a_true_one_is(team: SlackTeam) -> None:
    """And what is told of it is told once, not again for ever."""
    card = await posted(team)
    team.slack.delete(team.slack.message_of(card.id))
    await team.workspace.sayso.container.store.write(
        lambda tx: tx.run("outbox.put", tenant="main", topic=CANARY_TOPIC, key=card.id, now=0)
    )
    await team.send()
    assert team.slack.message_of(card.id).buttons
    assert await team.workspace.sayso.outbox.due(CANARY_TOPIC, limit=5) == []


@pytest.mark.promise("slack:notes")
async def test_a_note_below_it_is_taken_and_answered_like_any_other(team: SlackTeam) -> None:
    """Whoever writes below a card first does not learn by it which one is the test."""
    card, true = await posted(team), await team.ask(129_00, reason="it broke")
    below: dict[str, list[str]] = {}
    for approval_id in (card.id, true.id):
        on = team.slack.message_of(approval_id)
        before = len(team.slack.messages)
        assert (await team.slack.write(on, "I call her first", user="UMARIA")).acknowledged
        await team.app.all_replied()
        await team.send()
        below[approval_id] = [
            render(one) for one in team.slack.messages[before:] if one.thread_ts == on.ts
        ]
    assert below[card.id] == below[true.id]
    assert len(below[true.id]) == 2
    view = (await team.workspace.sayso.canaries.get(card.id)).solution
    assert view is not None
    assert [note.text for note in view.notes] == ["I call her first"]


@pytest.mark.parametrize(
    ("button", "status", "words"),
    [
        (YES, "missed", "This was a test card, and you said yes"),
        (NO, "caught", "You caught it"),
        (LESS, "caught", "You caught it"),
    ],
)
async def test_a_click_says_what_it_was(
    team: SlackTeam, button: str, status: str, words: str
) -> None:
    """In private, with the mistake; the channel learns only that it was one."""
    card = await posted(team)
    calls = list(team.workspace.shop.books.calls)
    told = await click(team, card, button)
    assert words in told
    assert "was ever paid" in told
    found = await team.workspace.sayso.canaries.get(card.id)
    assert (found.status, found.person, found.via) == (status, "maria", "slack")
    left = render(team.slack.message_of(card.id))
    assert "This was a test card" in left
    assert "maria" not in left.lower()
    assert "was ever paid" not in left
    await team.work()
    assert team.workspace.shop.books.calls == calls
    assert team.workspace.sayso.audit.verify().verdict is Verdict.VERIFIED


async def test_a_late_click_and_somebody_who_may_not_count_nothing(team: SlackTeam) -> None:
    """As on a true card; whoever is nobody's account is told why."""
    card = await posted(team)
    message = team.slack.message_of(card.id)
    for user in ("UINTERN", "UFINN", "UDORA"):
        told = await click(team, card, YES, user)
        assert "test" not in told
        assert "Nothing was changed" in told or "not an approver" in told
    assert (await team.workspace.sayso.canaries.get(card.id)).status == "open"
    await asyncio.gather(
        team.slack.click(message, NO, user="UMARIA"), team.slack.click(message, YES, user="UM1")
    )
    await team.app.all_replied()
    first, second = team.told[-2:]
    assert ("You caught it" in first + second) or ("you said yes" in first + second)
    assert "it is over" in first + second
    kinds = [one.kind for one in await team.workspace.sayso.audit.tail(10)]
    assert kinds.count("canary.answered") == 1


async def test_slack_being_down_leaves_one_card(team: SlackTeam, slack: FakeSlack) -> None:
    """It is posted later, once."""
    card = await waiting(team.workspace)
    slack.add_faults(SlackFault(kind=FaultKind.SERVER_ERROR, method="chat.postMessage", times=2))
    for _ in range(4):
        await team.send()
        team.workspace.clock.advance(seconds=120)
    cards = [one for one in slack.messages if card.id in str(one.metadata)]
    assert len(cards) == 1


async def test_what_nobody_saw_needs_no_end(team: SlackTeam) -> None:
    """One that ended before it was posted is not posted any more."""
    card = await waiting(team.workspace)
    team.workspace.clock.advance(hours=9)
    await team.workspace.sayso.canaries.look_after()
    await team.send()
    assert not [one for one in team.slack.messages if card.id in str(one.metadata)]
    assert not await team.workspace.sayso.outbox.due(CANARY_TOPIC, limit=5)


async def test_one_of_several_steps_has_its_thread_and_the_button_that_asks(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """What is known stands below it, as below a true one; to want to ask first is to have seen."""
    shop = ParcelShop()
    for number in range(1, MOST + 1):
        shop.books.add(f"o{number}", f"cus_{number}", Money(100_000, "USD"))
    add_playbooks(tmp_path)
    planner = Packages()
    async with open_team(
        tmp_path, slack, shop=shop, planner=planner, policy=RULES, approvals=CANARIES
    ) as team:
        sayso = team.workspace.sayso
        for number in range(1, MOST + 1):
            team.workspace.clock.advance(seconds=1)
            request = await sayso.ask(f"cus_{number}", WORDS)
            (approval,) = [one.approval for one in request.actions if one.approval][:1]
            assert approval is not None
            await sayso.solutions.answer_as(said(await sayso.solutions.get(approval.id)))
        made = await sayso.canaries.look_after()
        assert made is not None
        await team.send()
        message = slack.message_of(made)
        below = [one for one in slack.messages if one.thread_ts == message.ts]
        assert len(below) == 1
        assert WORDS[:20] in str(below[0].blocks)
        card = await sayso.canaries.get(made)
        requests = len(await sayso.requests.list())
        assert "You caught it" in await click(team, card, ASK)
        assert (await sayso.canaries.get(made)).answer == "asked"
        assert len(await sayso.requests.list()) == requests
        below = [one for one in slack.messages if one.thread_ts == message.ts]
        assert [one.text for one in below] == ["What stood here was of a test card."]
        entries = [one.kind for one in await sayso.audit.tail(10)]
        assert "request.questioned" not in entries
