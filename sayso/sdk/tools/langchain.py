"""The tools as LangChain's, for LangGraph's `ToolNode` and any agent built on it.

Importing this imports LangChain's core; `import sayso` does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.tools import StructuredTool, ToolException

from sayso.actions.model.definition import Subject
from sayso.audit.entry import Actor, ActorKind
from sayso.ids import Tenant
from sayso.sdk.client import Sayso
from sayso.sdk.inputs import as_subject
from sayso.sdk.sync import SyncSayso
from sayso.sdk.tools.tool import Answer, Caller, Tool
from sayso.sdk.tools.toolbox import Toolbox

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
) -> list[StructuredTool]:
    """The workspace's actions as gated tools of one customer's conversation.

    One tool per action, `ask` and `get_action`; each passes the same engine as every other way in.
    A tool message's content is JSON, and its artifact the same as a mapping; what is refused has
    the status `error`.

    Args:
        sayso: an open workspace; that of `Sayso.sync` gives tools for `invoke`, the other ones for
            `ainvoke`.
        subject: the verified customer, as your own code knows them; never from the model.
        conversation: equal calls are one action within it; all of the customer's when empty. A
            LangGraph thread's id is what is meant.
        requester: how the log calls your bot.
        tenant: whose workspace; the workspace's own one unless said.

    Raises:
        ConfigError: see `Toolbox`.
        RefusedError: `invalid_input`, for what cannot be a customer's id.
    """
    inner = sayso.wrapped if isinstance(sayso, SyncSayso) else sayso
    toolbox = Toolbox(inner)
    caller = Caller(
        subject=as_subject(subject),
        requester=Actor(kind=ActorKind.SERVICE, id=requester),
        tenant=inner.container.tenant if tenant is None else Tenant(tenant),
        conversation=conversation,
    )
    return [_offer(sayso, toolbox, tool, caller) for tool in toolbox.tools]


def _offer(
    sayso: Sayso | SyncSayso, toolbox: Toolbox, tool: Tool, caller: Caller
) -> StructuredTool:
    async def call(given: object) -> Told:
        return _told(await toolbox.call(tool.name, given, caller))

    def call_sync(given: object) -> Told:
        assert isinstance(sayso, SyncSayso), "offered only then"
        return _told(sayso.run(toolbox.call(tool.name, given, caller)))

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


def _told(answer: Answer) -> Told:
    if answer.is_error:
        raise ToolException(answer.text)
    return answer.text, answer.content
