"""Decisions by clicks and forms: one each, committed before the answer, and told to everybody."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from surfaces.slack.slack_team import APPROVE, LOWER, REJECT, SlackTeam, less, open_team

from sayso.json import JsonObject
from sayso.testing.slack import FakeSlack, FaultKind, SlackFault, render


async def test_a_yes_is_done_once_and_the_card_tells_the_receipt(team: SlackTeam) -> None:
    """Yes, decided, done; the card shows decider and receipt, without buttons."""
    approval = await team.ask()
    card = team.card(approval)
    assert "[Yes, $129.00] [No…] [Less…]" in render(card)

    delivery = await team.click(approval)

    assert delivery.acknowledged
    assert (await team.approval(approval)).status == "approved"
    (told,) = team.told
    assert told.startswith("Your yes counts: Refund $129.00 of order o1. It is tried once, ")
    await team.work()
    assert team.workspace.shop.books.paid_out_minor == 129_00
    text = render(team.card(approval))
    assert text.startswith("Done: Refund $129.00 of order o1")
    assert "maria said yes." in text
    assert "pay_1" in text
    assert team.card(approval).buttons == {}


async def test_a_yes_under_a_stop_promises_nothing_that_the_stop_holds(team: SlackTeam) -> None:
    """Whoever stopped everything a moment ago is not told that it is tried now."""
    approval = await team.ask()
    await team.workspace.sayso.stops.engage("all", reason="INC-7")
    await team.click(approval)
    assert "as soon as nothing holds it, such as a stop" in team.told[-1]
    assert " now" not in team.told[-1]
    await team.work()
    assert render(team.card(approval)).startswith("Held: ")
    assert team.workspace.shop.books.payouts == []


@pytest.mark.promise("approvals:once")
async def test_fifty_clicks_by_ten_people_are_one_decision_and_all_are_told(
    team: SlackTeam,
) -> None:
    """Exactly one click decides; the other 49 are told who was first."""
    approval = await team.ask()
    card = team.card(approval)
    clicks = [team.slack.click(card, APPROVE, user=f"UM{number % 10}") for number in range(50)]

    deliveries = await asyncio.gather(*clicks)
    await team.app.all_replied()

    assert [delivery.status for delivery in deliveries] == [200] * 50
    assert len((await team.approval(approval)).votes) == 1
    counted = [text for text in team.told if text.startswith("Your yes counts")]
    late = [text for text in team.told if "already" in text and " by m" in text]
    assert (len(counted), len(late)) == (1, 49)
    await team.work()
    assert team.workspace.shop.books.paid_out_minor == 129_00


async def test_a_form_that_slack_opens_no_more_asks_for_another_click(team: SlackTeam) -> None:
    """A click that took too long is to be made again; Slack's own word helps nobody."""
    approval = await team.ask()
    team.slack.add_faults(
        SlackFault(kind=FaultKind.REFUSED, method="views.open", error="expired_trigger_id")
    )
    delivery = await team.click(approval, REJECT)
    assert not delivery.acknowledged
    assert team.told[-1].endswith("Please click again.")
    assert (await team.click(approval, REJECT)).acknowledged
    assert len(team.slack.views) == 1


@pytest.mark.promise("slack:by-id")
async def test_five_cards_decided_in_random_order_do_not_touch_each_other(team: SlackTeam) -> None:
    """A click decides the approval that it names, whatever else waits in the channel."""
    approvals = [await team.ask(100_00 + number) for number in range(5)]
    order = list(enumerate(approvals))
    random.Random(5).shuffle(order)
    wanted: dict[str, str] = {}
    for place, approval in order:
        if place % 2:
            await team.click(approval, REJECT)
            view = team.slack.views[-1]
            await team.slack.submit_view(view, {"code": "not_covered"})
            wanted[approval.id] = "rejected"
        else:
            await team.click(approval)
            wanted[approval.id] = "approved"
        for other in approvals:
            now = (await team.approval(other)).status
            assert now == wanted.get(other.id, "pending")


@pytest.mark.promise("approvals:reason")
async def test_a_no_needs_a_reason_code(team: SlackTeam) -> None:
    """The form cannot be sent without a code, and a client that does so is refused."""
    approval = await team.ask()
    await team.click(approval, REJECT)
    view = team.slack.views[0]
    assert "[No, nothing moves]" in render(view)
    with pytest.raises(LookupError):
        await team.slack.submit_view(view, {})

    forged: JsonObject = {
        "type": "view_submission",
        "user": {"id": "UMARIA", "team_id": "T1"},
        "team": {"id": "T1"},
        "view": {**view.view, "id": view.id, "state": {"values": {}}},
    }
    answer = await team.slack.deliver(forged)

    assert answer.json == {"response_action": "errors", "errors": {"code": "choose a reason"}}
    assert (await team.approval(approval)).status == "pending"


