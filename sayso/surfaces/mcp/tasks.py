"""Tasks: a call that waits for a person is answered by a handle, and its result is fetched later.

The handle is the id of the action or of the request, so that a task is as durable as what it stands
for: it outlives the server, and any process of the workspace answers for it.

SOURCE: MCP extension `io.modelcontextprotocol/tasks` (SEP-2663), for the protocol of 2026-07-28.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mcp.server.context import HandlerResult, ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolResult, RequestParams, TextContent
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from sayso.errors import RefusedError
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.tools.look_ups import LookUpResult, LookUps
from sayso.sdk.tools.tool import Caller, ToolResult

TASKS = "io.modelcontextprotocol/tasks"
MISSING_CAPABILITY = -32021
POLL_MS, POLL_FOR_PEOPLE_MS = 500, 5_000
_ID = re.compile(r"(act|req)_[0-9a-z]{1,40}")

Context = ServerRequestContext[Any, Any]
Reader = Callable[[Context], tuple[Caller, frozenset[Scope]]]


class TaskParams(RequestParams):
    """Of `tasks/get`, `tasks/update` and `tasks/cancel`."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")
    task_id: str = Field(max_length=60)


def wants_tasks(context: Context) -> bool:
    """Whether the client of this request takes a handle in place of a result."""
    if context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return False
    capabilities = context.session.client_capabilities
    return capabilities is not None and TASKS in (capabilities.extensions or {})


async def as_task(
    look_ups: LookUps, answer: ToolResult, caller: Caller
) -> Mapping[str, Any] | None:
    """The handle of what a call has begun; None where it has ended, or was refused."""
    standing = await look_ups.waiting(answer, caller)
    if standing is None:
        return None
    return {"resultType": "task", **_task(str(answer.content["id"]), standing)}


def result_of(answer: ToolResult) -> CallToolResult:
    """The result of a call."""
    return CallToolResult(
        content=[TextContent(type="text", text=answer.text)],
        structured_content=dict(answer.content),
        is_error=answer.is_error,
    )


def serve_tasks(server: Server[Any], look_ups: LookUps, reader: Reader) -> None:
    """Answer `tasks/get`, `tasks/update` and `tasks/cancel`."""

    async def find(context: Context, params: TaskParams) -> LookUpResult:
        if not wants_tasks(context):
            needed: dict[str, Any] = {"requiredCapabilities": {"extensions": {TASKS: {}}}}
            raise MCPError(MISSING_CAPABILITY, "Missing required client capability", needed)
        caller, scopes = reader(context)
        if Scope.READ in scopes and _ID.fullmatch(params.task_id):
            try:
                return await look_ups.standing(params.task_id, caller)
            except RefusedError:  # none, or of another customer: both read the same
                pass
        raise MCPError(INVALID_PARAMS, "there is no such task of this customer")

    async def get(context: Context, params: TaskParams) -> HandlerResult:
        standing = await find(context, params)
        task = _task(params.task_id, standing)
        if not standing.is_over:
            return task
        result = result_of(standing.answer).model_dump(mode="json", by_alias=True)
        return {**task, "result": {k: v for k, v in result.items() if v is not None}}

    async def acknowledge(context: Context, params: TaskParams) -> HandlerResult:
        """Nothing is asked of the client, and what a person is asked stays asked.

        SOURCE: SEP-2663: cancellation is cooperative; the server decides whether to honour it.
        """
        await find(context, params)
        return {}

    handlers: dict[str, Callable[[Context, TaskParams], Awaitable[HandlerResult]]] = {
        "tasks/get": get,
        "tasks/update": acknowledge,
        "tasks/cancel": acknowledge,
    }
    for method, handler in handlers.items():
        server.add_request_handler(method, TaskParams, handler)
    server.extensions[TASKS] = {}


def _task(item_id: str, standing: LookUpResult) -> dict[str, Any]:
    return {
        "taskId": item_id,
        "status": "completed" if standing.is_over else "working",
        "statusMessage": standing.told or str(standing.answer.content.get("meaning", "")),
        "createdAt": standing.created_at,
        "lastUpdatedAt": standing.updated_at,
        "ttlMs": None,
        "pollIntervalMs": POLL_FOR_PEOPLE_MS if standing.waits_for_people else POLL_MS,
    }
