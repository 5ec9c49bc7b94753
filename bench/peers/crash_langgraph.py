"""LangGraph: a refund behind `interrupt()`, on SqliteSaver, as its documentation shows it."""

# NOTE: LangGraph's own overloads are partly untyped, which strict pyright reports at every call.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import sqlite3
from typing import NotRequired, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from bench.peers.crash_base import BankDoor, Spot, Word


class Refund(TypedDict):
    """The state of the thread."""

    order: str
    approved: NotRequired[bool]
    refund: NotRequired[str]


class Update(TypedDict, total=False):
    """What a node writes."""

    approved: bool
    refund: str


class LangGraphPeer:
    """See the module."""

    distribution = "langgraph"

    def __init__(self) -> None:
        self.modes = {
            "as documented": "interrupt(), SqliteSaver, durability=sync; the node calls the bank",
            "own key": "the same, and the node sends the thread's id as the bank's key",
        }

    def first(self, spot: Spot, bank: BankDoor) -> None:
        """See `Peer.first`."""
        graph, config = self._graph(spot, bank)
        graph.invoke({"order": spot.order}, config, durability="sync")
        graph.invoke(Command(resume=True), config, durability="sync")

    def again(self, spot: Spot, bank: BankDoor) -> tuple[Word, str]:
        """See `Peer.again`."""
        graph, config = self._graph(spot, bank)
        if graph.get_state(config).next:
            graph.invoke(None, config, durability="sync")
        done = "refund" in graph.get_state(config).values
        return ("done", "finished") if done else ("open", "unfinished")

    def _graph(self, spot: Spot, bank: BankDoor):  # type: ignore[no-untyped-def]
        def gate(state: Refund) -> Update:
            return {"approved": interrupt({"order": state["order"]})}

        def refund(state: Refund) -> Update:
            order = state["order"]
            key = order if spot.mode == "own key" else ""
            return {"refund": bank.refund(order, order, key)}

        graph: StateGraph[Refund, None, Refund, Refund] = StateGraph(Refund)
        graph.add_node("gate", gate)
        graph.add_node("refund", refund)
        graph.add_edge(START, "gate")
        graph.add_edge("gate", "refund")
        graph.add_edge("refund", END)
        connection = sqlite3.connect(spot.folder / "checkpoints.db", check_same_thread=False)
        config: RunnableConfig = {"configurable": {"thread_id": spot.order}}
        return graph.compile(checkpointer=SqliteSaver(connection)), config


PEER = LangGraphPeer()
