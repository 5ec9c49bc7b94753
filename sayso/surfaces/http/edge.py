"""The edge of every call: the order of the checks, safe headers, errors that nobody expected."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sayso.errors import Code, RefusedError, logged_with_frames
from sayso.json import JsonValue, first_double
from sayso.store.replica import looking
from sayso.surfaces.http.auth import admit
from sayso.surfaces.http.idempotency import check_one_key
from sayso.surfaces.http.problem import HttpError, Problem, ProblemResponse, refused
from sayso.telemetry import about, ids_now
from sayso.text import plain

logger = logging.getLogger("sayso.http")

_POLICY = "Content-Security-Policy"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    _POLICY: "default-src 'none'; frame-ancestors 'none'",
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


READ_FROM = "Sayso-Read-From"
"""Says of an answer for auditors how old it is, where there is a replica: `replica;age=12`."""


class GuardedRoute(PlainRoute):
    """A route for token holders: who calls is checked before a byte of the body is read."""

    only_looks = False
    """Whether it may be answered from a replica, once it is known who calls."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See `APIRoute`."""
        handler = super().get_route_handler()
        takes_body = self.body_field is not None

        async def handle(request: Request) -> Response:
            request.state.token = await admit(request)
            check_one_key(request)
            if takes_body:
                _check_media_type(request)
            asked = JsonRequest(request.scope, request.receive)
            if not self.only_looks:
                return await handler(asked)
            with looking() as call:
                response = await handler(asked)
            if call.age_s is not None:
                response.headers[READ_FROM] = f"replica;age={call.age_s}"
            elif call.instead:
                response.headers[READ_FROM] = "primary"
            return response

        return handle


class LookingRoute(GuardedRoute):
    """A route for auditors."""

    only_looks = True


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
                headers = MutableHeaders(scope=message)
                own = headers.get(_POLICY, _HEADERS[_POLICY])  # of a page, which is no JSON
                headers.update({**_HEADERS, _POLICY: own})
            await send(message)

        with about(call_id=secrets.token_hex(8)):
            try:
                await self._app(scope, receive, send_safely)
            except Exception as error:  # noqa: BLE001  (the surface's edge)
                answer = _unexpected(error)
                if not started:
                    await answer(scope, receive, send_safely)


def _unexpected(error: Exception) -> ProblemResponse:
    occurrence = ids_now()["call_id"]
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


MAX_BODY_BYTES = 1024 * 1024
MAX_DEPTH = 16
MAX_INT = 2**53 - 1
"""SOURCE: RFC 8259 §6: beyond it, readers that keep numbers as doubles round differently."""

_LONGEST_INT = 20
_BEYOND = 10**_LONGEST_INT
_MONEY_KEY = "amount_minor"


def read_json(body: bytes) -> JsonValue:
    """The value of a body.

    Args:
        body: UTF-8.

    Raises:
        RefusedError: `malformed_json` when it is not JSON; `invalid_input` (`invalid_money` for
            an amount) when it is JSON that readers understand differently, naming the field.
    """
    try:
        value: JsonValue = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_constant=_no_constant,
        )
    except UnicodeDecodeError:
        _malformed("it is not UTF-8")
    except json.JSONDecodeError as error:
        _malformed(f"{error.msg[:1].lower()}{error.msg[1:]} at character {error.pos}")
    except RecursionError:
        _too_deep("the body")
    for path, leaf in _leaves(value, (), 1):
        _check(path, leaf)
    return value


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) != len(pairs):
        double = first_double(name for name, _ in pairs) or ""
        _malformed(f"`{plain(double, limit=40)}` stands twice in one object")
    return found


def _integer(digits: str) -> int:
    # A million digits would take minutes to convert; all that is so long is refused anyway.
    return int(digits) if len(digits) <= _LONGEST_INT else _BEYOND


def _no_constant(name: str) -> NoReturn:
    _malformed(f"`{name}` is no JSON value")


Path = tuple[str | int, ...]


def _leaves(value: JsonValue, path: Path, depth: int) -> Iterator[tuple[Path, JsonValue]]:
    """Every scalar with its path, and every field's name at the path of its object."""
    if isinstance(value, dict):
        if depth > MAX_DEPTH:
            _too_deep(_name(path))
        for key, inner in value.items():
            yield path, key
            yield from _leaves(inner, (*path, key), depth + 1)
    elif isinstance(value, list):
        if depth > MAX_DEPTH:
            _too_deep(_name(path))
        for place, inner in enumerate(value):
            yield from _leaves(inner, (*path, place), depth + 1)
    else:
        yield path, value


_FRACTIONS = {("sums",), ("share",)}
"""Fields of a body that are no money of an action: caps in major units, and percent."""


def _check(path: Path, leaf: JsonValue) -> None:
    match leaf:
        case str():
            _check_text(path, leaf)
        case bool() | None:
            pass
        case int():
            if not -MAX_INT <= leaf <= MAX_INT:
                _bad_number(path, "is beyond 2^53-1, which not every reader keeps exactly")
        case float() if path[:1] not in _FRACTIONS:
            _bad_number(path, "is not a whole number")
        case _:
            pass


def _check_text(path: Path, text: str) -> None:
    if "\0" in text:
        _refuse(_name(path), "holds a NUL character", "remove it")
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse(_name(path), "holds half a character (a lone surrogate)", "send whole characters")


def _bad_number(path: Path, problem: str) -> NoReturn:
    money = bool(path) and path[-1] == _MONEY_KEY
    raise RefusedError(
        Code.INVALID_MONEY if money else Code.INVALID_INPUT,
        f"{_name(path)} {problem}",
        next_step='write money in minor units, such as {"amount_minor": 12900, "currency": "USD"}',
    )


def _refuse(name: str, problem: str, next_step: str) -> NoReturn:
    raise RefusedError(Code.INVALID_INPUT, f"{name} {problem}", next_step=next_step)


def _too_deep(name: str) -> NoReturn:
    _refuse(name, f"is nested more than {MAX_DEPTH} deep", "send a flatter object")


def _malformed(problem: str) -> NoReturn:
    raise RefusedError(
        Code.MALFORMED_JSON,
        f"the body is not valid JSON: {problem}",
        next_step="send one JSON object in UTF-8",
    )


def _name(path: Path) -> str:
    return f"`{plain('.'.join(map(str, path)), limit=60)}`" if path else "the body"
