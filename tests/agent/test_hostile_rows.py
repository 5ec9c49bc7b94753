"""Nothing that is read back is code: whatever stands in the planner's tables, or in ours."""

from __future__ import annotations

import contextlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from audit.hostile_rows import Canary
from support.shop_workspace import open_shop

from sayso.errors import SaysoError
from sayso.money import Money

pytestmark = pytest.mark.promise("store:no-code")

_THREADS = """
create table if not exists checkpoints (thread_id text not null, checkpoint_ns text not null
    default '', checkpoint_id text not null, parent_checkpoint_id text, type text, checkpoint blob,
    metadata blob, primary key (thread_id, checkpoint_ns, checkpoint_id));
create table if not exists writes (thread_id text not null, checkpoint_ns text not null default '',
    checkpoint_id text not null, task_id text not null, idx integer not null, channel text not null,
    type text, value blob, primary key (thread_id, checkpoint_ns, checkpoint_id, task_id, idx));
"""


async def _asked(folder: Path) -> str:
    """A request that waits for the customer's yes; its id."""
    async with open_shop(folder, confirm={"default": "always"}) as opened:
        opened.shop.books.add("o1", "cus_1", Money(3_000, "USD"))
        asked = await opened.sayso.ask("cus_1", "Please refund order o1")
        assert asked.status == "needs_customer"
    return asked.id


async def _answer(folder: Path, request: str) -> None:
    """A server starts, gets ready, and takes the answer, as far as that goes."""
    async with open_shop(folder, confirm={"default": "always"}) as opened:
        opened.shop.books.add("o1", "cus_1", Money(3_000, "USD"))
        with contextlib.suppress(SaysoError, ValueError, KeyError, TypeError):
            await opened.sayso.container.agent.warm()
            await opened.sayso.requests.answer(request, question=1, choice="yes")


@pytest.mark.parametrize("kind", ["msgpack", "json", "pickle"])
async def test_a_row_of_a_graph_that_names_a_function_calls_nothing(
    tmp_path: Path, kind: str
) -> None:
    """LangGraph's own serializer imports and calls what such a row names, by its default."""
    request = await _asked(tmp_path)
    canary = Canary(tmp_path / "canary")
    values = {"msgpack": [canary.packed], "pickle": [canary.pickled]}
    for value in values.get(kind, [*canary.blobs()][3:]):
        with closing(sqlite3.connect(tmp_path / "sayso.db")) as database, database:
            database.executescript(_THREADS)
            for thread in (f"main/{request}", "/"):
                database.execute(
                    "insert or replace into checkpoints select ?, '', coalesce(max(checkpoint_id),"
                    " '1f000000-0000-6000-8000-000000000000'), null, ?, ?, '{}' from checkpoints"
                    " where thread_id = ?",
                    (thread, kind, value, thread),
                )
                database.execute(
                    "insert or replace into writes (thread_id, checkpoint_id, task_id, idx,"
                    " channel, type, value) select thread_id, checkpoint_id, 't', 0, 'plan', ?, ?"
                    " from checkpoints where thread_id = ?",
                    (kind, value, thread),
                )
        await _answer(tmp_path, request)
        assert not canary.sings
