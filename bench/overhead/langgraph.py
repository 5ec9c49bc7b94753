"""The same flow on LangGraph as a user would write it: a graph with a gate, on SqliteSaver.

The gate's `interrupt()` is there and is passed, since the policy allows. The checkpointer is what
records, so that the peer pays for no second table. `durability="sync"`, WAL and synchronous FULL,
as what moves money needs.
"""

# NOTE: LangGraph's own overloads are partly untyped, which strict pyright reports at every call.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NotRequired, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from bench.stopwatch import Taken

LIMIT_MINOR = 5000
WARM_UP = 4


class Refund(TypedDict):
    """The state of a thread."""

    order: str
    amount_minor: int
    reason: str
    decision: NotRequired[str]
    payout: NotRequired[str]
    status: NotRequired[str]


class Update(TypedDict, total=False):
    """What a node writes."""

    decision: str
    payout: str
    status: str


@dataclass(slots=True)
class Till:
    """The same instant provider: it keeps a list."""

    payouts: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    def pay(self, order: str, amount_minor: int) -> str:
        """Pay back."""
        self.payouts.append((order, amount_minor))
        return f"pay_{len(self.payouts)}"


Graph = StateGraph[Refund, None, Refund, Refund]


def build(till: Till) -> Graph:
    """The graph: propose, check, gate, refund, record."""

    def propose(state: Refund) -> Update:
        return {"status": "proposed"}

    def check(state: Refund) -> Update:
        return {"decision": "allow" if state["amount_minor"] <= LIMIT_MINOR else "ask"}

    def gate(state: Refund) -> Update:
        return {"decision": interrupt({"order": state["order"]})}

    def refund(state: Refund) -> Update:
        return {"payout": till.pay(state["order"], state["amount_minor"])}

    def record(state: Refund) -> Update:
        return {"status": "succeeded"}

    def after_check(state: Refund) -> str:
        return "refund" if state.get("decision") == "allow" else "gate"

    graph: Graph = StateGraph(Refund)
    graph.add_node("propose", propose)
    graph.add_node("check", check)
    graph.add_node("gate", gate)
    graph.add_node("refund", refund)
    graph.add_node("record", record)
    graph.add_edge(START, "propose")
    graph.add_edge("propose", "check")
    graph.add_conditional_edges("check", after_check, ["refund", "gate"])
    graph.add_edge("gate", "refund")
    graph.add_edge("refund", "record")
    graph.add_edge("record", END)
    return graph


def _config(number: int) -> RunnableConfig:
    return {"configurable": {"thread_id": f"refund-{number}"}}


def _input(number: int) -> Refund:
    return {"order": f"o{number}", "amount_minor": 2000, "reason": "it arrived broken"}


def measure_threads(folder: Path, actions: int, at_once: int) -> Taken:
    """Run the actions in threads over `SqliteSaver`."""
    till = Till()
    taken = Taken()
    folder.mkdir(parents=True)
    connection = sqlite3.connect(folder / "checkpoints.db", check_same_thread=False)
    saver = SqliteSaver(connection)
    saver.setup()
    connection.execute("pragma synchronous = full")
    graph = build(till).compile(checkpointer=saver)
    numbers: queue.SimpleQueue[int | None] = queue.SimpleQueue()

    def run(number: int) -> None:
        begin = time.perf_counter()
        graph.invoke(_input(number), _config(number), durability="sync")
        taken.each_s.append(time.perf_counter() - begin)

    def worker() -> None:
        while (number := numbers.get()) is not None:
            run(number)

    for number in range(-WARM_UP, 0):
        run(number)
    for number in range(actions):
        numbers.put(number)
    threads = [threading.Thread(target=worker) for _ in range(at_once)]
    with taken.timed():
        for thread in threads:
            numbers.put(None)
            thread.start()
        for thread in threads:
            thread.join()
    connection.close()
    assert len(till.payouts) == actions + WARM_UP
    return taken


async def measure_tasks(folder: Path, actions: int, at_once: int) -> Taken:
    """Run the actions as tasks over `AsyncSqliteSaver`."""
    till = Till()
    taken = Taken()
    folder.mkdir(parents=True)
    async with AsyncSqliteSaver.from_conn_string(str(folder / "checkpoints.db")) as saver:
        await saver.setup()
        await saver.conn.execute("pragma synchronous = full")
        graph = build(till).compile(checkpointer=saver)

        async def run(first: int, end: int) -> None:
            numbers = iter(range(first, end))

            async def worker() -> None:
                for number in numbers:
                    begin = time.perf_counter()
                    await graph.ainvoke(_input(number), _config(number), durability="sync")
                    taken.each_s.append(time.perf_counter() - begin)

            await asyncio.gather(*(worker() for _ in range(at_once)))

        await run(-WARM_UP, 0)
        with taken.timed():
            await run(0, actions)
    assert len(till.payouts) == actions + WARM_UP
    return taken
