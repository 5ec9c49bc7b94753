"""The tools as LangChain's, for LangGraph's `ToolNode` and any agent built on it.

Importing this imports LangChain's core; `import sayso` does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.tools import StructuredTool, ToolException
from langgraph.types import interrupt

from sayso.actions.model.definition import Subject
from sayso.sdk.client import Sayso
from sayso.sdk.sync import SyncSayso
from sayso.sdk.tools.look_ups import LookUpResult
from sayso.sdk.tools.tool import Caller, Tool, ToolResult
from sayso.sdk.tools.toolbox import Toolbox, open_tools

_REQUESTER = "langchain"

# NOTE: ToolNode evaluates the annotations of what it calls, and those of `JsonObject` can only be
# read in its own module.
Told = tuple[str, Mapping[str, Any]]


class ActionTool(StructuredTool):
    """A tool that hands its arguments on as the model wrote them.

    What is wrong with them is said by Sayso, and recorded; and no argument that a model makes up
    meets one of LangChain's own.
    """

    def _parse_input(
        self, tool_input: str | dict[str, Any], tool_call_id: str | None
    ) -> dict[str, Any]:
        return {"given": tool_input}


def langchain_tools(
    sayso: Sayso | SyncSayso,
    subject: str | Subject,
    *,
    conversation: str = "",
    requester: str = _REQUESTER,
    tenant: str | None = None,
    pause: bool = False,
) -> list[StructuredTool]:
    """The workspace's actions as gated tools of one customer's conversation.

    One tool per action and those that every workspace has; each passes the same engine as every
    other way in. A tool message's content is JSON, and its artifact the same as a mapping; what is
    refused has the status `error`.

    Args:
        sayso: an open workspace; that of `Sayso.sync` gives tools for `invoke`, the other ones for
            `ainvoke`.
        subject: the verified customer, as your own code knows them; never from the model.
        conversation: equal calls are one action within it; all of the customer's when empty. A
            LangGraph thread's id is what is meant.
        requester: how the log calls your bot.
        tenant: whose workspace; the workspace's own one unless said.
        pause: leave a LangGraph graph where a person is asked, by its `interrupt`, in place of
            an answer that is not final. The graph needs a checkpointer. What it is interrupted with
            has `id`, `status` and `tell_customer`; once that has ended, resume it by
            `Command(resume=True)`: the model is then told what became of it.

    Raises:
        ConfigError: see `Toolbox`.
        RefusedError: `invalid_input`, for what cannot be a customer's id.
    """
    inner = sayso.wrapped if isinstance(sayso, SyncSayso) else sayso
    toolbox, caller = open_tools(
        inner, subject, conversation=conversation, requester=requester, tenant=tenant
    )
    return [_offer(sayso, toolbox, tool, caller, pause) for tool in toolbox.tools]


def _offer(
    sayso: Sayso | SyncSayso, toolbox: Toolbox, tool: Tool, caller: Caller, pause: bool
) -> StructuredTool:
    pauses = pause and not tool.reads_only

    async def call(given: object) -> Told:
        answer = await toolbox.call(tool.name, given, caller)
        while pauses and (standing := await toolbox.look_ups.waiting(answer, caller)):
            _pause(standing)
            answer = (await toolbox.look_ups.again(standing, caller)).answer
        return _content_of(_first(answer) if pauses else answer)

    def call_sync(given: object) -> Told:
        assert isinstance(sayso, SyncSayso), "offered only then"
        answer = sayso.run(toolbox.call(tool.name, given, caller))
        while pauses and (standing := sayso.run(toolbox.look_ups.waiting(answer, caller))):
            _pause(standing)
            answer = sayso.run(toolbox.look_ups.again(standing, caller)).answer
        return _content_of(_first(answer) if pauses else answer)

    is_sync = isinstance(sayso, SyncSayso)
    return ActionTool(
        name=tool.name,
        description=tool.description,
        args_schema=dict(tool.input_schema),
        func=call_sync if is_sync else None,
        coroutine=None if is_sync else call,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )


def _pause(standing: LookUpResult) -> None:
    """Leave the graph, which comes here again when it is resumed.

    NOTE: LangGraph then runs the tool from its beginning: the same call, which is the same action.
    """
    content = standing.answer.content
    interrupt({"id": content["id"], "status": content["status"], "tell_customer": standing.told})


def _first(answer: ToolResult) -> ToolResult:
    """Without the word that the call was made before: the graph made it, to be told the end."""
    content = {name: value for name, value in answer.content.items() if name != "repeated"}
    return ToolResult(content=content, is_error=answer.is_error)


def _content_of(answer: ToolResult) -> Told:
    if answer.is_error:
        raise ToolException(answer.text)
    return answer.text, answer.content
