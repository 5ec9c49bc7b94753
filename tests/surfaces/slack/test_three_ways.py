"""However many surfaces are used at once: one decision, and everybody is told whose."""

from __future__ import annotations

import pytest
from surfaces.slack.three_ways import play


@pytest.mark.promise("console:races")
async def test_two_in_the_console_and_one_in_slack_make_one_decision() -> None:
    """Ten rounds; `python -m surfaces.slack.three_ways 200` plays more."""
    won = await play(10)
    assert sum(won.values()) == 10
