"""However many surfaces are used at once: one decision, and everybody is told whose."""

from __future__ import annotations

import pytest
from surfaces.console.served_console import needs_chromium
from surfaces.slack import three_processes
from surfaces.slack.three_ways import play


@pytest.mark.promise("console:races")
@needs_chromium
async def test_two_in_the_console_and_one_in_slack_make_one_decision() -> None:
    """`python -m surfaces.slack.three_ways 200` plays more, and prints how soon all are told."""
    assert len(await play(6)) == 6


@pytest.mark.promise("approvals:once")
async def test_fifty_clicks_over_three_processes_make_one_decision() -> None:
    """All are told whose; `python -m surfaces.slack.three_processes 1000` plays more than three."""
    assert await three_processes.play(3) == 150
