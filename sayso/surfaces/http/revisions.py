"""Marks of calls: how the ledger itself remembers which call did something.

What a person did over HTTP is recorded as made via `http/KEY/CONTENT`, two short hashes, in the
same transaction as what they did. So there is no second memory that could disagree with it, and an
auditor can tell which call it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import cast

import orjson

from sayso.errors import Code, RefusedError
from sayso.json import JsonValue
from sayso.sdk.resources.tokens import Token
from sayso.sdk.views import EntryView

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


def _hash(value: bytes, digits: int) -> str:
    return hashlib.sha256(value).hexdigest()[:digits]
