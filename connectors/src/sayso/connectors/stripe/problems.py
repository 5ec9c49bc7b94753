"""What went wrong at Stripe, put into our tree: did nothing, said no, or nobody knows.

Each error speaks for the one request that failed, not for earlier tries with the same key.

| Stripe, or the way to it | a write becomes | a read becomes |
|---|---|---|
| no connection, so no byte left | RetryableError | RetryableError |
| time-out, reset, garbage, 5xx, 3xx | OutcomeUnknownError | RetryableError |
| 400 `idempotency_error`: the key came with other parameters before | OutcomeUnknownError | never |
| 409 `idempotency_key_in_use`, 429 | RetryableError | RetryableError |
| 400, 402, 404 in Stripe's own words | RefusedError | RefusedError |
| 401, 403 | RefusedError | RefusedError |

A saved 500 is replayed for as long as Stripe keeps the key, so after a 500 only a look-up helps.

Source: Stripe docs: Errors, Idempotent requests, Rate limits, Advanced error handling.
"""

from __future__ import annotations

import re

import httpx
import stripe

from sayso.connectors.stripe.proof import LOOK_OR_WAIT
from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError, SaysoError
from sayso.text import plain

_NOTHING_LEFT_US = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)
_PERMISSION = re.compile(r"'(rak_[a-z0-9_]{1,60})'")
_IN_USE_PAUSE_S = 2.0
_SAID_NO = frozenset({400, 402, 404})


def explain(error: stripe.StripeError, *, writing: bool) -> SaysoError:
    """Our error for Stripe's.

    Args:
        error: what the SDK raised.
        writing: whether the request could have changed something.
    """
    detail = f"http {error.http_status or '-'}, request {error.request_id or '-'}"
    if isinstance(error, stripe.APIConnectionError):
        return _no_answer(error, writing, detail)
    status = error.http_status
    if isinstance(error, stripe.RateLimitError) or status == 429:
        return _pause(error, detail)
    if status == 401:
        return RefusedError(
            Code.NEEDS_REAUTH,
            "stripe does not accept the API key",
            next_step="put a valid key where the connector's `api_key` points and start again",
            detail=detail,
        )
    if status == 403:
        return _not_permitted(error, detail)
    if status == 409 and code_of(error) == "idempotency_key_in_use":
        return RetryableError(
            Code.PROVIDER_UNAVAILABLE,
            "stripe is still working on an earlier try of this very call",
            next_step="try again with the same key in a moment",
            detail=detail,
            retry_after_s=_retry_after(error) or _IN_USE_PAUSE_S,
        )
    if isinstance(error, stripe.IdempotencyError):
        # The key belongs to this action alone, so an earlier try of it was made in another shape
        # (by another version of this connector, say) and may have had its effect.
        words = "stripe knows the key from a call in another shape"
        return _unknown(words, writing, detail, answered=True)
    if status in _SAID_NO and error.error is not None:
        return refused(error, detail)
    return _unknown("stripe's answer cannot be used", writing, detail, answered=True)


def refused(error: stripe.StripeError, detail: str = "") -> RefusedError:
    """Stripe understood and said no, in its own words and with its code."""
    words = plain(error.user_message, limit=200).rstrip(".") or "no reason given"
    code = f" ({code_of(error)})" if code_of(error) else ""
    return RefusedError(
        Code.PROVIDER_REFUSED,
        f"stripe said no: {words}{code}",
        next_step="look at the object in the Stripe dashboard, then ask anew",
        detail=detail,
    )


def code_of(error: stripe.StripeError) -> str:
    """Stripe's code, or empty. NOTE: the SDK copies it to `code` for some statuses only."""
    if error.code:
        return error.code
    found = error.error
    return (found.code or "") if found is not None and "code" in found else ""


def unreadable(what: str) -> OutcomeUnknownError:
    """Stripe answered a write with success, but not with what was asked for."""
    return OutcomeUnknownError(
        Code.OUTCOME_UNKNOWN,
        f"stripe's answer is no {what} of this action",
        next_step=LOOK_OR_WAIT,
    )


def _no_answer(error: stripe.APIConnectionError, writing: bool, detail: str) -> SaysoError:
    cause = error.__cause__
    name = type(cause).__name__ if cause is not None else "unknown"
    if isinstance(cause, _NOTHING_LEFT_US):
        return RetryableError(
            Code.PROVIDER_UNAVAILABLE,
            "stripe cannot be reached, so nothing was sent",
            next_step="check the network and the connector's `base_url`",
            detail=f"{detail}, {name}",
            sent=False,
        )
    return _unknown("stripe did not answer", writing, f"{detail}, {name}")


def _unknown(message: str, writing: bool, detail: str, *, answered: bool = False) -> SaysoError:
    if writing:
        return OutcomeUnknownError(
            Code.OUTCOME_UNKNOWN,
            f"{message}, so it may have been done",
            next_step=LOOK_OR_WAIT,
            detail=detail,
            answered=answered,
        )
    return RetryableError(
        Code.PROVIDER_UNAVAILABLE, message, next_step="try again in a moment", detail=detail
    )


def _pause(error: stripe.StripeError, detail: str) -> RetryableError:
    return RetryableError(
        Code.PROVIDER_RATE_LIMITED,
        "stripe asks for a pause",
        next_step="try again later",
        detail=detail,
        retry_after_s=_retry_after(error),
    )


def _not_permitted(error: stripe.StripeError, detail: str) -> RefusedError:
    # NOTE: Stripe's own sentence repeats parts of the key, so only the permission is taken from it.
    found = _PERMISSION.search(error.user_message or "")
    right = (
        f"the permission `{found[1]}`"
        if found
        else "the permissions of docs/reference/stripe-and-email.md"
    )
    return RefusedError(
        Code.PROVIDER_REFUSED,
        "the Stripe key may not do this",
        next_step=f"give the restricted key {right}",
        detail=detail,
    )


def _retry_after(error: stripe.StripeError) -> float | None:
    try:
        seconds = float((error.headers or {}).get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < 86_400 else None
