"""What a decision says, refused or taken, is true of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.steps import ASKED, MAIN, assert_verified, decide, propose, say, shown, stock, usd
from support.shop_workspace import open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.controls.kill_switch import Resumption
from sayso.errors import RefusedError


@pytest.mark.promise("approvals:less")
@pytest.mark.parametrize(
    ("minor", "message"),
    [
        (-500, "-$5.00 is not above zero"),
        (0, "$0.00 is not above zero"),
        (ASKED, "is not less than"),
        (ASKED + 1, "is not less than"),
    ],
)
async def test_an_amount_is_refused_for_what_is_wrong_with_it(
    tmp_path: Path, minor: int, message: str
) -> None:
    """Zero is less than anything, and still nothing to refund."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        card = await shown(workspace, await propose(workspace))
        with pytest.raises(RefusedError) as refused:
            await decide(
                workspace, say(card, choice=DecisionChoice.EDIT, args={"amount": usd(minor)})
            )
        assert message in refused.value.message
        assert "above zero and below" in refused.value.next_step


@pytest.mark.promise("approvals:bound")
@pytest.mark.parametrize("revision", [0, 2, -1])
async def test_a_revision_that_there_never_was_is_not_out_of_date(
    tmp_path: Path, revision: int
) -> None:
    """A number from nowhere is a mistake of the caller's, and nothing has changed."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        card = await shown(workspace, await propose(workspace))
        with pytest.raises(RefusedError) as refused:
            await decide(workspace, say(card, revision=revision))
        assert refused.value.message == f"there is no revision {revision}; 1 is the newest"


@pytest.mark.promise("approvals:less")
async def test_the_card_of_an_edit_that_needs_nobody_shows_what_is_done(tmp_path: Path) -> None:
    """Whoever looks reads the amount that was approved, and whom it was asked of, as it was."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        asked = await shown(workspace, await propose(workspace))
        less = say(asked, choice=DecisionChoice.EDIT, args={"amount": usd(4000)})
        decided = await workspace.sayso.approvals.decide_as(less, wait=False)
        told = decided.approval.card
        assert told.title == "Refund $40.00 of order o1"
        assert told.to_json()["amount"] == usd(4000)
        now = await workspace.sayso.approvals.get(asked.id)
        assert now.card == told.to_json()
        assert now.card["on_yes"].startswith("Refund $40.00 of order o1; ")
        for kept in ("why", "rules", "roles", "deadline", "quote", "customer"):
            assert now.card[kept] == asked.card[kept]
        assert (now.roles, now.expires_at) == (asked.roles, asked.expires_at)
        assert_verified(workspace)


@pytest.mark.promise("stop:two-people")
async def test_a_card_under_a_stop_says_that_a_yes_starts_nothing(tmp_path: Path) -> None:
    """It says so while the stop stands, and then that it starts; both come true."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace, "o1", "o2")
        stop = await workspace.sayso.stops.engage("action", "shop.refund", reason="look")
        view = await propose(workspace)
        card = await shown(workspace, view)
        said = (await workspace.sayso.solutions.get(card.id)).lead.on_yes
        assert said == "stopped (action shop.refund): it waits until two people let it go on."
        await decide(workspace, say(card))
        assert (await workspace.sayso.actions.get(view.id)).status == "approved"
        for person in ("maria", "finn"):
            words = Resumption(
                tenant=MAIN,
                stop_id=stop.id,
                person=person,
                via="test",
                credential="host",
                key=person,
            )
            await workspace.sayso.stops.resume_as(words)
        card = await shown(workspace, other := await propose(workspace, order="o2"))
        assert (await workspace.sayso.solutions.get(card.id)).lead.on_yes == "it starts at once."
        await decide(workspace, say(card))
        assert (await workspace.sayso.actions.get(other.id)).status == "succeeded"
