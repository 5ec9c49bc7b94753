"""The protocol: lists the tools of a workspace and calls them, for whoever the transport names.

Over standard input and output one process serves one customer, whom its operator names."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass
from itertools import count
from typing import Any

import anyio
from mcp.server.context import HandlerResult, ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp_types import (
    CallToolRequestParams,
    ListToolsResult,
    PaginatedRequestParams,
    ToolAnnotations,
)
from mcp_types import Tool as McpTool

from sayso.actions.model.definition import Subject
from sayso.audit.entry import Actor
from sayso.errors import Code, ConfigError, RefusedError, logged_with_frames
from sayso.extras import installed_version
from sayso.sdk.background.reload import Reloads, following
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.tools.answers import answer_error
from sayso.sdk.tools.look_ups import LOOK_UPS
from sayso.sdk.tools.tool import Caller, Tool, ToolResult
from sayso.sdk.tools.toolbox import Toolbox
from sayso.sdk.workspace import Workspace
from sayso.surfaces.mcp.resources import serve_resources
from sayso.surfaces.mcp.tasks import as_task, result_of, serve_tasks, wants_tasks


async def serve_stdio(
    sayso: Sayso,
    *,
    subject: Subject,
    requester: Actor,
    conversation: str = "",
    beside: Callable[[Sayso], AbstractAsyncContextManager[object]] = nullcontext,
    reloads: Reloads | None = None,
) -> None:
    """Serve one client until it closes standard input; only the protocol is written to the output.

    Args:
        sayso: open, in this event loop.
        subject: the verified customer, for all calls.
        requester, conversation: see `Caller`.
        beside: runs beside the calls, anew with each reload.
        reloads: says when to reload, also with SIGHUP; never where None.

    Raises:
        ConfigError: see `Toolbox`.
    """
    silence_library()
    opened = sayso
    caller = Caller(
        subject=subject,
        requester=requester,
        tenant=sayso.tenant,
        conversation=conversation,
    )

    async def note(code: Code) -> None:
        await opened.rejected_calls.note(code, None, via="mcp")

    session = McpSession(
        caller=caller, scopes=frozenset({Scope.PROPOSE, Scope.READ}), rejected_calls=note
    )
    toolbox = Toolbox(sayso)
    server = make_server(toolbox, lambda _: session)
    stack = AsyncExitStack()
    stack.push_async_callback(sayso.__aexit__, None, None, None)
    try:
        await stack.enter_async_context(beside(sayso))

        async def reload(workspace: Workspace) -> None:
            nonlocal opened, stack
            fresh = Sayso(workspace, mode="run", telemetry=opened.container.telemetry)
            made = AsyncExitStack()
            try:
                await made.enter_async_context(fresh)
                fresh.warm_up()
                box = Toolbox(fresh)
                await made.enter_async_context(beside(fresh))
            except BaseException:
                await made.aclose()
                raise
            fresh.reloads = reloads
            opened, stack, before = fresh, made, stack
            await toolbox.become(box, grace_s=GRACE_S)
            await before.aclose()

        sayso.reloads = reloads
        async with following(reloads, reload), stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())
    finally:
        await opened.rejected_calls.flush()
        await stack.aclose()


def silence_library() -> None:
    """Keep the library's log lines out: they quote what clients send (invariant 6).

    Those of its client, which somebody may use in the same process, stay.
    """
    for part in ("server", "shared"):
        logging.getLogger(f"mcp.{part}").setLevel(logging.CRITICAL + 1)


logger = logging.getLogger("sayso.mcp")

GRACE_S = 10.0
"""How long calls that are under way may still take at a reload."""
KEY = "sayso/idempotency-key"
"""In `_meta` of a call: the host's own idempotency key, which a model does not write."""
_MOST_KEY_CHARS = 200

Context = ServerRequestContext[Any, Any]

