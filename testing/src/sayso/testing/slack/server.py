"""The fake's HTTP side: reads arguments, lets faults happen, and answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from importlib.util import find_spec
from urllib.parse import parse_qsl

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp

from sayso.ids import monotonic_s
from sayso.json import JsonObject, JsonValue
from sayso.testing.slack.records import ApiCall, FaultKind, SlackFault
from sayso.testing.slack.state import SlackState
from sayso.testing.slack.web_api import SlackSaysNoError, WebApi


def api_app(state: SlackState) -> Starlette:
    """The Web API as an ASGI app."""
    api = WebApi(state)

    async def call(request: Request) -> Response:
        method = request.path_params["method"]
        arguments = await _arguments(request)
        fault = state.take_fault(method)
        if fault is not None and fault.kind is FaultKind.DELAYED:
            state.count_delayed()
            await asyncio.to_thread(state.gate.wait)
        early = None if fault is None else _instead(fault)
        if early is not None:
            state.record(_call(method, arguments, fault.error if fault else ""))
            return early
        if fault is not None and fault.kind is FaultKind.HANGS:
            state.record(_call(method, arguments, "hangs"))
            return await _hang(request)
        answer = _do(state, api, request, method, arguments)
        if fault is not None and fault.kind is FaultKind.DONE_THEN_HANGS:
            return await _hang(request)
        return answer

    return Starlette(
        routes=[
            Route("/api/apps.connections.open", _open_socket(state), methods=["POST"]),
            Route("/api/{method}", call, methods=["GET", "POST"]),
            WebSocketRoute("/socket", state.sockets.serve),
        ]
    )


def _open_socket(state: SlackState) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        state.record(_call("apps.connections.open", {}, ""))
        if not request.headers.get("authorization", "").startswith("Bearer xapp-"):
            return JSONResponse({"ok": False, "error": "not_allowed_token_type"})
        return JSONResponse({"ok": True, "url": f"ws://{request.url.netloc}/socket?ticket=1"})

    return answer


def _do(
    state: SlackState, api: WebApi, request: Request, method: str, arguments: JsonObject
) -> Response:
    word = ""
    messages: tuple[str, ...] = ()
    answer: dict[str, JsonValue] = {}
    with state.changed:
        try:
            if not request.headers.get("authorization", "").startswith("Bearer xoxb-"):
                raise SlackSaysNoError("not_authed")
            answer = dict(api.answer(method, arguments))
        except SlackSaysNoError as error:
            word, messages = error.error, error.messages
        state.record(_call(method, arguments, word))
    if word:
        metadata = {"messages": list(messages)}
        return JSONResponse({"ok": False, "error": word, "response_metadata": metadata})
    return JSONResponse({"ok": True, **answer}, headers={"x-oauth-scopes": state.scopes})


def _call(method: str, arguments: JsonObject, error: str) -> ApiCall:
    return ApiCall(method=method, arguments=arguments, error=error, at=monotonic_s())


def _instead(fault: SlackFault) -> Response | None:
    match fault.kind:
        case FaultKind.RATE_LIMITED:
            headers = {"retry-after": str(fault.retry_after_s)}
            body = {"ok": False, "error": "ratelimited"}
            return JSONResponse(body, status_code=429, headers=headers)
        case FaultKind.SERVER_ERROR:
            return Response("upstream error", status_code=503)
        case FaultKind.REFUSED:
            return JSONResponse({"ok": False, "error": fault.error})
        case _:
            return None


async def _hang(request: Request) -> Response:
    """Answer nothing until the caller has given up."""
    while (await request.receive())["type"] != "http.disconnect":
        continue
    return Response(status_code=499)


async def _arguments(request: Request) -> JsonObject:
    """The arguments, wherever a caller may put them."""
    if request.method == "GET":
        return dict(request.query_params)
    raw = await request.body()
    if request.headers.get("content-type", "").startswith("application/json"):
        value: JsonValue = orjson.loads(raw or b"{}")
        return value if isinstance(value, Mapping) else {}
    form = parse_qsl(raw.decode(), keep_blank_values=True)
    return {key: orjson.loads(text) if text[:1] in {"{", "["} else text for key, text in form}


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, which belong to whoever owns the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.over = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        # NOTE: uvicorn's own loop looks for its end ten times a second, which tests would wait for.
        await self.on_tick(0)
        await self.over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # NOTE: uvicorn waits a tenth of a second for clients to notice; ours are gone by now.
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def loopback() -> socket.socket:
    """A listening socket on a free port of 127.0.0.1."""
    # NOTE: asyncio switches Nagle's delay off only where the protocol is named: 40 ms an answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)
    return listener


@contextlib.asynccontextmanager
async def serve_on_loopback(
    app: ASGIApp, listener: socket.socket | None = None
) -> AsyncGenerator[str]:
    """Serve an app in the running event loop; its lifespan is left to the caller.

    Yields:
        its address, such as `http://127.0.0.1:40123`.
    """
    sock = listener or loopback()
    # Socket Mode wants the package websockets, which only those who try that have to install.
    sockets = "websockets-sansio" if find_spec("websockets") else "none"
    config = uvicorn.Config(app, log_level="warning", access_log=False, ws=sockets, lifespan="off")
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]), name="loopback server")
    ready = asyncio.create_task(server.ready.wait())
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    try:
        if task.done():
            task.result()
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.over.set()
        await asyncio.gather(task, return_exceptions=True)
        sock.close()
