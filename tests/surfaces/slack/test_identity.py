"""Whose click counts: accounts linked in sayso.toml, checked with Slack at each click."""

from __future__ import annotations

import pytest
from surfaces.slack.rig import APPROVE, LOWER, REJECT, Rig

from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, ConfigError
from sayso.money import Money
from sayso.settings import parse_settings
from sayso.testing.slack import FaultKind, SlackFault


@pytest.mark.promise("refusals:recorded")
@pytest.mark.promise("slack:linked")
async def test_an_unlinked_account_is_refused_and_recorded(rig: Rig) -> None:
    """SL-8: a member of the channel whom sayso.toml does not name decides nothing, by no button."""
    rig.slack.add_user("USTRANGE", email="maria@example.com")
    approval = await rig.ask()
    for action in (APPROVE, REJECT, LOWER):
        delivery = await rig.click(approval, action, user="USTRANGE")
        assert delivery.acknowledged
        assert "not linked to an approver" in rig.told[-1]

    assert rig.slack.views == []
    assert (await rig.approval(approval)).status == "pending"
    who = ("person:slack:T1/USTRANGE", "not_an_approver")
    assert await rig.refusals(approval) == [who] * 3


@pytest.mark.promise("slack:linked")
async def test_the_same_user_id_in_another_workspace_is_somebody_else(rig: Rig) -> None:
    """SL-8: the key is workspace and user together."""
    approval = await rig.ask()
    delivery = await rig.slack.click(rig.card(approval), APPROVE, user="UMARIA", team="T2")
    await rig.app.told()

    assert delivery.acknowledged
    assert "not linked" in rig.told[-1]
    assert (await rig.approval(approval)).status == "pending"


@pytest.mark.promise("refusals:recorded")
async def test_what_an_unlinked_account_wanted_is_recorded(rig: Rig) -> None:
    """Invariant 7: a refused button and a refused form each stand as what they would have said."""
    rig.slack.add_user("USTRANGE")
    approval = await rig.ask()
    for action in (APPROVE, REJECT, LOWER):
        await rig.click(approval, action, user="USTRANGE")
    for action, values in ((REJECT, {"code": "other"}), (LOWER, {"amount": "80.50"})):
        await rig.click(approval, action)
        await rig.slack.submit_view(rig.slack.views[-1], values, user="USTRANGE")

    assert (await rig.approval(approval)).status == "pending"
    wanted = [
        entry.body["data"]["decision"]
        for entry in await rig.workspace.sayso.audit.tail(50)
        if entry.kind == "approval.refused" and entry.body["approval"] == approval.id
    ]
    assert wanted[::-1] == ["approve", "reject", "edit", "reject", "edit"]


async def test_a_button_that_is_not_ours_is_no_decision(rig: Rig) -> None:
    """Nobody wanted anything by it, linked or not, so nothing stands in the log as wanted."""
    rig.slack.add_user("USTRANGE")
    approval = await rig.ask()
    card = rig.card(approval)
    for user in ("UMARIA", "USTRANGE"):
        await rig.slack.click(card, "sayso.another", user=user, value=card.buttons[APPROVE])
        await rig.app.told()
        assert "not one of ours" in rig.told[-1]
    assert (await rig.approval(approval)).status == "pending"
    assert await rig.refusals(approval) == []


@pytest.mark.promise("slack:guests")
async def test_guests_bots_and_strangers_decide_nothing(rig: Rig) -> None:
    """SL-9: each flag refuses a linked person with the right role, and is recorded."""
    approval = await rig.ask()
    flags: tuple[dict[str, str | bool], ...] = (
        {"is_restricted": True},
        {"is_ultra_restricted": True},
        {"is_stranger": True},
        {"is_bot": True},
        {"deleted": True},
        {"team": "T2"},
    )
    for changed in flags:
        rig.slack.add_user("UMARIA", **changed)
        rig.ticks.now += 301
        delivery = await rig.click(approval)
        assert delivery.acknowledged
        assert rig.told[-1].startswith("You may not decide this: "), changed

    assert (await rig.approval(approval)).status == "pending"
    who = ("person:slack:T1/UMARIA", "not_an_approver")
    assert await rig.refusals(approval) == [who] * len(flags)


