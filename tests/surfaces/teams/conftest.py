"""Fixtures: keys like the Bot Framework's, and a team with the app before it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from joserfc.jwk import RSAKey
from surfaces.teams.teams_team import TeamsTeam, open_team

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