INSTRUCTIONS = (
    "Each tool asks for something on behalf of one customer, who is known already and cannot be "
    "chosen. A policy decides whether it is done, refused, or left to a person; no tool can decide "
    "in that person's place. Only `status` `succeeded` means that it is done. Tell the customer "
    "what `tell_customer` says, and nothing beyond it. `list_records` shows what the customer has. "
    "After a lost answer make the same call "
    "again: it is the same action, and is done once."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class McpSession:
    """Who calls, and what for.

    Attributes:
        scopes: what the caller may do.
        turned_away: is told of a call that is refused here.
    """

    caller: Caller
    scopes: frozenset[Scope]
    rejected_calls: Callable[[Code], Awaitable[None]]


def make_server(toolbox: Toolbox, session_of: Callable[[Context], McpSession]) -> Server[Any]:
    """The server.

    Args:
        session_of: who calls, from what the transport knows; never from what a model writes.
    """

    async def list_tools(
        context: Context, params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        scopes = session_of(context).scopes
        return ListToolsResult(
            tools=[_described(tool) for tool in toolbox.tools if tool.scope in scopes]
        )

    async def call_tool(context: Context, params: CallToolRequestParams) -> HandlerResult:
        session = session_of(context)
        answer = await _finished(_answer(toolbox, session, params, context))
        if (
            wants_tasks(context)
            and params.name not in LOOK_UPS
            and Scope.READ in session.scopes
            and (task := await as_task(toolbox.look_ups, answer, session.caller)) is not None
        ):
            return dict(task)
        return result_of(answer)

    def reader(context: Context) -> tuple[Caller, frozenset[Scope]]:
        session = session_of(context)
        return session.caller, session.scopes

    server: Server[Any] = Server(
        "sayso",
        version=installed_version(),
        title="Sayso",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
    )
    server.add_request_handler("tools/call", CallToolRequestParams, call_tool)
    serve_tasks(server, toolbox.look_ups, reader)
    serve_resources(server, toolbox.look_ups, reader)
    # Its spans would hold what clients write; the engine makes spans of its own.
    server.middleware.clear()
    return server


async def _finished(work: Awaitable[ToolResult]) -> ToolResult:
    """Wait for the answer although the client gives up.

    So it cannot leave half a thing behind: the same call then asks what became of it.
    """
    with anyio.CancelScope(shield=True):
        return await work
    raise AssertionError("nobody leaves a shielded scope early")


async def _answer(
    toolbox: Toolbox, session: McpSession, params: CallToolRequestParams, context: Context
) -> ToolResult:
    tool = toolbox.tool(params.name)
    try:
        if tool is not None and tool.scope not in session.scopes:
            raise RefusedError(
                Code.FORBIDDEN,
                f"this token has not the scope `{tool.scope.value}`",
                next_step="give the client a token with that scope",
            )
        key = _key(context.meta or {})
    except RefusedError as error:
        await session.rejected_calls(error.code)
        return answer_error(error)
    told = count(1)

    async def tell(status: str) -> None:
        await context.session.report_progress(next(told), message=status)

    try:
        return await toolbox.call(
            params.name, params.arguments or {}, session.caller, key=key, tell=tell
        )
    except Exception as error:  # noqa: BLE001  (the surface's edge)
        occurrence = secrets.token_hex(8)
        logger.error("call %s: %s", occurrence, logged_with_frames(error))  # noqa: TRY400
        return answer_error(ConfigError(Code.INTERNAL, f"look for {occurrence} in the log"))


def _key(meta: Mapping[str, Any]) -> str | None:
    """The host's key of a call.

    Raises:
        RefusedError: `invalid_input`; a key that is not read is no key, and the call would be made
            a second time.
    """
    given: object = meta.get(KEY)
    if given is None:
        return None
    if isinstance(given, str) and 1 <= len(given) <= _MOST_KEY_CHARS and given.isprintable():
        return given
    raise RefusedError(
        Code.INVALID_INPUT,
        f"`{KEY}` is no text of 1 to {_MOST_KEY_CHARS} printable characters",
        next_step="use a shorter one, such as a UUID",
    )


def _described(tool: Tool) -> McpTool:
    return McpTool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=dict(tool.input_schema),
        output_schema=dict(tool.output_schema),
        annotations=ToolAnnotations(
            read_only_hint=tool.reads_only,
            destructive_hint=not tool.reads_only and not tool.reversible,
            idempotent_hint=True,
            open_world_hint=not tool.reads_only,
        ),
    )