@pytest.mark.promise("approvals:role")
async def test_roles_activity_and_requesters_are_checked(rig: Rig) -> None:
    """SL-9: an inactive person, one without the role, and a wrong role decide nothing."""
    approval = await rig.ask(129_00)
    for user in ("UGONE", "UINTERN", "UFINN"):
        for action in (APPROVE, REJECT):
            await rig.click(approval, action, user=user)
            assert rig.told[-1].startswith("You may not decide this")
    assert rig.slack.views == []
    assert (await rig.approval(approval)).status == "pending"


async def test_nobody_decides_about_their_own_request(rig: Rig) -> None:
    """SL-9: who asked for it clicks in vain, however right their role is."""
    rig.workspace.shop.books.add("mine", "cus_mine", Money(129_00, "USD"))
    action = await rig.workspace.sayso.propose(
        "shop.refund",
        {"order": "mine"},
        subject="cus_mine",
        requester=Actor(kind=ActorKind.PERSON, id="maria"),
    )
    assert action.approval is not None
    await rig.send()
    await rig.click(action.approval)

    assert "you asked for this yourself" in rig.told[-1]
    assert await rig.refusals(action.approval) == [("person:maria", "own_request")]
    await rig.click(action.approval, user="UM1")
    assert "Your yes counts" in rig.told[-1]


@pytest.mark.promise("slack:left")
async def test_a_deactivated_account_is_refused_after_five_minutes(rig: Rig) -> None:
    """SL-10: what Slack said of an account is used for five minutes, and then asked anew."""
    approval = await rig.ask(900_00)
    await rig.click(approval)
    assert "Your yes is recorded" in rig.told[-1]
    rig.slack.add_user("UMARIA", deleted=True)
    await rig.click(approval)
    assert "you have said yes" in rig.told[-1]
    assert len(rig.slack.calls("users.info")) == 1

    rig.ticks.now += 301
    await rig.click(approval)

    assert "deactivated" in rig.told[-1]


@pytest.mark.promise("slack:fail-closed")
async def test_nobody_decides_while_slack_does_not_say_who_it_is(rig: Rig) -> None:
    """SL-7, SL-9: without an answer about the account the click visibly fails."""
    approval = await rig.ask()
    rig.slack.add_faults(SlackFault(kind=FaultKind.SERVER_ERROR, method="users.info"))
    delivery = await rig.click(approval)

    assert delivery.status == 503
    assert (await rig.approval(approval)).status == "pending"
    await rig.click(approval)
    assert (await rig.approval(approval)).status == "approved"


async def test_the_enterprise_is_the_key_on_enterprise_grid(rig: Rig) -> None:
    """SL-8: an id of the enterprise is used where there is one, and must be our enterprise."""
    rig.slack.add_user("UGRID", enterprise="E1")
    approval = await rig.ask()
    await rig.slack.click(rig.card(approval), APPROVE, user="UGRID", enterprise="E1")
    await rig.app.told()

    assert "another workspace" in rig.told[-1]
    assert (await rig.approval(approval)).status == "pending"


@pytest.mark.promise("approvals:people")
def test_one_account_is_one_person() -> None:
    """SL-13: settings in which two people share a Slack account are refused."""
    people = [{"id": "a", "slack": "T1/U1"}, {"id": "b", "slack": "T1/U1"}]
    with pytest.raises(ConfigError) as caught:
        parse_settings({"people": people}, "sayso.toml")
    assert caught.value.code is Code.INVALID_SETTING


@pytest.mark.promise("slack:fail-closed")
async def test_nobody_listed_is_nobody(rig: Rig) -> None:
    """SL-7: an approval whose roles nobody has cannot be decided by anybody in the channel."""
    approval = await rig.ask(129_00)
    for user in ("UINTERN", "UFINN", "UGONE"):
        await rig.click(approval, user=user)
    rig.workspace.clock.advance(hours=9)
    await rig.work()
    assert (await rig.approval(approval)).status == "expired"
    assert rig.workspace.shop.books.payouts == []
