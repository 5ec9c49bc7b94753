"""What became of a request, put into our tree: did nothing, said no, or nobody knows.

| the answer, or the way to it | a write becomes | a read becomes |
|---|---|---|
| no connection, so no byte left; a blocked address | RetryableError | RetryableError |
| time-out, reset, cut, garbage, 1xx, 3xx, 408, 425, 5xx | OutcomeUnknownError | RetryableError |
| 429 | RetryableError | RetryableError |
| 401, 403 | RefusedError | RefusedError |
| other 4xx in the provider's own words | RefusedError | RefusedError |
| 4xx in nobody's words, such as a proxy's HTML | OutcomeUnknownError | RetryableError |

Each error speaks for the one request that failed, not for earlier tries with the same key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError, SaysoError
from sayso.text import plain

LOOK_OR_WAIT = "wait for the look-up, or look at the provider"
MAX_PAUSE_S = 86_400
_OF_NOBODY = frozenset({408, 425, 502, 504})
"""Statuses by which somebody on the way says that an answer was lost."""


def not_sent(who: str, why: str, detail: str = "", *, pause_s: float | None = None) -> SaysoError:
    """The error of a request of which no byte left."""
    return RetryableError(
        Code.PROVIDER_UNAVAILABLE,
        f"{who} cannot be reached, so nothing was sent: {why}",
        next_step="check the network and the connector's address",
        detail=detail,
        retry_after_s=pause_s,
        sent=False,
    )


def no_answer(
    who: str, why: str, detail: str = "", *, writing: bool, answered: bool = False
) -> SaysoError:
    """The error of a request that was sent, and whose answer cannot be used.

    Args:
        answered: whether the provider itself answered, with an error; else its answer was lost.
    """
    if writing:
        return OutcomeUnknownError(
            Code.OUTCOME_UNKNOWN,
            f"{who}: {why}, so it may have been done",
            next_step=LOOK_OR_WAIT,
            detail=detail,
            answered=answered,
        )
    return RetryableError(
        Code.PROVIDER_UNAVAILABLE,
        f"{who}: {why}",
        next_step="try again in a moment",
        detail=detail,
    )


def problem_of(
    who: str,
    status: int,
    headers: Mapping[str, str],
    *,
    writing: bool,
    own_words: bool,
    said: str = "",
    retry_after: str = "retry-after",
) -> SaysoError | None:
    """What an answer's status says; None for success.

    Args:
        who: the connector, for the message.
        writing: whether the request could have changed something.
        own_words: whether the body is the provider's: readable, or empty.
        said: the provider's words for the message; foreign text.
        retry_after: the header that asks for a pause.
    """
    detail = f"http {status}"
    words = f": {plain(said, limit=200).rstrip('.')}" if said else ""
    if 200 <= status < 300:
        return None
    if status == 429:
        return RetryableError(
            Code.PROVIDER_RATE_LIMITED,
            f"{who} asks for a pause",
            next_step="try again later",
            detail=detail,
            retry_after_s=retry_after_of(headers, retry_after),
        )
    if not 400 <= status < 500 or status in (408, 425) or not own_words:
        why = f"its answer cannot be used (HTTP {status})"
        return no_answer(
            who, why, detail, writing=writing, answered=own_words and status not in _OF_NOBODY
        )
    if status == 401:
        return RefusedError(
            Code.NEEDS_REAUTH,
            f"{who} does not accept the credentials",
            next_step="put a valid key where the setting points, or authorise it again",
            detail=detail,
        )
    if status == 403:
        return RefusedError(
            Code.NEEDS_PERMISSION,
            f"{who} does not allow this to the credentials{words}",
            next_step="give them the scopes that its manifest lists (docs/reference/manifests.md)",
            detail=detail,
        )
    if status == 404 and not writing:
        return RefusedError(Code.UNKNOWN_OBJECT, f"{who} has no such object", detail=detail)
    return RefusedError(
        Code.PROVIDER_REFUSED,
        f"{who} said no (HTTP {status}){words}",
        next_step="look at the object at the provider, then ask anew",
        detail=detail,
    )


def retry_after_of(headers: Mapping[str, str], name: str = "retry-after") -> float | None:
    """How long the provider asks to wait, in seconds; None when it does not say.

    Source: RFC 9110 §10.2.3: seconds, or a date, which counts from the answer's own `Date`.
    """
    value = headers.get(name.lower(), "").strip()
    try:
        seconds = float(value)
    except ValueError:
        until, said_at = _date(value), _date(headers.get("date", ""))
        if until is None or said_at is None:
            return None
        seconds = (until - said_at).total_seconds()
    return min(max(seconds, 0.0), MAX_PAUSE_S) if seconds == seconds else None  # NaN is no time


def _date(value: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
