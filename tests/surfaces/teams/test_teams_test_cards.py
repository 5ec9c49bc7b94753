"""Test cards in Teams: shown as a true one is, and told apart only by the answer to a click."""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.steps import assert_verified
from joserfc.jwk import RSAKey
from support.canaries import CANARIES, waiting
from surfaces.teams.teams_team import open_team


@pytest.mark.promise("canaries:shown")
async def test_a_test_card_says_what_it_was_to_whoever_clicked(tmp_path: Path, key: RSAKey) -> None:
    """Nothing is done by it; afterwards the channel says only that it was one."""
    async with open_team(tmp_path, key, approvals=CANARIES) as team:
        card = await waiting(team.workspace)
        await team.send()
        message = team.teams.message_of(card.id)
        assert set(message.verbs) >= {"yes", "no"}
        assert "test" not in message.text.lower()
        data = message.verbs["yes"]["data"]
        shown = await team.teams.click(message, "show", user="maria", data=data)
        assert shown.is_card
        assert set(team.teams.message_of(card.id).verbs) >= {"yes", "no"}
        assert "choose a reason" in (await team.teams.click(message, "no", user="maria")).said
        no = {"code": "other"}
        answer = await team.teams.click(message, "no", user="maria", inputs=no)
        assert answer.said.startswith("You caught it: this was a test card.")
        await team.send()
        assert not message.verbs
        assert "This was a test card" in message.text
        assert "caught" not in message.text
        assert_verified(team.workspace)
