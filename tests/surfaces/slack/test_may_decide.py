"""Forms open for whoever may decide, and the floor below says who that is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from surfaces.slack.slack_team import APPROVE, LOWER, PEOPLE, REJECT, SlackTeam, less, open_team

from sayso.audit.entry import Actor, ActorKind
from sayso.money import Money
from sayso.sdk.views.rows import ApprovalView
from sayso.testing.slack import FakeSlack, render

TIMERS = {
    "roles": ["support_manager", "finance", "director"],
    "escalate_after_minutes": 120,
    "escalate_to": "director",
}
DORA: dict[str, object] = {"id": "dora", "roles": ["director"], "slack": "T1/UDORA"}


@pytest.fixture
async def timed(tmp_path: Path, slack: FakeSlack) -> AsyncIterator[SlackTeam]:
    """A team whose approvals are escalated to the directors after two hours."""
    people = [*PEOPLE, DORA]
    async with open_team(tmp_path, slack, approvals=TIMERS, people=people) as opened:
        yield opened


async def escalated(team: SlackTeam) -> ApprovalView:
    """An approval for which the support managers have had their time."""
    approval = await team.ask()
    team.workspace.clock.advance(minutes=121)
    await team.work()
    return approval


@pytest.mark.promise("approvals:escalated")
async def test_whom_it_was_escalated_to_says_no_by_the_form(timed: SlackTeam) -> None:
    """They may say whatever those who were asked may say: not only yes."""
    approval = await escalated(timed)
    await timed.click(approval, REJECT, user="UDORA")
    assert timed.told == []
    delivery = await timed.slack.submit_view(timed.slack.views[0], {"code": "other"})
    assert delivery.acknowledged
    now = await timed.approval(approval)
    assert (now.status, [vote.person for vote in now.votes]) == ("rejected", ["dora"])


@pytest.mark.promise("approvals:escalated")
async def test_whom_it_was_escalated_to_lowers_the_amount_by_the_form(timed: SlackTeam) -> None:
    """The same for less; and what they said is what is paid."""
    approval = await escalated(timed)
    await timed.click(approval, LOWER, user="UDORA")
    assert timed.told == []
    delivery = await timed.slack.submit_view(
        timed.slack.views[0], less(timed.slack.views[0], "60.00")
    )
    assert delivery.acknowledged
    assert (await timed.approval(approval)).status == "approved"
    await timed.work()
    assert timed.workspace.shop.books.paid_out_minor == 60_00


@pytest.mark.promise("approvals:escalated")
async def test_the_card_says_from_whom_to_whom_it_was_escalated_and_when(timed: SlackTeam) -> None:
    """Else nobody to whom it was escalated knows that the card in the channel is theirs."""
    approval = await timed.ask()
    assert "Escalated" not in render(timed.card(approval))
    timed.workspace.clock.advance(minutes=121)
    await timed.work()
    now = await timed.approval(approval)
    assert now.escalated is not None
    at = f"{now.escalated.at[:10]} {now.escalated.at[11:16]} UTC"
    said = f"Escalated from support manager to director, {at}"
    assert f"{said}: they may decide it, too." in render(timed.card(approval))
    await timed.click(approval, user="UDORA")
    await timed.work()
    assert f"{said}." in render(timed.card(approval))


@pytest.mark.promise("approvals:escalated")
@pytest.mark.promise("refusals:recorded")
@pytest.mark.parametrize("action", [APPROVE, REJECT, LOWER])
async def test_before_it_is_escalated_no_button_is_theirs(timed: SlackTeam, action: str) -> None:
    """Whatever the button, the answer is the floor's own, and it is recorded under their name."""
    approval = await timed.ask()
    await timed.click(approval, action, user="UDORA")
    assert "You may not decide this: you are not an approver for this" in timed.told[-1]
    assert "it needs support manager" in timed.told[-1]
    assert timed.slack.views == []
    assert await timed.refusals(approval) == [("person:dora", "not_an_approver")]


@pytest.mark.promise("approvals:not-own")
@pytest.mark.parametrize("action", [REJECT, LOWER])
async def test_no_form_opens_about_the_own_request(team: SlackTeam, action: str) -> None:
    """Said before somebody has filled it in, not after."""
    team.workspace.shop.books.add("mine", "cus_mine", Money(129_00, "USD"))
    asked = await team.workspace.sayso.propose(
        "shop.refund",
        {"order": "mine"},
        subject="cus_mine",
        requester=Actor(kind=ActorKind.PERSON, id="maria"),
    )
    assert asked.approval is not None
    await team.send()
    await team.click(asked.approval, action)
    assert "you asked for this yourself" in team.told[-1]
    assert team.slack.views == []
    assert await team.refusals(asked.approval) == [("person:maria", "own_request")]


@pytest.mark.promise("approvals:once")
@pytest.mark.parametrize("action", [APPROVE, REJECT, LOWER])
async def test_who_said_yes_is_not_named_for_the_expiry(team: SlackTeam, action: str) -> None:
    """A yes of two that were needed did not decide it; silence did, and no button says else."""
    approval = await team.ask(900_00)
    card = team.card(approval)
    await team.click(approval, user="UMARIA")
    value = card.buttons[action]
    team.workspace.clock.advance(hours=9)
    await team.workspace.sayso.container.dispatcher.drain()
    await team.slack.click(card, action, user="UFINN", value=value)
    await team.app.all_replied()
    assert "Too late: the time to decide this is over, which counts as no." in team.told[-1]
    assert "maria" not in team.told[-1]


@pytest.mark.promise("refusals:recorded")
async def test_a_form_for_less_that_comes_too_late_is_recorded(team: SlackTeam) -> None:
    """Invariant 7: the refusal of a form counts like that of a click."""
    approval = await team.ask()
    await team.click(approval, LOWER, user="UM1")
    await team.click(approval, APPROVE, user="UM2")
    await team.slack.submit_view(team.slack.views[0], less(team.slack.views[0], "60.00"))
    assert await team.refusals(approval) == [("person:m1", "already_decided")]
