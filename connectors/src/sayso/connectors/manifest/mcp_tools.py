"""The tools of somebody's MCP server, as a manifest reads and calls them.

What a server says of itself is foreign text: a tool is known by the digest of its name, its
description and its schemas as somebody has reviewed them, and another digest is another tool.
Each call has a session of its own, so nothing of one customer is there for the next.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from sayso.connectors.http.outcome import LOOK_OR_WAIT, no_answer, not_sent
from sayso.connectors.manifest.schema import McpServer
from sayso.errors import Code, OutcomeUnknownError, RefusedError, SaysoError
from sayso.extras import missing_extra
from sayso.json import JsonValue
from sayso.nesting import read_json
from sayso.network import LOOPBACK, Destination, guarded_transport
from sayso.text import plain

if TYPE_CHECKING:
    import httpx2
    from mcp import Client

MAX_ANSWER_CHARACTERS = 1024 * 1024
MAX_TOOLS = 1000
_INVALID_PARAMS = -32602


@dataclass(frozen=True, slots=True, kw_only=True)
class McpTool:
    """A tool as its server describes it; foreign text.

    Attributes:
        name, description: the server's words.
        schema: of its arguments.
        answer: of what it gives; None where it does not say.
        reads_only: whether the server says that it changes nothing; its word alone.
    """

    name: str
    description: str
    schema: Mapping[str, JsonValue]
    answer: Mapping[str, JsonValue] | None
    reads_only: bool

    @property
    def digest(self) -> str:
        """By which somebody has reviewed it."""
        told = [self.name, self.description, self.schema, self.answer]
        raw = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return "sha256:" + hashlib.sha256(raw.encode()).hexdigest()


class McpTools:
    """See `Tools`: an MCP server, reached by the official client.

    Args:
        who: the connector, for messages.
        server: an address, or a program of this machine.
        headers: what shows who we are; a program gets the secret as the variable `secret_env`.
        timeout_s: for one session, all in all.
        private: networks that may be reached although they are private.
    """

    def __init__(
        self,
        *,
        who: str,
        server: McpServer,
        headers: Callable[[], Awaitable[Mapping[str, str]]],
        secret: Callable[[], Awaitable[str]],
        timeout_s: float,
        private: tuple[str, ...] = (),
    ) -> None:
        self._who = who
        self._server = server
        self._headers = headers
        self._secret = secret
        self._timeout_s = timeout_s
        self._private = private

    async def list_tools(self) -> Sequence[McpTool]:
        """Every tool of the server.

        Raises:
            RetryableError: it cannot be reached now.
        """
        try:
            async with asyncio.timeout(self._timeout_s), self._session() as client:
                return await _tools(client)
        except (Exception, asyncio.CancelledError) as error:
            _let_go(error)
            raise self._failed(error, sent=False, writing=False) from error

    async def call(
        self, tool: str, arguments: JsonValue, *, writing: bool, digest: str | None
    ) -> JsonValue:
        """See `Tools.call`.

        Raises:
            RefusedError: `not_reviewed`, when the server describes the tool in another way now;
                `provider_refused`, when it takes no such arguments. Nothing was done then.
        """
        sent, found = False, None
        try:
            async with asyncio.timeout(self._timeout_s), self._session() as client:
                if digest is not None:
                    self._check(tool, digest, await _tools(client))
                sent = True
                found = await client.call_tool(tool, cast("dict[str, Any]", arguments))
        except (Exception, asyncio.CancelledError) as error:
            _let_go(error)
            if found is None:  # what fails after the answer has come changes nothing of it
                raise self._failed(error, sent=sent, writing=writing) from error
        return self._payload(found, writing=writing)

    async def close(self) -> None:
        """Nothing is open between two calls."""

    def _check(self, name: str, digest: str, tools: Sequence[McpTool]) -> None:
        # INVARIANT: a tool that was changed since its review is not called.
        found = next((one for one in tools if one.name == name), None)
        if found is None or found.digest != digest:
            what = "has no such tool any more" if found is None else "describes it differently now"
            raise RefusedError(
                Code.NOT_REVIEWED,
                f"the tool `{plain(name, limit=60)}` is not as it was reviewed: its server {what}",
                next_step=f"run `sayso connector draft mcp` again, compare, and review {self._who}",
            )

    def _failed(self, error: BaseException, *, sent: bool, writing: bool) -> SaysoError:
        from mcp import MCPError

        inner = _innermost(error)
        if isinstance(inner, SaysoError):
            return inner
        if isinstance(inner, MCPError) and inner.error.code == _INVALID_PARAMS:
            # SOURCE: JSON-RPC 2.0 §5.1: the method was not run.
            said = plain(inner.error.message, limit=160)
            return RefusedError(Code.PROVIDER_REFUSED, f"{self._who} takes no such call: {said}")
        if not sent:
            return not_sent(self._who, "its MCP server does not answer", _named(inner))
        return no_answer(self._who, "its MCP server gave no answer", _named(inner), writing=writing)

    def _payload(self, found: Any, *, writing: bool) -> JsonValue:
        texts = [one.text for one in found.content if getattr(one, "type", "") == "text"]
        text = "\n".join(texts)
        if len(text) > MAX_ANSWER_CHARACTERS:
            raise no_answer(self._who, "its answer is too long", writing=writing)
        if found.is_error:
            said = plain(text, limit=200)
            if writing:
                # A tool that fails half-way says the same as one that did nothing.
                raise OutcomeUnknownError(
                    Code.OUTCOME_UNKNOWN,
                    f"{self._who} says that it went wrong, and not whether it was done: {said}",
                    next_step=LOOK_OR_WAIT,
                )
            raise RefusedError(Code.UNKNOWN_OBJECT, f"{self._who} says: {said}")
        if found.structured_content is not None:
            return cast("JsonValue", found.structured_content)
        try:
            return cast("JsonValue", read_json(text))
        except ValueError:
            return {"text": text}

    @asynccontextmanager
    async def _session(self) -> AsyncGenerator[Client]:
        client_type, stdio, http = _client()
        async with AsyncExitStack() as stack:
            if self._server.command is not None:
                transport: Any = stdio(*self._server.command, env=await self._environment())
            else:
                url = cast("str", self._server.url)
                opened = await stack.enter_async_context(
                    _guarded_client(url, await self._headers(), self._timeout_s, self._private)
                )
                transport = http(url, http_client=opened)
            yield await stack.enter_async_context(
                client_type(transport, read_timeout_seconds=self._timeout_s)
            )

    async def _environment(self) -> dict[str, str]:
        name = self._server.secret_env
        return {} if name is None else {name: await self._secret()}


def _client() -> tuple[Any, Callable[..., Any], Any]:
    try:
        from mcp import Client, StdioServerParameters
        from mcp.client.streamable_http import streamable_http_client
    except ImportError as error:
        raise missing_extra("mcp", "MCP servers need the extra `mcp`") from error

    def stdio(command: str, *args: str, env: dict[str, str]) -> Any:
        # The client passes on a few harmless variables of its own choice, and these.
        return StdioServerParameters(command=command, args=list(args), env=env)

    return Client, stdio, streamable_http_client


async def _tools(client: Client) -> list[McpTool]:
    found: list[McpTool] = []
    cursor: str | None = None
    while len(found) < MAX_TOOLS:
        page = await client.list_tools(cursor=cursor, cache_mode="refresh")
        for one in page.tools:
            hints = one.annotations
            found.append(
                McpTool(
                    name=one.name,
                    description=one.description or "",
                    schema=cast("Mapping[str, JsonValue]", one.input_schema),
                    answer=cast("Mapping[str, JsonValue] | None", one.output_schema),
                    reads_only=bool(hints is not None and hints.read_only_hint),
                )
            )
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


@asynccontextmanager
async def _guarded_client(
    url: str, headers: Mapping[str, str], timeout_s: float, private: tuple[str, ...]
) -> AsyncGenerator[httpx2.AsyncClient]:
    """The MCP client's own HTTP library over our transport, which judges every address."""
    import httpx
    import httpx2

    parts = urlsplit(url)
    host, here = parts.hostname or "", (parts.hostname or "") in LOOPBACK
    port = parts.port or (80 if parts.scheme == "http" else 443)
    destination = (
        Destination.this_machine([port])
        if here
        else Destination(hosts=frozenset({host}), ports=frozenset({port}), private=private)
    )
    guarded = guarded_transport(destination)

    class _Over(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            body = await request.aread()
            outgoing = httpx.Request(
                request.method, str(request.url), headers=list(request.headers.raw), content=body
            )
            outgoing.extensions = dict(request.extensions)
            answer = await guarded.handle_async_request(outgoing)
            return httpx2.Response(
                answer.status_code, headers=list(answer.headers.raw), stream=_Stream(answer)
            )

        async def aclose(self) -> None:
            await guarded.aclose()

    class _Stream(httpx2.AsyncByteStream):
        def __init__(self, answer: httpx.Response) -> None:
            self._answer = answer

        async def __aiter__(self) -> AsyncGenerator[bytes]:
            async for chunk in self._answer.aiter_raw():
                yield chunk

        async def aclose(self) -> None:
            await self._answer.aclose()

    async with httpx2.AsyncClient(
        transport=_Over(),
        headers=dict(headers),
        timeout=httpx2.Timeout(timeout_s),
        follow_redirects=False,
        trust_env=False,
    ) as client:
        yield client


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):  # none is empty
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


def _named(error: BaseException) -> str:
    return type(_innermost(error)).__name__


def _let_go(error: BaseException) -> None:
    """Pass on that this task was cancelled from outside; a time-out of ours is another thing."""
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
        raise error
