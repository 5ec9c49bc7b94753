"""Errors as RFC 9457 problem documents: the code, a sentence and the next step, nothing else."""

from __future__ import annotations

import difflib
import logging
import math
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast, get_args

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import Scope

from sayso.errors import CODES, Code, RefusedError, RetryableError, SaysoError, logged
from sayso.sdk.background.rejected_calls import RejectedCalls
from sayso.sdk.resources.tokens import Token
from sayso.telemetry import ids_now
from sayso.text import plain

logger = logging.getLogger("sayso.http")

MEDIA_TYPE = "application/problem+json"
_FIRST_PAUSE_S = 1.0
"""What `Retry-After` says when the other side named no time."""


class Problem(BaseModel):
    """Why a call was not done. Source: RFC 9457; `code` and `next_step` are ours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(description="`urn:sayso:error:` and the code")
    title: str = Field(description="the problem in a few words, the same for each code")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what was wrong with this very call")
    code: str = Field(description="stable; docs/reference/errors.md lists them")
    next_step: str = Field(description="what to do about it; may be empty")
    instance: str = Field(description="names this occurrence, as the server's log does")


class ProblemResponse(JSONResponse):
    """A problem document."""

    media_type = MEDIA_TYPE


class HttpError(HTTPException):
    """An error with another status or further headers than its code has.

    It is an `HTTPException` so that FastAPI lets it through while it reads a body.
    """

    def __init__(
        self,
        error: SaysoError,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status or CODES[error.code].status, error.message, headers)
        self.error = error


def refused(status: int, code: Code, message: str, next_step: str) -> HttpError:
    """A refusal with that status."""
    return HttpError(RefusedError(code, message, next_step=next_step), status=status)


def respond(
    scope: Scope,
    error: SaysoError,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> ProblemResponse:
    """The answer for an error; its occurrence goes to the log, without the caller's values."""
    info = CODES[error.code]
    occurrence = ids_now().get("call_id") or secrets.token_hex(8)
    problem = Problem(
        type=f"urn:sayso:error:{error.code.value}",
        title=info.title,
        status=status or info.status,
        detail=error.message,
        code=error.code.value,
        next_step=error.next_step,
        instance=f"urn:sayso:problem:{occurrence}",
    )
    _log(scope, problem, occurrence, error)
    extra = dict(headers or {})
    if isinstance(error, RetryableError):
        wait = _FIRST_PAUSE_S if error.retry_after_s is None else error.retry_after_s
        extra["Retry-After"] = str(max(1, math.ceil(wait)))
    return ProblemResponse(problem.model_dump(), status_code=problem.status, headers=extra)


def _log(scope: Scope, problem: Problem, occurrence: str, error: SaysoError) -> None:
    # The template of the path, not the path: what callers write stays out of the log.
    route = getattr(scope.get("route"), "path", "-")
    words = (occurrence, problem.status, problem.code, scope.get("method", "-"), route)
    if problem.status >= 500:
        logger.error("problem %s: %s %s, %s %s: %s", *words, logged(error))
    else:
        logger.info("problem %s: %s %s, %s %s", *words)


async def on_sayso_error(request: Request, error: Exception) -> ProblemResponse:
    """The handler for the whole tree of `sayso.errors`."""
    assert isinstance(error, SaysoError)
    return respond(request.scope, error)


async def on_http_error(request: Request, error: Exception) -> ProblemResponse:
    """The handler for `HttpError`, and for what FastAPI and Starlette refuse themselves."""
    assert isinstance(error, HTTPException)
    if isinstance(error, HttpError):
        await _note(request, error.error.code)
        return respond(request.scope, error.error, status=error.status_code, headers=error.headers)
    code, message, next_step = _words(request, error.status_code)
    await _note(request, code)
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = ", ".join(_methods_of(request)) or headers["Allow"]
    return respond(
        request.scope,
        RefusedError(code, message, next_step=next_step),
        status=error.status_code,
        headers=headers,
    )


def _methods_of(request: Request) -> list[str]:
    """What is possible at the path; Starlette names only what its first route there takes."""
    route = request.scope.get("route")
    methods: Mapping[str, frozenset[str]] = request.app.state.methods
    return sorted(methods.get(route.path, ())) if isinstance(route, APIRoute) else []


async def _note(request: Request, code: Code) -> None:
    """Have it recorded: nothing below will see this call (invariant 7)."""
    rejected_calls: object = request.app.state.rejected_calls
    assert isinstance(rejected_calls, RejectedCalls)
    token: object = getattr(request.state, "token", None)
    await rejected_calls.note(code, token if isinstance(token, Token) else None, via="http")


