"""Whose click counts: accounts linked in sayso.toml, checked with Slack at each click."""

from __future__ import annotations

import pytest
from surfaces.slack.slack_team import APPROVE, LOWER, REJECT, SlackTeam, less

from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, ConfigError
from sayso.money import Money
from sayso.settings import parse_settings
from sayso.testing.slack import FaultKind, SlackFault


@pytest.mark.promise("refusals:recorded")
@pytest.mark.promise("slack:linked")
async def test_an_unlinked_account_is_refused_and_recorded(team: SlackTeam) -> None:
    """A member of the channel whom sayso.toml does not name decides nothing, by no button."""
    team.slack.add_user("USTRANGE", email="maria@example.com")
    approval = await team.ask()
    for action in (APPROVE, REJECT, LOWER):
        delivery = await team.click(approval, action, user="USTRANGE")
        assert delivery.acknowledged
        assert "not linked to an approver" in team.told[-1]

    assert team.slack.views == []
    assert (await team.approval(approval)).status == "pending"
    who = ("person:slack:T1/USTRANGE", "not_an_approver")
    assert await team.refusals(approval) == [who] * 3


@pytest.mark.promise("slack:linked")
async def test_the_same_user_id_in_another_workspace_is_somebody_else(team: SlackTeam) -> None:
    """The key is workspace and user together."""
    approval = await team.ask()
    delivery = await team.slack.click(team.card(approval), APPROVE, user="UMARIA", team="T2")
    await team.app.all_replied()

    assert delivery.acknowledged
    assert "not linked" in team.told[-1]
    assert (await team.approval(approval)).status == "pending"


@pytest.mark.promise("refusals:recorded")
async def test_what_an_unlinked_account_wanted_is_recorded(team: SlackTeam) -> None:
    """Invariant 7: a refused button and a refused form each stand as what they would have said."""
    team.slack.add_user("USTRANGE")
    approval = await team.ask()
    for action in (APPROVE, REJECT, LOWER):
        await team.click(approval, action, user="USTRANGE")
    for action in (REJECT, LOWER):
        await team.click(approval, action)
        form = team.slack.views[-1]
        values = {"code": "other"} if action == REJECT else less(form, "80.50")
        await team.slack.submit_view(form, values, user="USTRANGE")

    assert (await team.approval(approval)).status == "pending"
    wanted = [
        entry.body["data"]["decision"]
        for entry in await team.workspace.sayso.audit.tail(50)
        if entry.kind == "approval.refused" and entry.body["approval"] == approval.id
    ]
    assert wanted[::-1] == ["approve", "reject", "edit", "reject", "edit"]


async def test_a_button_that_is_not_ours_is_no_decision(team: SlackTeam) -> None:
    """Nobody wanted anything by it, linked or not, so nothing stands in the log as wanted."""
    team.slack.add_user("USTRANGE")
    approval = await team.ask()
    card = team.card(approval)
    for user in ("UMARIA", "USTRANGE"):
        await team.slack.click(card, "sayso.another", user=user, value=card.buttons[APPROVE])
        await team.app.all_replied()
        assert "not one of ours" in team.told[-1]
    assert (await team.approval(approval)).status == "pending"
    assert await team.refusals(approval) == []


@pytest.mark.promise("slack:guests")
async def test_guests_bots_and_strangers_decide_nothing(team: SlackTeam) -> None:
    """Each flag refuses a linked person with the right role, and is recorded."""
    approval = await team.ask()
    flags: tuple[dict[str, str | bool], ...] = (
        {"is_restricted": True},
        {"is_ultra_restricted": True},
        {"is_stranger": True},
        {"is_bot": True},
        {"deleted": True},
        {"team": "T2"},
    )
    for changed in flags:
        team.slack.add_user("UMARIA", **changed)
        team.ticks.now += 301
        delivery = await team.click(approval)
        assert delivery.acknowledged
        assert team.told[-1].startswith("You may not decide this: "), changed

    assert (await team.approval(approval)).status == "pending"
    who = ("person:slack:T1/UMARIA", "not_an_approver")
    assert await team.refusals(approval) == [who] * len(flags)


