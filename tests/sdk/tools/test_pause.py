"""A bot's own LangGraph graph pauses where a person is asked, and goes on with the end of it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolCall, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from sdk.tools.till import LARGE, SMALL, Till, open_till

from sayso import langchain_tools
from sayso.money import Money
from sayso.testing.models import ScriptedModel

AGENTS: Any = import_module("langchain.agents")  # its annotations are partly unknown
CONFIG: Any = {"configurable": {"thread_id": "ticket-1"}}
MORE = {"order": "o1", "amount": {"amount_minor": 9_000, "currency": "USD"}}


def agent_of(till: Till, *calls: object) -> Any:
    """An agent whose model makes the calls at once, then ends."""
    asked = [
        ToolCall(name="shop_refund", args=dict(args), id=str(n))  # type: ignore[call-overload]
        for n, args in enumerate(calls)
    ]
    model = ScriptedModel(replies=[AIMessage("", tool_calls=asked), "Told."])
    tools = langchain_tools(till.workspace.sayso, "cus_1", conversation="t1", pause=True)
    return AGENTS.create_agent(model, tools, checkpointer=InMemorySaver())


def told(out: dict[str, Any]) -> list[dict[str, Any]]:
    """What the model was told by the tools."""
    return [
        orjson.loads(str(message.content))
        for message in out["messages"]
        if isinstance(message, ToolMessage)
    ]


@pytest.mark.promise("tools:paused")
@pytest.mark.parametrize(
    ("choice", "status", "paid"),
    [("approve", "succeeded", [500, 9_000]), ("reject", "rejected", [500])],
)
async def test_a_graph_waits_for_the_person_and_is_told_the_end(
    tmp_path: Path, choice: str, status: str, paid: list[int]
) -> None:
    """What needs nobody is done once, beside what waits; resumed too early, it waits on."""
    async with open_till(tmp_path) as till:
        till.workspace.shop.books.add("o4", "cus_1", Money(20_000, "USD"))
        agent = agent_of(till, {**SMALL, "order": "o4"}, MORE)
        paused = await agent.ainvoke({"messages": [HumanMessage("It broke")]}, CONFIG)
        (stopped,) = paused["__interrupt__"]
        assert stopped.value["status"] == "pending_approval"
        assert "Nothing has been done yet" in stopped.value["tell_customer"]
        early = await agent.ainvoke(Command(resume=True), CONFIG)
        assert early["__interrupt__"][0].value["id"] == stopped.value["id"]
        await till.decide(choice)
        await till.workspace.sayso.actions.wait(stopped.value["id"], 30)
        ended = await agent.ainvoke(Command(resume=True), CONFIG)
        assert "__interrupt__" not in ended
        small, large = told(ended)
        assert (small["status"], large["status"]) == ("succeeded", status)
        assert "repeated" not in large
        assert large["id"] == stopped.value["id"]
        assert till.paid_minor == paid


async def test_what_only_looks_pauses_nothing(tmp_path: Path) -> None:
    """A model can still ask how it stands."""
    async with open_till(tmp_path) as till:
        asked = await till.refund(LARGE)
        tools = langchain_tools(till.workspace.sayso, "cus_1", pause=True)
        (look,) = [tool for tool in tools if tool.name == "get_action"]
        found = orjson.loads(await look.ainvoke({"id": asked.content["id"]}))
        assert found["status"] == "pending_approval"
