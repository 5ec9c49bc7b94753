"""The one door to Stripe: the official SDK over our own HTTP client, and its errors made ours.

This module imports the SDK, so nothing imports it before the first call.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.parse import quote

import httpx
import stripe

from sayso.connectors.retry import RetryPolicy
from sayso.connectors.stripe.answer import StripeAnswer
from sayso.connectors.stripe.optional import with_optional
from sayso.connectors.stripe.problems import explain, unreadable
from sayso.connectors.stripe.proof import PAGE
from sayso.errors import Code, RefusedError, RetryableError
from sayso.network import quieten
from sayso.secret import Secret
from sayso.text import plain

T = TypeVar("T")

MAX_ANSWER_BYTES = 2 * 1024 * 1024
_CONNECT_S = 5.0
_KEPT_S = 60.0
"""So long an idle connection is kept; a new one costs several rounds."""
_ENCODINGS = "gzip, deflate"
_ON_ACCOUNT = re.compile(r"on account '(acct_[A-Za-z0-9_]{1,60})'")
_SHAPE_ERRORS = (AttributeError, KeyError, TypeError, ValueError, IndexError, OverflowError)


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeAccount:
    """The connected account.

    Attributes:
        id: `acct_…`.
        title: with its name, as cards show it, such as `acct_1 (ACME EU)`.
    """

    id: str
    title: str


class _TooLongError(Exception):
    """The answer is longer than any answer Stripe gives."""


class _Transport(stripe.HTTPClient):
    """The SDK's requests over httpx: no proxies from the environment, no redirects, bounded.

    The SDK's own httpx client reads proxies from the environment and has no bound on an answer. A
    client of httpx would keep cookies and follow redirects; its transport is a pool alone.
    """

    name = "httpx"

    def __init__(self, *, timeout_s: float) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self._total_s = timeout_s
        timeout = httpx.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s))
        self._extensions = {"timeout": timeout.as_dict()}
        self._pool = httpx.AsyncHTTPTransport(
            trust_env=False, limits=httpx.Limits(keepalive_expiry=_KEPT_S)
        )

    async def request_async(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        post_data: str | bytes | None = None,
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request and read its whole answer."""
        try:
            request = httpx.Request(
                method,
                url,
                headers={"Accept-Encoding": _ENCODINGS, **headers},
                content=post_data or None,
                extensions=self._extensions,
            )
            async with asyncio.timeout(self._total_s):
                response = await self._pool.handle_async_request(request)
                try:
                    body = await _read(response)
                finally:
                    await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, _TooLongError) as error:
            raise stripe.APIConnectionError(  # type: ignore[no-untyped-call]
                "no usable answer from Stripe"
            ) from error
        # A read is filled in where it is looked at, see `StripeAnswer`.
        if method != "get" and response.status_code < 300:
            body = with_optional(body)
        return body, response.status_code, response.headers

    async def close_async(self) -> None:
        """Close the sockets."""
        await self._pool.aclose()


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise _TooLongError
    return bytes(body)


