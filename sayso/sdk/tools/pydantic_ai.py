"""The tools as those of Pydantic AI.

Importing this imports the package `pydantic_ai` (the extra `pydantic-ai`).
"""

from __future__ import annotations

from typing import Any

from sayso.actions.model.definition import Subject
from sayso.extras import missing_extra
from sayso.sdk.client import Sayso
from sayso.sdk.tools.tool import Caller, Tool
from sayso.sdk.tools.toolbox import Toolbox, open_tools

try:
    from pydantic_ai import Tool as PydanticTool
    from pydantic_ai.exceptions import ToolFailed
except ImportError as error:
    raise missing_extra("pydantic-ai", "Pydantic AI is not installed") from error


def pydantic_ai_tools(
    sayso: Sayso,
    subject: str | Subject,
    *,
    conversation: str = "",
    requester: str = "pydantic-ai",
    tenant: str | None = None,
) -> list[PydanticTool[Any]]:
    """The workspace's actions as gated tools of one customer's conversation.

    One tool per action and those that every workspace has; each passes the same engine as every
    other way in. A refusal reaches the model as a tool that failed, with `error`.

    Args:
        sayso: open for as long as the tools are called.
        subject: the verified customer, as your own code knows them; never from the model.
        conversation: equal calls are one action within it; all of the customer's when empty.
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


def _offer(toolbox: Toolbox, tool: Tool, caller: Caller) -> PydanticTool[Any]:
    async def call(**given: object) -> dict[str, Any]:
        answer = await toolbox.call(tool.name, given, caller)
        if answer.is_error:
            raise ToolFailed(answer.text)
        return dict(answer.content)

    return PydanticTool[Any].from_schema(call, tool.name, tool.description, dict(tool.input_schema))
