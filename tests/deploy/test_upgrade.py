"""The upgrade drill in small: an old server and a new one at once over one database, under load."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.commands import start_command
from support.postgres import fresh_database
from support.postgres_server import PostgresServer

from bench.upgrade.command import NEW, drill, report
from bench.upgrade.old import without_newest
from bench.upgrade.servers import Place
from sayso.sandbox import Sandbox
from sayso.store.migrations import read_migrations

pytestmark = pytest.mark.promise("upgrade:together")


class QuickPlace(Place):
    """The new version's processes are forked, so that they import nothing again."""

    def begin(
        self, command: Sequence[str], words: Sequence[str], errors: int
    ) -> subprocess.Popen[str]:
        if command != NEW.command():
            return super().begin(command, words, errors)
        return start_command(
            *words,
            cwd=self.folder,
            env={**os.environ, **self.variables()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )


async def test_an_old_server_and_a_new_one_serve_together_and_nobody_meets_an_error(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """upgrade.md, typed while two callers ask: each action ends as it must, and the log verifies.

    The old server is this code with the newest migration withheld, since the tests need no history
    of git; `python -m bench.upgrade` runs the commit before it.
    """
    old = without_newest(tmp_path / "old")
    known = read_migrations("postgres")
    first = next(at for at, one in enumerate(known) if old.newest() < one.name)
    lacking = [one.name for one in known[first:]]
    assert known[first].phase == "pre"
    with Sandbox.start() as sandbox, fresh_database(postgres_server, template="template0") as url:
        place = QuickPlace(folder=tmp_path / "shop", url=url, provider=sandbox.url)
        came = await drill(place, old, sandbox, servers=1, actions=4, back=False, at_once=2)
    assert came.problems == []
    assert came.planned == lacking
    assert set(came.together) == {old.name, NEW.name}
    assert came.ended.keys() == {"succeeded", "rejected", "refused"}
    assert report({"postgres": came}).ok
