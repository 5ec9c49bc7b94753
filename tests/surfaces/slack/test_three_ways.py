"""However many surfaces are used at once: one decision, and everybody is told whose."""

from __future__ import annotations

import pytest
from surfaces.console.served_console import needs_chromium
from surfaces.slack import three_processes
from surfaces.slack.three_ways import SOON_S, play


@pytest.mark.promise("console:races")
@needs_chromium
async def test_two_in_the_console_and_one_in_slack_make_one_decision() -> None:
    """Ten rounds, each told within a second; `python -m surfaces.slack.three_ways 200` is more."""
    played = await play(10)
    assert len(played) == 10
    assert sorted(one.told_s for one in played)[5] < SOON_S


@pytest.mark.promise("approvals:once")
async def test_fifty_clicks_over_three_processes_make_one_decision() -> None:
    """All are told whose; `python -m surfaces.slack.three_processes 1000` plays more than three."""
    assert await three_processes.play(3) == 150
