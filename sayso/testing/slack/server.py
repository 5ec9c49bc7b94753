"""The fake's HTTP side: reads arguments, lets faults happen, and answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qsl

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sayso.ids import monotonic_s
from sayso.json import JsonObject, JsonValue
from sayso.testing.slack.records import ApiCall, FaultKind, SlackFault
from sayso.testing.slack.state import State
from sayso.testing.slack.web_api import SlackSaysNoError, WebApi


def api_app(state: State) -> Starlette:
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

    return Starlette(routes=[Route("/api/{method}", call, methods=["GET", "POST"])])


def _do(
    state: State, api: WebApi, request: Request, method: str, arguments: JsonObject
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
    return JSONResponse({"ok": True, **answer})


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
