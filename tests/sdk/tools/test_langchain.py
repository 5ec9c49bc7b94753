"""The actions as LangChain's tools, in LangGraph's node and in an agent."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import StructuredTool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from sdk.tools.till import LARGE, LOOKS, SMALL, Till, open_till
from support.shop import Shop
from support.shop_workspace import make_shop_workspace

from sayso import RefusedError, langchain_tools
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.sync import SyncSayso
from sayso.testing.models import ScriptedModel

pytestmark = pytest.mark.promise("tools:same")


def call(name: str, args: object, call_id: str = "call-1") -> dict[str, Any]:
    """A call as a model writes it."""
    return {"name": name, "args": args, "id": call_id, "type": "tool_call"}


async def through_node(tools: list[StructuredTool], *calls: dict[str, Any]) -> list[ToolMessage]:
    """The calls of one turn of a model, run by LangGraph's own node."""
    graph: Any = cast("Any", StateGraph)(MessagesState)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "tools")
    graph.add_edge("tools", END)
    turn = AIMessage("", tool_calls=list(calls))
    out: dict[str, Any] = await graph.compile().ainvoke({"messages": [turn]})
    return [message for message in out["messages"] if isinstance(message, ToolMessage)]


def agent_of(model: ScriptedModel, tools: list[StructuredTool]) -> Any:
    """LangChain's agent; its types are not all known."""
    agents: Any = import_module("langchain.agents")
    return agents.create_agent(model, tools)


def tools_of(till: Till, conversation: str = "") -> list[StructuredTool]:
    """The tools of customer `cus_1`."""
    return langchain_tools(till.workspace.sayso, "cus_1", conversation=conversation)


async def test_they_are_the_same_tools(tmp_path: Path) -> None:
    """Nothing is written twice."""
    async with open_till(tmp_path) as till:
        ours = {tool.name: tool for tool in till.box.tools}
        theirs = tools_of(till)
        assert [tool.name for tool in theirs] == list(ours)
        for tool in theirs:
            assert tool.description == ours[tool.name].description
            assert tool.args_schema == ours[tool.name].input_schema


@pytest.mark.promise("tools:once")
async def test_a_nodes_calls_are_done_wait_or_are_refused(tmp_path: Path) -> None:
    """Small is done once, large waits, another's is refused, what nobody offers is no tool."""
    async with open_till(tmp_path) as till:
        small, large, theirs, again, decision = await through_node(
            tools_of(till),
            call("shop_refund", SMALL, "1"),
            call("shop_refund", {**LARGE, "amount": {"amount_minor": 9_000, "currency": "USD"}}),
            call("shop_refund", {"order": "o2"}, "3"),
            call("shop_refund", SMALL, "4"),
            call("approve", {"id": "apr_1"}, "5"),
        )
        told = [json.loads(str(message.content)) for message in (small, large, theirs, again)]
        assert told[0]["id"] == told[3]["id"]
        assert [one["status"] for one in told[1:3]] == ["pending_approval", "refused"]
        assert [m.status for m in (small, large, theirs, decision)] == [
            "success",
            "success",
            "error",
            "error",
        ]
        assert large.artifact == told[1]
        assert till.paid_minor == [500]


@pytest.mark.promise("tools:subject")
async def test_arguments_that_langchain_knows_reach_our_check_too(tmp_path: Path) -> None:
    """What LangChain keeps for itself is refused like any other argument, and breaks nothing."""
    async with open_till(tmp_path) as till:
        for name in ("config", "run_manager", "self", "callbacks", "runtime", "given", "subject"):
            (refused,) = await through_node(
                tools_of(till), call("shop_refund", {**SMALL, name: "cus_2"})
            )
            assert (refused.status, name in str(refused.content)) == ("error", True)
            assert json.loads(str(refused.content))["error"]["code"] == "invalid_input"
        assert till.paid_minor == []


async def test_an_agent_refunds_what_the_policy_allows(tmp_path: Path) -> None:
    """LangChain's own agent with a scripted model: it is offered the tools and told the truth."""
    async with open_till(tmp_path) as till:
        model = ScriptedModel(
            replies=[AIMessage("", tool_calls=[call("shop_refund", SMALL)]), "Done."]
        )
        agent = agent_of(model, tools_of(till))
        out: dict[str, Any] = await agent.ainvoke({"messages": [HumanMessage("It broke")]})
        assert model.offered[0] == sorted([*LOOKS, "shop_refund"])
        told = json.loads(str(model.calls[1][-1].content))
        assert told["status"] == "succeeded"
        assert out["messages"][-1].content == "Done."
        assert till.paid_minor == [500]


@pytest.mark.promise("tools:once")
async def test_a_replayed_turn_is_one_effect(tmp_path: Path) -> None:
    """A graph that is resumed runs its node again; another conversation is another matter."""
    async with open_till(tmp_path) as till:
        for _ in range(3):
            await through_node(tools_of(till, "thread-1"), call("shop_refund", SMALL))
        assert till.paid_minor == [500]
        await through_node(tools_of(till, "thread-2"), call("shop_refund", SMALL))
        assert till.paid_minor == [500, 500]


def test_synchronous_code_has_them_too(tmp_path: Path) -> None:
    """`invoke` with `Sayso.sync`, in LangGraph's own threads."""
    shop = Shop()
    shop.books.add("o1", "cus_1", Money(20_000, "USD"))
    workspace = make_shop_workspace(tmp_path)
    with SyncSayso(Sayso(workspace, mode="decide", connectors=[shop])) as sayso:
        model = ScriptedModel(
            replies=[AIMessage("", tool_calls=[call("shop_refund", SMALL)]), "Done."]
        )
        agent = agent_of(model, langchain_tools(sayso, "cus_1"))
        agent.invoke({"messages": [HumanMessage("It broke")]})
        told = json.loads(str(model.calls[1][-1].content))
        assert told["status"] == "succeeded"
    assert len(shop.books.payouts) == 1


async def test_a_customer_has_to_be_one(tmp_path: Path) -> None:
    """What cannot be a customer's id makes no tools."""
    async with open_till(tmp_path) as till:
        with pytest.raises(RefusedError):
            langchain_tools(till.workspace.sayso, "cus 1; drop table")
