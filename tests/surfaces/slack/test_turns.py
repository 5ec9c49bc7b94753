"""Whose card is posted next: a flood of one token or of one customer waits behind itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.ticks import Ticks
from surfaces.slack.slack_team import LONG_S, SlackTeam, open_team

from sayso.audit.entry import Actor, ActorKind
from sayso.money import Money
from sayso.surfaces.slack.pace import NotifierPace
from sayso.testing.slack import FakeSlack


@pytest.fixture
async def slow(tmp_path: Path, slack: FakeSlack) -> AsyncIterator[SlackTeam]:
    """A team at Slack's real pace, on a clock that is moved instead of waited for."""

    def make(ticks: Ticks) -> NotifierPace:
        return NotifierPace(timeout_s=LONG_S, monotonic=ticks, sleep=ticks.sleep)

    async with open_team(tmp_path, slack, make=make) as opened:
        yield opened


async def flood(team: SlackTeam, *, customers: int, cards: int, by: str) -> None:
    """So many cards of so many customers, asked for by one token; nothing is sent yet."""
    for number in range(cards):
        order, customer = f"junk{number}", f"cus_junk{number % customers}"
        team.workspace.shop.books.add(order, customer, Money(60_00, "USD"))
        await team.workspace.sayso.propose(
            "shop.refund",
            {"order": order},
            subject=customer,
            requester=Actor(kind=ActorKind.SERVICE, id=by),
        )


@pytest.mark.promise("slack:pace")
@pytest.mark.parametrize(
    ("customers", "cards", "by"), [(60, 60, "stolen"), (1, 15, "sdk")], ids=["token", "customer"]
)
async def test_a_flood_of_cards_delays_nobody_elses_by_more_than_its_turn(
    slow: SlackTeam, customers: int, cards: int, by: str
) -> None:
    """One token's, or one customer's, junk goes behind others: a second, at Slack's."""
    team = slow
    await flood(team, customers=customers, cards=cards, by=by)
    notifier = team.app.notifier
    for _ in range(3):  # some have been posted when the real one comes
        team.ticks.now += 1
        await notifier.step()
    assert len(team.slack.messages) == 3
    real = await team.ask_quietly()
    began = team.ticks.now
    while not any(real.id in str(message.metadata) for message in team.slack.messages):
        wait_s = await notifier.step()
        assert wait_s is not None
        team.ticks.now += wait_s
        assert team.ticks.now - began < 10
    assert len(team.slack.messages) == 4, "the next after those that were posted already"
    assert team.ticks.now - began <= 2
    await team.send()
    assert len(team.slack.messages) == cards + 1, "the others come, too"
