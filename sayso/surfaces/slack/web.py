"""Slack's Web API, as far as we need it: few methods, short timeouts, errors of our own tree."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping

import httpx
import orjson

from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError
from sayso.json import JsonObject, JsonValue
from sayso.network import quieten
from sayso.secret import HIDDEN, Secret

_BUSY = frozenset({"ratelimited", "rate_limited"})
_AGAIN = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
)
_MOST_SHOWN = 200
_TRIES = 3
_LONGEST_PAUSE_S = 600.0
"""Whatever asks for more, perhaps something between us and Slack, is asked again after that."""


class SlackRefusedError(RefusedError):
    """Slack said no.

    Args:
        error: Slack's own word, such as `channel_not_found`.
    """

    def __init__(self, method: str, error: str, detail: str = "") -> None:
        super().__init__(
            Code.PROVIDER_REFUSED,
            f"slack refused `{method}`: {error[:80]}",
            next_step="look the word up in Slack's documentation of that method",
            detail=detail[:_MOST_SHOWN],
        )
        self.error = error


class SlackWeb:
    """Calls Slack's Web API with the bot's token.

    Args:
        api_url: ends in `/api/`.
        token: the bot's.
    """

    def __init__(self, api_url: str, token: Secret) -> None:
        self._token = token
        quieten()
        # NOTE: the environment's proxies are not trusted: a token leaves through this client.
        self._client = httpx.AsyncClient(base_url=api_url, trust_env=False)

    async def call(
        self, method: str, arguments: Mapping[str, JsonValue], *, timeout_s: float
    ) -> JsonObject:
        """One call, never repeated here.

        Args:
            method: such as `chat.postMessage`.
            timeout_s: for the whole of it.

        Raises:
            SlackRefusedError: Slack said no.
            RetryableError: `provider_rate_limited` with `retry_after_s`, or
                `provider_unavailable` when surely nothing was sent.
            OutcomeUnknownError: it was sent, and no readable answer came.
        """
        try:
            # NOTE: httpx bounds each part of an answer, and an answer may have any number of them.
            async with asyncio.timeout(timeout_s):
                answer = await self._client.post(
                    method,
                    content=orjson.dumps(dict(arguments)),
                    headers={
                        "authorization": f"Bearer {self._token.reveal()}",
                        "content-type": "application/json; charset=utf-8",
                    },
                    timeout=timeout_s,
                )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise RetryableError(
                Code.PROVIDER_UNAVAILABLE, "slack cannot be reached", detail=type(error).__name__
            ) from error
        except (httpx.HTTPError, TimeoutError) as error:
            raise _unknown(method, type(error).__name__) from error
        return _read(method, answer, self._token)

    async def call_again(
        self,
        method: str,
        arguments: Mapping[str, JsonValue],
        *,
        timeout_s: float,
        sleep: Callable[[float], Awaitable[None]],
    ) -> JsonObject:
        """The same, tried three times where Slack asks for a pause, of half a minute at most.

        Raises:
            As `call`.
        """
        for _ in range(_TRIES - 1):
            try:
                return await self.call(method, arguments, timeout_s=timeout_s)
            except RetryableError as error:
                if error.retry_after_s is None:
                    raise
                await sleep(min(error.retry_after_s, 30.0))
        return await self.call(method, arguments, timeout_s=timeout_s)

    async def read(
        self, method: str, arguments: Mapping[str, str | int], *, timeout_s: float
    ) -> JsonObject:
        """One reading call; its arguments go in the query, as Slack's reading methods need it.

        Raises:
            SlackRefusedError: Slack said no.
            RetryableError: no answer, in whatever way; reading changes nothing.
        """
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._client.get(
                    method,
                    params=dict(arguments),
                    headers={"authorization": f"Bearer {self._token.reveal()}"},
                    timeout=timeout_s,
                )
            return _read(method, answer, self._token)
        except (httpx.HTTPError, TimeoutError, OutcomeUnknownError) as error:
            raise RetryableError(
                Code.PROVIDER_UNAVAILABLE, "slack does not answer", detail=type(error).__name__
            ) from error

    async def scopes(self, *, timeout_s: float) -> frozenset[str]:
        """What the token may do; empty where Slack does not say.

        Raises:
            RetryableError: no answer.

        Source: Slack docs, Installing with OAuth: every answer has them in `x-oauth-scopes`.
        """
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._client.get(
                    "auth.test",
                    headers={"authorization": f"Bearer {self._token.reveal()}"},
                    timeout=timeout_s,
                )
        except (httpx.HTTPError, TimeoutError) as error:
            raise RetryableError(
                Code.PROVIDER_UNAVAILABLE, "slack does not answer", detail=type(error).__name__
            ) from error
        said = answer.headers.get("x-oauth-scopes", "")
        return frozenset(one.strip() for one in said.split(",") if one.strip())

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _read(method: str, answer: httpx.Response, token: Secret) -> JsonObject:
    if answer.status_code == 429:
        raise _busy(answer.headers.get("retry-after", ""))
    if answer.status_code >= 500:
        raise _unknown(method, f"HTTP {answer.status_code}")
    try:
        value: JsonValue = orjson.loads(answer.content)
    except orjson.JSONDecodeError as error:
        raise _unknown(method, "not JSON") from error
    if not isinstance(value, Mapping):
        raise _unknown(method, "not an object")
    if value.get("ok") is True:
        return value
    word = str(value.get("error", f"HTTP {answer.status_code}"))
    if word in _BUSY:
        raise _busy(answer.headers.get("retry-after", ""))
    if word in _AGAIN:
        raise _unknown(method, word)
    # INVARIANT: a word of another form, and whatever holds the token, may be what we sent.
    word = word if re.fullmatch("[a-z_]{1,80}|HTTP [0-9]{3}", word) else "an unknown word"
    raise SlackRefusedError(method, word, _details(value).replace(token.reveal(), HIDDEN))


def _details(value: JsonObject) -> str:
    metadata = value.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, Mapping) else None
    if not isinstance(messages, list):
        return ""
    return "; ".join(str(message) for message in messages)


def _busy(retry_after: str) -> RetryableError:
    seconds = float(retry_after) if retry_after.isdecimal() and len(retry_after) < 6 else 1.0
    return RetryableError(
        Code.PROVIDER_RATE_LIMITED,
        "slack asks for a pause",
        retry_after_s=min(seconds, _LONGEST_PAUSE_S),
    )


def _unknown(method: str, detail: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        Code.OUTCOME_UNKNOWN, f"slack gave no answer to `{method}`", detail=detail
    )
