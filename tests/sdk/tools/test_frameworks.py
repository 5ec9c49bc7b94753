"""The same tools in the OpenAI Agents SDK and in Pydantic AI, with their own models for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, RunConfig, Runner
from agents.testing import ScriptedModel, assistant_message, function_call
from pydantic_ai import Agent as PydanticAgent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from sdk.tools.till import SMALL, Till, open_till

from sayso import openai_agents_tools, pydantic_ai_tools

THEIRS = {"order": "o2"}
MORE = {"order": "o1", "amount": {"amount_minor": 9_000, "currency": "USD"}}


async def openai_run(till: Till, args: object) -> tuple[dict[str, Any], ScriptedModel]:
    """One turn of an agent of OpenAI's, whose model calls the refund: what it is told."""
    text = args if isinstance(args, str) else json.dumps(args)
    called = function_call("shop_refund", text, call_id="call_1")
    model = ScriptedModel([[called], [assistant_message("ok")]])
    tools = openai_agents_tools(till.workspace.sayso, "cus_1", conversation="t1")
    agent = Agent(name="support", model=model, tools=list(tools))
    ran = await Runner.run(agent, "It broke", run_config=RunConfig(tracing_disabled=True))
    model.assert_complete()
    (told,) = [item.output for item in ran.new_items if item.type == "tool_call_output_item"]
    return json.loads(str(told)), model


async def pydantic_run(till: Till, args: dict[str, Any]) -> tuple[Any, str, list[str]]:
    """One turn of a Pydantic agent: what it is told, how, and what it was offered."""
    offered: list[str] = []

    def reply(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        offered[:] = [tool.name for tool in info.function_tools]
        if len(messages) == 1:
            return ModelResponse(parts=[ToolCallPart("shop_refund", args)])
        return ModelResponse(parts=[TextPart("ok")])

    tools = pydantic_ai_tools(till.workspace.sayso, "cus_1", conversation="t1")
    ran = await PydanticAgent(FunctionModel(reply), tools=tools).run("It broke")
    (told,) = [
        part
        for message in ran.all_messages()
        for part in message.parts
        if isinstance(part, ToolReturnPart)
    ]
    return told.content, told.outcome, offered


@pytest.mark.promise("tools:same")
async def test_an_agent_of_openai_acts_within_the_policy(tmp_path: Path) -> None:
    """Small is done once, large waits, another's and what is no JSON is refused; no run ends."""
    async with open_till(tmp_path) as till:
        done, model = await openai_run(till, SMALL)
        assert done["status"] == "succeeded"
        assert model.first_call is not None
        names = [tool.name for tool in model.first_call.tools]
        assert names == [tool.name for tool in till.box.tools]
        assert (await openai_run(till, SMALL))[0]["id"] == done["id"]
        waiting, _ = await openai_run(till, MORE)
        assert waiting["status"] == "pending_approval"
        assert (await openai_run(till, THEIRS))[0]["error"]["code"] == "unknown_object"
        for args in ("{", "[]", json.dumps({**SMALL, "subject": "cus_2"})):
            refused, _ = await openai_run(till, args)
            assert refused["error"]["code"] == "invalid_input"
        assert till.paid_minor == [500]


@pytest.mark.promise("tools:same")
async def test_an_agent_of_pydantic_acts_within_the_policy(tmp_path: Path) -> None:
    """Likewise; a refusal is a tool that failed, which its model sees."""
    async with open_till(tmp_path) as till:
        done, outcome, names = await pydantic_run(till, dict(SMALL))
        assert (done["status"], outcome) == ("succeeded", "success")
        assert names == [tool.name for tool in till.box.tools]
        again, *_ = await pydantic_run(till, dict(SMALL))
        assert again["id"] == done["id"]
        waiting, outcome, _ = await pydantic_run(till, MORE)
        assert (waiting["status"], outcome) == ("pending_approval", "success")
        for args, code in ((THEIRS, "unknown_object"), ({**SMALL, "tenant": "x"}, "invalid_input")):
            refused, outcome, _ = await pydantic_run(till, dict(args))
            assert (json.loads(refused)["error"]["code"], outcome) == (code, "failed")
        assert till.paid_minor == [500]
