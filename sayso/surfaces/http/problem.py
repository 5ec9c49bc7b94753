"""Errors as RFC 9457 problem documents: the code, a sentence and the next step, nothing else."""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Mapping

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import Scope

from sayso.connectors.plain import plain
from sayso.errors import CODES, Code, RefusedError, RetryableError, SaysoError, logged
from sayso.sdk.tokens import Token
from sayso.sdk.turned_away import TurnedAway
from sayso.surfaces.http.wording import Models, explain, models_in

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
    code: str = Field(description="stable; docs/errors.md lists them")
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
    occurrence = secrets.token_hex(8)
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
    turned_away: object = request.app.state.turned_away
    assert isinstance(turned_away, TurnedAway)
    token: object = getattr(request.state, "token", None)
    await turned_away.note(code, token if isinstance(token, Token) else None)


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
