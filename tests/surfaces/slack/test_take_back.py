"""A yes that waits is taken back by a click, under the rules of any click."""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.steps import assert_verified
from surfaces.slack.slack_team import open_team

from sayso.surfaces.slack.card import BACK, YES
from sayso.testing.clock import FakeClock
from sayso.testing.slack import FakeSlack, render


@pytest.mark.promise("slack:take-back")
async def test_a_held_yes_is_taken_back_by_whoever_could_say_it(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """Not by others, not by a card of before, and not once it has started."""
    clock = FakeClock()
    async with open_team(tmp_path, slack, approvals={"hold": "30s"}, clock=clock) as team:
        approval = await team.ask()
        assert BACK not in team.card(approval).buttons
        await team.click(approval, YES)
        await team.send()
        held = team.card(approval)
        assert "; until then the yes can be taken back." in render(held)
        assert render(held).count("[Take back]") == 1
        for user, why in (("UINTERN", "not an approver"), ("UNOBODY", "is not linked")):
            slack.add_user(user)
            await team.click(approval, BACK, user=user)
            assert team.told[-1].startswith("You may not decide this: ")
            assert why in team.told[-1]
        assert (await team.approval(approval)).status == "approved"

        old = held.buttons[BACK]
        await team.click(approval, BACK, user="UM1")
        assert team.told[-1] == "Taken back: nothing moved. The card asks again."
        await team.work()
        assert "[Yes, $129.00]" in render(team.card(approval))
        clock.advance(seconds=40)
        await team.work()
        assert team.workspace.shop.books.paid_out_minor == 0

        await team.click(approval, YES)
        await team.send()
        await slack.click(team.card(approval), BACK, user="UMARIA", value=old)
        await team.app.all_replied()
        assert team.told[-1].startswith("It has changed: this is not the yes that you saw")
        last = team.card(approval).buttons[BACK]
        clock.advance(seconds=40)
        await team.work()
        assert BACK not in team.card(approval).buttons
        await slack.click(team.card(approval), BACK, user="UMARIA", value=last)
        await team.app.all_replied()
        assert "Nothing was changed by your click." in team.told[-1]
        assert team.workspace.shop.books.paid_out_minor == 129_00
        assert_verified(team.workspace)