@pytest.mark.promise("approvals:reason")
async def test_a_no_ends_it_and_its_code_reaches_the_action(team: SlackTeam) -> None:
    """The code stands at the action, for the planner; the text does not."""
    approval = await team.ask()
    await team.click(approval, REJECT)
    await team.slack.submit_view(
        team.slack.views[0], {"code": "duplicate", "reason": "paid on Monday"}
    )

    action = await team.action(approval)
    assert action.error is not None
    assert (action.status, action.error.code) == ("rejected", "duplicate")
    assert "paid on Monday" not in str(action.timeline)
    assert "Your no counts" in render(team.slack.views[0])
    await team.work()
    text = render(team.card(approval))
    assert text.startswith("Rejected by maria: ")
    assert "Reason: duplicate." in text
    assert team.workspace.shop.books.payouts == []


@pytest.mark.promise("approvals:less")
async def test_less_is_a_new_revision_with_the_editors_yes(team: SlackTeam) -> None:
    """Less is judged again, counts as the editor's yes, and the old card is dead."""
    approval = await team.ask(129_00)
    old = team.card(approval).buttons[APPROVE]
    await team.click(approval, LOWER)
    delivery = await team.slack.submit_view(team.slack.views[0], less(team.slack.views[0], "80.50"))

    assert delivery.acknowledged
    now = await team.approval(approval)
    assert (now.revision, now.status) == (approval.revision + 1, "approved")
    assert now.digest != approval.digest
    await team.work()
    assert team.workspace.shop.books.paid_out_minor == 80_50
    late = await team.slack.click(team.card(approval), APPROVE, user="UM1", value=old)
    assert late.acknowledged
    await team.app.all_replied()
    assert "Too late" in team.told[-1]


@pytest.mark.promise("approvals:bound")
async def test_a_card_of_an_earlier_version_still_decides(team: SlackTeam) -> None:
    """What stands in the channel since before an upgrade: yes, no and less as it says."""
    said, declined, lowered = [await team.ask() for _ in range(3)]
    for approval, button in (
        (said, "sayso.approve"),
        (declined, "sayso.reject"),
        (lowered, "sayso.lower"),
    ):
        value = f"{approval.id}.{approval.revision}.{approval.digest[:12]}"
        answer = await team.slack.click(team.card(approval), button, user="UMARIA", value=value)
        assert answer.acknowledged
    await team.slack.submit_view(team.slack.views[0], {"code": "other"})
    await team.slack.submit_view(team.slack.views[1], less(team.slack.views[1], "12.00"))

    assert [(await team.approval(one)).status for one in (said, declined, lowered)] == [
        *("approved", "rejected", "approved")
    ]
    await team.work()
    assert team.workspace.shop.books.paid_out_minor == 129_00 + 12_00


@pytest.mark.promise("approvals:less")
async def test_more_or_nonsense_is_an_error_at_the_field(team: SlackTeam) -> None:
    """Money only goes down; the problem stands at the field and nothing changes."""
    approval = await team.ask(129_00)
    await team.click(approval, LOWER)
    view = team.slack.views[0]
    odd = ("1.000", "1,000", "12,50", "\uff11\uff12", "12 USD", "1_0", "NaN")
    for amount in ("129.00", "500", "0", "-5", "12.345", "all", "", "1e2", *odd):
        view.errors = {}
        await team.slack.submit_view(view, less(view, amount))
        assert list(view.errors) == list(less(view, amount)), amount

    now = await team.approval(approval)
    assert (now.status, now.revision) == ("pending", approval.revision)


@pytest.mark.promise("approvals:people")
async def test_two_people_are_needed_and_one_counts_once(team: SlackTeam) -> None:
    """A second yes of the same person changes nothing; another person's does."""
    approval = await team.ask(900_00)
    await team.click(approval, user="UMARIA")
    assert "it still waits for somebody else" in team.told[-1]
    await team.send()
    assert "maria said yes already" in render(team.card(approval))
    await team.click(approval, user="UMARIA")
    assert "you have said yes to this already" in team.told[-1]
    assert (await team.approval(approval)).status == "pending"

    await team.click(approval, user="UFINN")

    assert (await team.approval(approval)).status == "approved"
    assert {vote.person for vote in (await team.approval(approval)).votes} == {"maria", "finn"}


