"""The edge of every call: the order of the checks, safe headers, errors that nobody expected."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sayso.errors import Code, RefusedError, logged_with_frames
from sayso.json import JsonValue
from sayso.surfaces.http.auth import admit
from sayso.surfaces.http.body import MAX_BODY_BYTES, read_json
from sayso.surfaces.http.keys import check_one_key
from sayso.surfaces.http.problem import HttpError, Problem, ProblemResponse, refused

logger = logging.getLogger("sayso.http")

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class JsonRequest(Request):
    """A request whose body is read by our rules, and never beyond `MAX_BODY_BYTES`."""

    _whole: bytes | None = None

    async def body(self) -> bytes:
        """The body.

        Raises:
            HttpError: 413 `message_too_long`, at once where the length is announced.
        """
        if self._whole is None:
            announced = self.headers.get("content-length", "0")
            if announced.isdecimal() and int(announced) > MAX_BODY_BYTES:
                raise _too_large()
            parts: list[bytes] = []
            size = 0
            async for part in self.stream():
                size += len(part)
                if size > MAX_BODY_BYTES:
                    raise _too_large()
                parts.append(part)
            self._whole = b"".join(parts)
        return self._whole

    async def json(self) -> JsonValue:
        """The body's value.

        Raises:
            HttpError: see `read_json`.
        """
        try:
            return read_json(await self.body())
        except RefusedError as error:
            raise HttpError(error) from error


class PlainRoute(APIRoute):
    """A route whose query has one meaning; FastAPI would take the last of two `?dry_run=…`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See `APIRoute`."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            names = [name for name, _ in request.query_params.multi_items()]
            if len(set(names)) != len(names):
                raise refused(
                    422, Code.INVALID_INPUT, "a query parameter stands twice", "send it once"
                )
            return await handler(request)

        return handle


class GuardedRoute(PlainRoute):
    """A route for token holders: who calls is checked before a byte of the body is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See `APIRoute`."""
        handler = super().get_route_handler()
        takes_body = self.body_field is not None

        async def handle(request: Request) -> Response:
            request.state.token = await admit(request)
            check_one_key(request)
            if takes_body:
                _check_media_type(request)
            return await handler(JsonRequest(request.scope, request.receive))

        return handle


def _too_large() -> HttpError:
    return refused(
        413, Code.MESSAGE_TOO_LONG, f"a body has at most {MAX_BODY_BYTES:,} bytes", "send less"
    )


def _check_media_type(request: Request) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/json":
        raise refused(
            415,
            Code.INVALID_INPUT,
            "the body is not marked as JSON",
            "send `Content-Type: application/json`",
        )


class Edge:
    """Outermost layer: adds the headers, and turns an unexpected error into a problem with an id.

    What is logged of such an error is its type and where it arose: its text may hold what the
    caller sent.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_safely(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        try:
            await self._app(scope, receive, send_safely)
        except Exception as error:  # noqa: BLE001  (the surface's edge)
            answer = _unexpected(error)
            if not started:
                await answer(scope, receive, send_safely)


def _unexpected(error: Exception) -> ProblemResponse:
    occurrence = secrets.token_hex(8)
    logger.error("problem %s: %s", occurrence, logged_with_frames(error))
    problem = Problem(
        type=f"urn:sayso:error:{Code.INTERNAL.value}",
        title="an error inside Sayso",
        status=500,
        detail="something went wrong inside Sayso",
        code=Code.INTERNAL.value,
        next_step=f"look for {occurrence} in the server's log, and report it",
        instance=f"urn:sayso:problem:{occurrence}",
    )
    return ProblemResponse(problem.model_dump(), status_code=500)