def _words(request: Request, status: int) -> tuple[Code, str, str]:
    match status:
        case 404:
            path = plain(request.url.path, limit=60)
            return Code.NOT_FOUND, f"there is no `{path}`", "see /openapi.json for what there is"
        case 405:
            method = plain(request.method, limit=20)
            return Code.INVALID_INPUT, f"`{method}` is not possible here", "see the Allow header"
        case 400:
            return Code.MALFORMED_JSON, "the body cannot be read", "send one JSON object in UTF-8"
        case _:
            return Code.INVALID_INPUT, "the call cannot be understood", "see /openapi.json"


async def on_invalid(request: Request, error: Exception) -> ProblemResponse:
    """The handler for what does not fit a route's models: 400 for headers, else 422."""
    assert isinstance(error, RequestValidationError)
    status, refusal = explain(error.errors(), _models_of(request))
    await _note(request, refusal.code)
    return respond(request.scope, refusal, status=status)


def _models_of(request: Request) -> Models:
    """What the route of a call reads."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return {}
    read = {"query": route.dependant.query_params, "body": route.dependant.body_params}
    return {
        place: [model for field in fields for model in models_in(field.field_info.annotation)]
        for place, fields in read.items()
    }


_PATH_LIMIT = 60
_MOST_NAMED = 6
_BAD_REQUEST, _UNPROCESSABLE = 400, 422

Models = Mapping[str, Sequence[type[BaseModel]]]
"""What a call reads, by place: `query` and `body`."""


def explain(findings: Sequence[Any], models: Models) -> tuple[int, RefusedError]:
    """The first finding as a status and a refusal; never repeats a value, only field names.

    Args:
        findings: what `RequestValidationError.errors()` gives: dicts with `loc`, `type`, `msg`.
        models: of the call that was made.
    """
    first = cast("dict[str, Any]", findings[0])
    location = cast("Sequence[str | int]", first["loc"])
    place, names = str(location[0]), location[1:]
    path = plain(".".join(map(str, names)), limit=_PATH_LIMIT) or f"the {place}"
    known = _fields_at(models.get(place, ()), names[:-1])
    inside = _fields_at(models.get(place, ()), names) if names else []
    problem, step = _fault(str(first["type"]), str(first["msg"]), place, names, path, known, inside)
    more = _others(findings[1:])
    status = _BAD_REQUEST if place == "header" else _UNPROCESSABLE
    name = f"`{path}`" if names else path
    return status, RefusedError(Code.INVALID_INPUT, f"{name} {problem}{more}", next_step=step)


def _others(findings: Sequence[Any]) -> str:
    """What else is wrong: by name where it is only missing, else how much."""
    if not findings:
        return ""
    missing = [
        plain(".".join(map(str, one["loc"][1:])), limit=_PATH_LIMIT)
        for one in findings
        if one["type"] == "missing" and one["loc"][0] != "header"
    ]
    if len(missing) == len(findings) <= _MOST_NAMED:
        return f", and so {'is' if len(missing) == 1 else 'are'} {_listed(missing)}"
    return f" (and {len(findings)} more)"


def _listed(names: Sequence[str]) -> str:
    *most, last = (f"`{name}`" for name in names)
    return f"{', '.join(most)} and {last}" if most else last


def _fault(
    kind: str,
    message: str,
    place: str,
    names: Sequence[str | int],
    path: str,
    known: Sequence[str],
    known_in: Sequence[str],
) -> tuple[str, str]:
    match kind:
        case "missing" if place == "header":
            return (
                "is missing",
                f"send the header {path}; for the key, a new UUID for each new call",
            )
        case "missing":
            return "is missing", "add it; /openapi.json has an example"
        case "model_type" | "model_attributes_type" | "dict_type" if known_in:
            return "is no object", f"write an object with {_listed(known_in)}"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "is no object", "write a JSON object; /openapi.json has an example"
        case "string_pattern_mismatch" if path == "Idempotency-Key":
            return "is not valid", "send 1 to 200 visible ASCII characters, without spaces"
        case "extra_forbidden":
            near = difflib.get_close_matches(str(names[-1]), known, 1)
            what = "query parameter" if place == "query" else "field"
            return f"is no {what} of this call", (
                f"did you mean `{near[0]}`?" if near else "remove it"
            )
        case _:
            return f"is not valid: {message[:1].lower()}{message[1:]}", "correct it"


def _fields_at(models: Iterable[type[BaseModel]], path: Sequence[str | int]) -> list[str]:
    """The fields that there are at a path, such as those of a message in a list of them."""
    found = list(models)
    for part in path:
        if isinstance(part, str):
            fields = [model.model_fields[part] for model in found if part in model.model_fields]
            found = [model for field in fields for model in models_in(field.annotation)]
    return [name for model in found for name in model.model_fields]


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """The models that an annotation names, also in a list or beside None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)
