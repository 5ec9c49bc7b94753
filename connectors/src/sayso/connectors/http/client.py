"""Sends one request and reads its whole answer, within bounds; never twice, never elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from sayso.connectors.http.breaker import Breaker, Monotonic, RequestPace
from sayso.connectors.http.outcome import no_answer, not_sent
from sayso.errors import SaysoError
from sayso.network import Destination, guarded_transport, quieten

if TYPE_CHECKING:
    import ssl

    import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request.

    Attributes:
        method: such as `POST`.
        url: whole.
        headers: with what shows who we are; never logged.
        body: None for none.
        writing: whether it could change something.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes | None = field(default=None, repr=False)
    writing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """One whole answer.

    Attributes:
        status: such as 200.
        headers: by lower-case name.
        body: decoded, within the bound.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """The bounds of a client.

    Attributes:
        timeout_s: for one request, all in all.
        connect_s: for a connection.
        answer_bytes: of an answer's body, decoded.
        per_second, burst: how fast requests leave; None for as fast as they come.
        failures: in a row until requests are held back, and `open_s` for how long.
    """

    timeout_s: float = 30.0
    connect_s: float = 5.0
    answer_bytes: int = 4 * 1024 * 1024
    per_second: int | None = None
    burst: int | None = None
    failures: int = 8
    open_s: float = 15.0


class Sender(Protocol):
    """Whatever sends a request: `HttpClient`, or a recording of what was sent."""

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """See `HttpClient.send`."""
        ...

    async def close(self) -> None:
        """Let go of sockets."""
        ...


class HttpClient:
    """A client of one connector.

    Args:
        who: the connector, for messages.
        destination: where it may connect to.
        limits: its bounds.
        verify: other authorities than the usual ones, for tests.
        monotonic: a clock that never goes back.

    Guarantees: one request is sent once and to an allowed host; a redirect is an answer and never
    followed; no proxy and no credentials come from the environment. Nothing is imported or opened
    before the first request.
    """

    def __init__(
        self,
        *,
        who: str,
        destination: Destination,
        limits: HttpLimits | None = None,
        verify: ssl.SSLContext | None = None,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._who = who
        self._destination = destination
        self._limits = limits or HttpLimits()
        self._verify = verify
        self._monotonic = monotonic
        self._opened: httpx.AsyncClient | None = None
        self._breakers: dict[str, Breaker] = {}
        self._pace = RequestPace(self._limits.per_second, self._limits.burst, monotonic=monotonic)

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Send a request and read its answer, whatever its status.

        Raises:
            RetryableError: nothing was sent; or a read got no usable answer.
            OutcomeUnknownError: a write was sent, and got no usable answer.
        """
        breaker = self._breaker_of(request.url)
        held_s = breaker.open_for()
        if held_s is not None:
            raise not_sent(self._who, "it failed several times in a row", pause_s=held_s)
        try:
            await self._pace.wait()
            answer = await self._exchange(request)
        except SaysoError:
            breaker.failed()
            raise
        except BaseException:
            breaker.nothing()
            raise
        if answer.status >= 500:
            breaker.failed()
        else:
            breaker.succeeded()
        return answer

    async def _exchange(self, request: HttpRequest) -> HttpAnswer:
        import httpx  # loaded by `_client` anyway
        from ssrfguard import SSRFGuardError

        nothing_left = (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.UnsupportedProtocol,
            httpx.InvalidURL,
            httpx.LocalProtocolError,
        )
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                async with self._client().stream(
                    request.method,
                    request.url,
                    headers=dict(request.headers),
                    content=request.body,
                ) as response:
                    body = await self._body(response)
                    headers = {name.lower(): value for name, value in response.headers.items()}
                    return HttpAnswer(status=response.status_code, headers=headers, body=body)
        except SSRFGuardError as error:
            why = "its address is not one that may be connected to"
            raise not_sent(self._who, why, type(error).__name__) from error
        except nothing_left as error:
            raise not_sent(self._who, "there is no connection", type(error).__name__) from error
        except (httpx.HTTPError, httpx.StreamError, TimeoutError, _TooLongError) as error:
            raise no_answer(
                self._who,
                "it gave no usable answer",
                type(error).__name__,
                writing=request.writing,
            ) from error

    async def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._limits.answer_bytes:
                raise _TooLongError
        return bytes(body)

    def _breaker_of(self, url: str) -> Breaker:
        host = urlsplit(url).netloc
        if host not in self._breakers:
            limits = self._limits
            self._breakers[host] = Breaker(limits.failures, limits.open_s, self._monotonic)
        return self._breakers[host]

    def _client(self) -> httpx.AsyncClient:
        if self._opened is None:
            import httpx  # 140 ms, which only a process that connects pays for

            quieten()
            limits = self._limits
            self._opened = httpx.AsyncClient(
                transport=guarded_transport(self._destination, verify=self._verify),
                timeout=httpx.Timeout(limits.timeout_s, connect=limits.connect_s),
                trust_env=False,
                follow_redirects=False,
                headers={"accept-encoding": "identity", "user-agent": "sayso"},
            )
        return self._opened

    async def close(self) -> None:
        """Close the sockets; the next request opens them again."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.aclose()


class _TooLongError(Exception):
    """The answer is longer than any that is meant for us."""
