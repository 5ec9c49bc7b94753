"""The backup drill in small: what comes back is whole, and nothing is done twice."""

from __future__ import annotations

import logging
from collections.abc import Generator
from pathlib import Path

import pytest
from support.postgres import fresh_database
from support.postgres_server import PostgresServer

from bench.backup import Place, drill, report
from bench.crash.lane import Stores

pytestmark = [pytest.mark.promise("deploy:backup"), pytest.mark.promise("engine:older-copy")]


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Place]:
    """A workspace's folder and its empty database."""
    folder = tmp_path / "drill"
    folder.mkdir()
    if request.param == "sqlite":
        url, _ = Stores(None).make(folder, "sqlite", "drill")
        yield Place(folder=folder, url=url, server=None)
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with fresh_database(server) as url:
        yield Place(folder=folder, url=url, server=server)


async def test_a_backup_under_load_comes_back_whole_and_nothing_is_done_twice(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """A hundred actions at a provider that knows no key, so that only a look-up keeps it so."""
    with caplog.at_level(logging.ERROR, "sayso"):
        came = await drill(place, "verifiable", 100)
    assert (came.twice, came.problems, came.failed_meanwhile) == (0, [], 0)
    assert came.roots_equal
    assert came.lost > 0
    assert came.since > 0
    assert report([came], 100).ok