@pytest.mark.promise("approvals:role")
async def test_roles_activity_and_requesters_are_checked(team: SlackTeam) -> None:
    """An inactive person, one without the role, and a wrong role decide nothing."""
    approval = await team.ask(129_00)
    for user in ("UGONE", "UINTERN", "UFINN"):
        for action in (APPROVE, REJECT):
            await team.click(approval, action, user=user)
            assert team.told[-1].startswith("You may not decide this")
    assert team.slack.views == []
    assert (await team.approval(approval)).status == "pending"


async def test_nobody_decides_about_their_own_request(team: SlackTeam) -> None:
    """Who asked for it clicks in vain, however right their role is."""
    team.workspace.shop.books.add("mine", "cus_mine", Money(129_00, "USD"))
    action = await team.workspace.sayso.propose(
        "shop.refund",
        {"order": "mine"},
        subject="cus_mine",
        requester=Actor(kind=ActorKind.PERSON, id="maria"),
    )
    assert action.approval is not None
    await team.send()
    await team.click(action.approval)

    assert "you asked for this yourself" in team.told[-1]
    assert await team.refusals(action.approval) == [("person:maria", "own_request")]
    await team.click(action.approval, user="UM1")
    assert "Your yes counts" in team.told[-1]


@pytest.mark.promise("slack:left")
async def test_a_deactivated_account_is_refused_after_five_minutes(team: SlackTeam) -> None:
    """What Slack said of an account is used for five minutes, and then asked anew."""
    approval = await team.ask(900_00)
    await team.click(approval)
    assert "Your yes is recorded" in team.told[-1]
    team.slack.add_user("UMARIA", deleted=True)
    await team.click(approval)
    assert "you have said yes" in team.told[-1]
    assert len(team.slack.calls("users.info")) == 1

    team.ticks.now += 301
    await team.click(approval)

    assert "deactivated" in team.told[-1]


@pytest.mark.promise("slack:fail-closed")
async def test_nobody_decides_while_slack_does_not_say_who_it_is(team: SlackTeam) -> None:
    """Without an answer about the account the click visibly fails."""
    approval = await team.ask()
    team.slack.add_faults(SlackFault(kind=FaultKind.SERVER_ERROR, method="users.info"))
    delivery = await team.click(approval)

    assert delivery.status == 503
    assert (await team.approval(approval)).status == "pending"
    await team.click(approval)
    assert (await team.approval(approval)).status == "approved"


async def test_the_enterprise_is_the_key_on_enterprise_grid(team: SlackTeam) -> None:
    """An id of the enterprise is used where there is one, and must be our enterprise."""
    team.slack.add_user("UGRID", enterprise="E1")
    approval = await team.ask()
    await team.slack.click(team.card(approval), APPROVE, user="UGRID", enterprise="E1")
    await team.app.all_replied()

    assert "another workspace" in team.told[-1]
    assert (await team.approval(approval)).status == "pending"


@pytest.mark.promise("approvals:people")
def test_one_account_is_one_person() -> None:
    """Settings in which two people share a Slack account are refused."""
    people = [{"id": "a", "slack": "T1/U1"}, {"id": "b", "slack": "T1/U1"}]
    with pytest.raises(ConfigError) as caught:
        parse_settings({"people": people}, "sayso.toml")
    assert caught.value.code is Code.INVALID_SETTING


@pytest.mark.promise("slack:fail-closed")
async def test_nobody_listed_is_nobody(team: SlackTeam) -> None:
    """An approval whose roles nobody has cannot be decided by anybody in the channel."""
    approval = await team.ask(129_00)
    for user in ("UINTERN", "UFINN", "UGONE"):
        await team.click(approval, user=user)
    team.workspace.clock.advance(hours=9)
    await team.work()
    assert (await team.approval(approval)).status == "expired"
    assert team.workspace.shop.books.payouts == []
