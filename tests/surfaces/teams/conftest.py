"""Fixtures: keys like the Bot Framework's, and a team with the app before it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from joserfc.jwk import RSAKey
from surfaces.teams.teams_team import LONG_S, TeamsTeam, open_team

from sayso.testing.slack import FakeSlack
from sayso.testing.teams.fake import make_key


@pytest.fixture(scope="session")
def key() -> RSAKey:
    """The key with which Teams signs; making one takes a while."""
    return make_key("k1")


@pytest.fixture(scope="session")
def other_key() -> RSAKey:
    """A key of somebody else, by the same name."""
    return make_key("k1")


@pytest.fixture
async def team(tmp_path: Path, key: RSAKey) -> AsyncIterator[TeamsTeam]:
    """An open shop whose cards go to the fake Teams."""
    async with open_team(tmp_path, key) as opened:
        yield opened


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    """A fake Slack, for what both chats show."""
    with FakeSlack.start(patience_s=LONG_S) as running:
        yield running