@pytest.mark.promise("slack:told")
@pytest.mark.parametrize("restarted", [False, True])
async def test_every_click_is_answered_in_every_state(
    tmp_path: Path, slack: FakeSlack, restarted: bool
) -> None:
    """Done, decided, expired, changed: 0 silent paths, also after a restart."""
    async with open_team(tmp_path, slack) as team:
        cards = await _one_card_per_state(team)
        shop, clock = team.workspace.shop, team.workspace.clock
        if not restarted:
            await _click_them_all(team, cards)
    if restarted:
        async with open_team(tmp_path, slack, shop=shop, clock=clock) as again:
            await _click_them_all(again, cards)


async def _one_card_per_state(team: SlackTeam) -> dict[str, tuple[str, str]]:
    """By state: an approval's id and what its button carries."""
    cards: dict[str, tuple[str, str]] = {}
    for state in ("done", "pending", "approved", "rejected", "revised", "late", "expired"):
        approval = await team.ask(900_00 if state == "revised" else 129_00)
        cards[state] = (approval.id, team.card(approval).buttons[APPROVE])
        match state:
            case "done" | "approved":
                await team.click(approval, user="UM1")
            case "rejected":
                await team.click(approval, REJECT, user="UM1")
                await team.slack.submit_view(team.slack.views[-1], {"code": "other"})
            case "revised":
                await team.click(approval, LOWER, user="UM1")
                await team.slack.submit_view(
                    team.slack.views[-1], less(team.slack.views[-1], "800")
                )
            case _:
                pass
        if state == "done":
            await team.work()
    return cards


async def _click_them_all(team: SlackTeam, cards: dict[str, tuple[str, str]]) -> None:
    expected = {
        "done": "this is approved by m1 already",
        "pending": "Your yes counts",
        "approved": "this is approved by m1 already",
        "rejected": "this is rejected by m1 already",
        "revised": "It has changed",
        "late": "the time to decide this is over",
        "expired": "Too late: the time to decide this is over",
    }
    for state, (approval_id, value) in cards.items():
        if state == "late":
            team.workspace.clock.advance(hours=9)
        if state == "expired":
            await team.work()
        message = team.slack.message_of(approval_id)
        before = len(team.told)
        delivery = await team.slack.click(message, APPROVE, user="UMARIA", value=value)
        await team.app.all_replied()
        assert delivery.acknowledged
        assert len(team.told) == before + 1
        assert expected[state] in team.told[-1]


@pytest.mark.promise("slack:told")
async def test_a_form_that_is_sent_too_late_says_so_in_its_place(team: SlackTeam) -> None:
    """Somebody else decided while the form was open; the form tells it."""
    approval = await team.ask()
    await team.click(approval, REJECT, user="UM1")
    await team.click(approval, APPROVE, user="UM2")
    await team.slack.submit_view(team.slack.views[0], {"code": "other"})

    assert "this is approved by m2 already" in render(team.slack.views[0])
    assert (await team.approval(approval)).status == "approved"


FORGED = (
    "",
    "nonsense",
    "apr_00000000000000000000000000.1.0123456789ab",
    "{id}.2.{digest}",
    "{id}.1.000000000000",
    "{id}.1.{short}",
    "{id}.1.{digest}0",
    "{id}.01.{digest}",
    "{id}.-1.{digest}",
    "{id}.1.{digest}\n",
    "{id}' or 1=1.1.{digest}",
)


@pytest.mark.promise("approvals:bound")
async def test_a_forged_button_decides_nothing(team: SlackTeam) -> None:
    """Any part of the value that is not what waits is refused, and told."""
    approval = await team.ask()
    digest = approval.digest[:12]
    for value in FORGED:
        forged = value.format(id=approval.id, digest=digest, short=digest[:11])
        for action in (APPROVE, REJECT, LOWER):
            answer = await team.slack.click(
                team.card(approval), action, user="UMARIA", value=forged
            )
            assert answer.acknowledged
    await team.app.all_replied()
    assert len(team.told) == 3 * len(FORGED)
    assert team.slack.views == []
    assert (await team.approval(approval)).status == "pending"


@pytest.mark.promise("approvals:bound")
async def test_an_old_card_is_refused_and_shown_again(team: SlackTeam) -> None:
    """A click on revision 1 after revision 2 is refused, and the card is sent anew."""
    approval = await team.ask(900_00)
    old = team.card(approval).buttons[APPROVE]
    await team.click(approval, LOWER, user="UM1")
    await team.slack.submit_view(team.slack.views[0], less(team.slack.views[0], "800"))
    await team.send()
    updates = len(team.slack.calls("chat.update"))

    await team.slack.click(team.card(approval), APPROVE, user="UFINN", value=old)
    await team.app.all_replied()
    await team.send()

    assert "It has changed" in team.told[-1]
    assert len(team.slack.calls("chat.update")) == updates + 1
    assert (await team.approval(approval)).status == "pending"
    await team.click(approval, user="UFINN")
    assert (await team.approval(approval)).status == "approved"
