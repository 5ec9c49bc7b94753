"""Headers that join calls: the idempotency key, and the caller's trace."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

from fastapi import Depends, Header, Request

from sayso.errors import Code
from sayso.sdk.resources.tokens import Token
from sayso.surfaces.http.problem import HttpError, refused

KEY_HEADER = "Idempotency-Key"
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)

_RULES = Header(
    alias=KEY_HEADER,
    pattern=r"^[!-~]{1,200}$",
    description="made up by the caller, 1 to 200 visible ASCII characters, such as a UUID; the "
    "same key with the same content is one call, however often it is sent",
    examples=["8e03978e-40d5-43e8-bc93-6894a57f9324"],
)
Key = Annotated[str, _RULES]
KeyIfMeant = Annotated[str | None, _RULES]
"""Like `Key`, for a route that can also only ask."""


def bound_key(token: Token, key: str) -> str:
    """The key as the floors below get it: each holder's keys are their own.

    The tenant is a part of every row's key already. A renewed token of the same holder goes on
    with the same keys.
    """
    parts = "\0".join((token.kind, token.holder, key))
    return f"http_{hashlib.sha256(parts.encode()).hexdigest()}"


def check_one_key(request: Request) -> None:
    """Refuse a call with two keys, of which one would count and the other one be dropped.

    Raises:
        HttpError: 400 `invalid_input`.
    """
    if len(request.headers.getlist(KEY_HEADER)) > 1:
        raise refused(400, Code.INVALID_INPUT, f"`{KEY_HEADER}` stands twice", "send it once")


def missing_key() -> HttpError:
    """The refusal of a call that creates something without a key."""
    return refused(
        400,
        Code.INVALID_INPUT,
        f"`{KEY_HEADER}` is missing",
        f"send the header {KEY_HEADER} with a new UUID for each new call",
    )


def _traceparent(request: Request) -> str | None:
    # SOURCE: W3C Trace Context §3.2: one that cannot be parsed is ignored, never an error.
    given = request.headers.get("traceparent", "")
    return given if _TRACEPARENT.fullmatch(given) else None


Trace = Annotated[str | None, Depends(_traceparent)]
