"""The tools as those of the OpenAI Agents SDK.

Importing this imports the package `agents` (the extra `openai-agents`).
"""

from __future__ import annotations

from typing import Any

from sayso.actions.model.definition import Subject
from sayso.extras import missing_extra
from sayso.nesting import read_json
from sayso.sdk.client import Sayso
from sayso.sdk.tools.tool import Caller, Tool
from sayso.sdk.tools.toolbox import Toolbox, open_tools

try:
    from agents import FunctionTool
    from agents.tool_context import ToolContext
except ImportError as error:
    raise missing_extra("openai-agents", "the OpenAI Agents SDK is not installed") from error


def openai_agents_tools(
    sayso: Sayso,
    subject: str | Subject,
    *,
    conversation: str = "",
    requester: str = "openai-agents",
    tenant: str | None = None,
) -> list[FunctionTool]:
    """The workspace's actions as gated tools of one customer's conversation.

    One tool per action and those that every workspace has; each passes the same engine as every
    other way in. What a tool answers is JSON; a refusal is an answer with `error`, and no exception
    that would end the run.

    Args:
        sayso: open for as long as the tools are called.
        subject: the verified customer, as your own code knows them; never from the model.
        conversation: equal calls are one action within it; all of the customer's when empty. The
            id of your session is what is meant.
        requester: how the log calls your bot.
        tenant: whose workspace; the workspace's own one unless said.

    Raises:
        ConfigError: see `Toolbox`.
        RefusedError: `invalid_input`, for what cannot be a customer's id.
    """
    toolbox, caller = open_tools(
        sayso, subject, conversation=conversation, requester=requester, tenant=tenant
    )
    return [_offer(toolbox, tool, caller) for tool in toolbox.tools]


def _offer(toolbox: Toolbox, tool: Tool, caller: Caller) -> FunctionTool:
    async def call(_: ToolContext[Any], given: str) -> str:
        return (await toolbox.call(tool.name, _read(given), caller)).text

    return FunctionTool(
        name=tool.name,
        description=tool.description,
        params_json_schema=dict(tool.input_schema),
        on_invoke_tool=call,
        strict_json_schema=False,  # that mode knows no optional arguments
    )


def _read(given: str) -> object:
    """The arguments; what is no JSON is handed on, so that it is refused, and recorded."""
    try:
        found: object = read_json(given or "{}")
    except (ValueError, RecursionError):
        return given
    return found
