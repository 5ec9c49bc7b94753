"""LangGraph: the graph of the overhead bench, whose gate is now a real `interrupt()`.

Proposing runs it into the interrupt, approving resumes it with `Command(resume=…)`. The
checkpointer records; `durability="sync"`, and on SQLite synchronous FULL.
"""

# NOTE: LangGraph's own overloads are partly untyped, which strict pyright reports at every call.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import Command

from bench.overhead.langgraph import Refund, Till, build
from bench.throughput.flow import Place

POOL = 32


class _Graph:
    """The compiled graph and its provider."""

    def __init__(self, saver: BaseCheckpointSaver[str]) -> None:
        self._till = Till()
        self._compiled = build(self._till).compile(checkpointer=saver)

    @property
    def effects(self) -> int:
        """How many refunds were done."""
        return len(self._till.payouts)


class Threads(_Graph):
    """With `invoke`, for threads."""

    def propose(self, number: int) -> str:
        """Run into the interrupt."""
        thread = f"refund-{number}"
        self._compiled.invoke(_refund(number), _config(thread), durability="sync")
        return thread

    def approve(self, handle: str) -> None:
        """Resume with a yes."""
        yes: Command[str] = Command(resume="allow")
        self._compiled.invoke(yes, _config(handle), durability="sync")


class Tasks(_Graph):
    """With `ainvoke`, for tasks."""

    async def propose(self, number: int) -> str:
        """Run into the interrupt."""
        thread = f"refund-{number}"
        await self._compiled.ainvoke(_refund(number), _config(thread), durability="sync")
        return thread

    async def approve(self, handle: str) -> None:
        """Resume with a yes."""
        yes: Command[str] = Command(resume="allow")
        await self._compiled.ainvoke(yes, _config(handle), durability="sync")


def _refund(number: int) -> Refund:
    return {"order": f"o{number}", "amount_minor": 20_000, "reason": "it arrived broken"}


def _config(thread: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread}}


@contextmanager
def open_peer(place: Place) -> Generator[Threads]:
    """`SqliteSaver` on a new file, or `PostgresSaver` on a pool."""
    place.folder.mkdir(parents=True)
    if place.url:
        from langgraph.checkpoint.postgres import PostgresSaver  # only where it is asked for
        from psycopg import Connection
        from psycopg.rows import DictRow, dict_row
        from psycopg_pool import ConnectionPool

        with ConnectionPool(
            place.url,
            connection_class=Connection[DictRow],
            min_size=1,
            max_size=POOL,
            kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
        ) as pool:
            on_server = PostgresSaver(pool)
            on_server.setup()
            yield Threads(on_server)
        return
    from langgraph.checkpoint.sqlite import SqliteSaver  # as above

    connection = sqlite3.connect(place.folder / "checkpoints.db", check_same_thread=False)
    in_file = SqliteSaver(connection)
    in_file.setup()
    connection.execute("pragma synchronous = full")
    yield Threads(in_file)
    connection.close()


@asynccontextmanager
async def open_async_peer(place: Place) -> AsyncGenerator[Tasks]:
    """`AsyncSqliteSaver` on a new file, or `AsyncPostgresSaver` on a pool."""
    place.folder.mkdir(parents=True)
    if place.url:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver  # as above
        from psycopg import AsyncConnection
        from psycopg.rows import DictRow, dict_row
        from psycopg_pool import AsyncConnectionPool

        async with AsyncConnectionPool(
            place.url,
            connection_class=AsyncConnection[DictRow],
            min_size=1,
            max_size=POOL,
            kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
        ) as pool:
            on_server = AsyncPostgresSaver(pool)
            await on_server.setup()
            yield Tasks(on_server)
        return
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver  # as above

    async with AsyncSqliteSaver.from_conn_string(str(place.folder / "checkpoints.db")) as in_file:
        await in_file.setup()
        await in_file.conn.execute("pragma synchronous = full")
        yield Tasks(in_file)
