"""Calls that are one: the idempotency key, the mark that the ledger keeps of it, the trace."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Annotated, cast

import orjson
from fastapi import Depends, Header, Request

from sayso.errors import Code, RefusedError
from sayso.json import JsonValue
from sayso.sdk.resources.tokens import Token
from sayso.sdk.views.rows import EntryView
from sayso.surfaces.http.problem import HttpError, refused

_KEY_DIGITS, _CONTENT_DIGITS = 12, 8


def key_mark(key: str) -> str:
    """The mark of a call whose content is compared elsewhere: `http/KEY`."""
    return f"http/{_hash(key.encode(), _KEY_DIGITS)}"


def make_mark(key: str, content: JsonValue) -> str:
    """The mark of a call: `http/KEY/CONTENT`.

    Args:
        content: all that makes it another call, without free text, so that it can be erased.
    """
    whole = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return f"{key_mark(key)}/{_hash(whole, _CONTENT_DIGITS)}"


def via_of(entry: EntryView, token: Token) -> str:
    """How this person did what an entry says; empty when it was somebody else."""
    if entry.actor != f"person:{token.holder}":
        return ""
    return str(cast("Mapping[str, JsonValue]", entry.body.get("data", {})).get("via", ""))


def was_made(mark: str, earlier: Iterable[str], what: str) -> bool:
    """Whether the very call of a mark was made before.

    Args:
        earlier: the marks of this person's calls about the same things.
        what: what the call says, such as `decision`.

    Raises:
        RefusedError: `idempotency_conflict`, when its key was used for another content.
    """
    for via in earlier:
        if via == mark:
            return True
        if via.rpartition("/")[0] == mark.rpartition("/")[0]:
            raise RefusedError(
                Code.IDEMPOTENCY_CONFLICT,
                f"this idempotency key was used for another {what}",
                next_step=f"use a new key for a new {what}",
            )
    return False


async def decided_once(
    mark: str,
    marks: Callable[[], Awaitable[Iterable[str]]],
    decide: Callable[[], Awaitable[object]],
) -> None:
    """Take a decision, unless this very call took it before.

    Args:
        mark: the call's. marks: those of the person's calls about the same, by the log, now.

    Raises:
        RefusedError: as `decide`; `idempotency_conflict` when the person has used the key for
            another decision.
    """
    if was_made(mark, await marks(), "decision"):
        return
    try:
        await decide()
    except RefusedError as error:
        # The same call, sent twice at once: whoever comes second finds the first one's entries.
        lost = error.code in {Code.ALREADY_DECIDED, Code.STALE_REVISION}
        if not lost or not was_made(mark, await marks(), "decision"):
            raise


def _hash(value: bytes, digits: int) -> str:
    return hashlib.sha256(value).hexdigest()[:digits]


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


async def _traceparent(request: Request) -> str | None:
    # SOURCE: W3C Trace Context §3.2: one that cannot be parsed is ignored, never an error.
    given = request.headers.get("traceparent", "")
    return given if _TRACEPARENT.fullmatch(given) else None


Trace = Annotated[str | None, Depends(_traceparent)]
