"""Fixtures: a fake Slack, and a team with the Slack app before it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from surfaces.slack.slack_team import LONG_S, SlackTeam, open_team

from sayso.testing.slack import FakeSlack


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    """A fake Slack with our team and our channel."""
    with FakeSlack.start(patience_s=LONG_S) as running:
        yield running


@pytest.fixture
async def team(tmp_path: Path, slack: FakeSlack) -> AsyncIterator[SlackTeam]:
    """An open shop whose cards go to the fake Slack."""
    async with open_team(tmp_path, slack) as opened:
        yield opened