class StripeApi:
    """Reads and writes at Stripe, with our errors.

    Args:
        api_key: the key; a restricted one is enough (docs/reference/stripe-and-email.md lists its
        permissions).
        base_url: where the API is.
        version: the pinned `Stripe-Version`.
        timeout_s: seconds for one request, all in all.
        retry: how reads are repeated; a write is never repeated here, the engine decides that.
    """

    def __init__(
        self, *, api_key: Secret, base_url: str, version: str, timeout_s: float, retry: RetryPolicy
    ) -> None:
        quieten("stripe")
        self._transport = _Transport(timeout_s=timeout_s)
        self._client = stripe.StripeClient(
            api_key.reveal(),
            stripe_version=version,
            base_addresses={"api": base_url},
            max_network_retries=0,
            http_client=self._transport,
        )
        self._retry = retry
        self._account: StripeAccount | None = None

    async def read(self, *path: str, **params: Any) -> Any:
        """Ask for something that changes nothing: `read("charges", customer=…, limit=…)`.

        Args:
            path: below `/v1`, whoever wrote it: each part is quoted.
            params: the query, as Stripe documents it.

        Returns:
            a `StripeAnswer`, which reads like the SDK's object of that path.

        Raises:
            RefusedError: Stripe said no.
            RetryableError: no usable answer, after the policy's tries.
        """
        found = await self.find(*path, **params)
        if found is None:
            raise RefusedError(Code.PROVIDER_REFUSED, "stripe has no such object")
        return found

    async def find(self, *path: str, **params: Any) -> Any:
        """As `read`, but None when Stripe has no such object."""
        url = "/v1/" + "/".join(quote(part, safe="") for part in path)

        async def ask(client: stripe.StripeClient) -> StripeAnswer:
            found = await client.raw_request_async(  # pyright: ignore[reportUnknownMemberType]
                "get", url, **params
            )
            return StripeAnswer(_table(found.data))

        return await self._find(ask)

    async def page(self, *path: str, after: str | None, **params: Any) -> Any:
        """As `read`, of a list: up to `PAGE` of it after the object of that id, or the first."""
        if after is not None:
            params["starting_after"] = after
        return await self.read(*path, limit=PAGE, **params)

    async def _find(self, ask: Callable[[stripe.StripeClient], Awaitable[T]]) -> T | None:
        async def attempt() -> T | None:
            try:
                return await ask(self._client)
            except stripe.InvalidRequestError as error:
                if error.code == "resource_missing":
                    return None
                raise explain(error, writing=False) from error
            except stripe.StripeError as error:
                raise explain(error, writing=False) from error
            except _SHAPE_ERRORS as error:
                raise RetryableError(
                    Code.PROVIDER_UNAVAILABLE, "stripe's answer cannot be read"
                ) from error

        return await self._retry.run(attempt)

    async def write(self, ask: Callable[[stripe.StripeClient], Awaitable[T]], *, what: str) -> T:
        """Do something, once.

        Args:
            ask: sends it and reads the receipt out of the answer.
            what: what the answer has to be, for the message, such as `refund`.

        Raises:
            RefusedError: Stripe said no.
            RetryableError: it surely did nothing.
            OutcomeUnknownError: it was sent, and there is no usable answer.
        """
        try:
            return await ask(self._client)
        except stripe.StripeError as error:
            raise explain(error, writing=True) from error
        except _SHAPE_ERRORS as error:
            raise unreadable(what) from error

    async def account(self) -> StripeAccount:
        """The account that the key belongs to, asked once.

        A restricted key that may not read the account gets its id all the same, and no name:
        Stripe's refusal says it.

        Raises:
            RefusedError: the key is not accepted.
            RetryableError: no usable answer.
        """
        if self._account is None:
            self._account = await self._find(_account_of)
            if self._account is None:
                raise RefusedError(Code.PROVIDER_REFUSED, "stripe has no such object")
        return self._account

    async def close(self) -> None:
        """Close the sockets."""
        await self._transport.close_async()


def _table(found: object) -> dict[str, Any]:
    """The decoded object of an answer.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(found, dict):
        raise TypeError("no object")
    return cast("dict[str, Any]", found)


async def _account_of(client: stripe.StripeClient) -> StripeAccount:
    try:
        found = await client.v1.accounts.retrieve_current_async()
    except stripe.PermissionError as error:
        named = _ON_ACCOUNT.search(error.user_message or "")
        if named is None:
            raise
        return StripeAccount(id=named[1], title=named[1])
    return StripeAccount(id=found.id, title=_title(found))


def _title(account: stripe.Account) -> str:
    name: str | None = None
    profile = account.business_profile if "business_profile" in account else None
    if profile is not None and "name" in profile:
        name = profile.name
    settings = account.settings if "settings" in account else None
    if not name and settings is not None and "dashboard" in settings:
        name = settings.dashboard.display_name
    shown = plain(name, limit=60)
    return f"{account.id} ({shown})" if shown else account.id
