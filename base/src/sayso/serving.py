"""Serving an ASGI app: one port, loopback unless said otherwise, and a quiet, orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import signal
import socket
import threading
from collections.abc import Callable, Generator
from typing import Generic, Protocol, TypeVar

import uvicorn
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.server import HANDLED_SIGNALS

from sayso.errors import Code, ConfigError

_BACKLOG = 2048
HEADERS_S = 5.0
"""So long the headers of a call may take to arrive."""


App = TypeVar("App", bound=ASGIApp)


class Replaceable(Generic[App]):
    """An ASGI app whose place another one can take: each call is answered by who took it in."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._under_way: dict[int, int] = {}
        self._ended = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        app = self.app
        self._under_way[id(app)] = self._under_way.get(id(app), 0) + 1
        try:
            await app(scope, receive, send)
        finally:
            self._under_way[id(app)] -= 1
            self._ended.set()

    async def replace(self, app: App, *, grace_s: float) -> None:
        """Have another app take every call from now on.

        Returns once the one before has no more calls, after `grace_s` seconds at the latest.
        """
        before, self.app = self.app, app
        await self._drained(before, grace_s)

    async def _drained(self, app: App, grace_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while self._under_way.get(id(app), 0):
                    self._ended.clear()
                    await self._ended.wait()
        self._under_way.pop(id(app), None)


def listen(host: str, port: int, *, allow_remote: bool = False) -> socket.socket:
    """Take the port, before anything else is begun.

    Args:
        host: a name or an address of this machine.
        port: 0 takes any free one.
        allow_remote: other machines may reach it; put TLS in front.

    Raises:
        ConfigError: `port_in_use`; `invalid_setting` for a host that other machines reach without
            `allow_remote`, or that is not of this machine.
    """
    if not allow_remote and not _is_loopback(host):
        raise ConfigError(
            Code.INVALID_SETTING,
            f"other machines could reach `{host[:60]}`, and tokens would travel unencrypted",
            next_step="use 127.0.0.1, or put TLS in front and pass --allow-remote",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # NOTE: the protocol is named, because asyncio turns Nagle's algorithm off only where it is;
    # `socket.create_server` leaves it out, and then each answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _cannot_listen(host, port, error) from error
    return listener


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _cannot_listen(host: str, port: int, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(
            Code.PORT_IN_USE,
            f"port {port} is in use by another program",
            next_step="stop that program, or pass another --port",
        )
    return ConfigError(
        Code.INVALID_SETTING,
        f"`{host[:60]}` port {port} cannot be used: {(error.strerror or 'unknown').lower()}",
        next_step="use an address of this machine and a port above 1023",
    )


class _Cycle(Protocol):
    """A call and its answer, of either of uvicorn's protocols."""

    response_complete: bool


class PatientProtocol(AutoHTTPProtocol):  # type: ignore[valid-type,misc]
    """Closes a connection whose headers do not arrive in time, so that none is held half open."""

    # uvicorn has these in both of its protocols, and names only what asyncio knows of them.
    cycle: _Cycle | None
    transport: asyncio.Transport
    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for headers."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Wait on, or no more."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        if self._due is not None:
            self._due.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        cycle = self.cycle
        waits = cycle is None or cycle.response_complete
        if waits and self._due is None:
            self._due = asyncio.get_running_loop().call_later(HEADERS_S, self._give_up)
        elif not waits and self._due is not None:
            self._due.cancel()
            self._due = None

    def _give_up(self) -> None:
        self._due = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


STRICT_TRANSPORT = "max-age=31536000"
"""For a year a browser opens the host by https alone, once it has been there by https."""


class BehindTls:
    """Says of answers that travel by TLS that they always do: HSTS, and `Secure` in each cookie.

    TLS ends in a proxy, which says so by `X-Forwarded-Proto` or `Forwarded`. Whoever makes that up
    is told nothing but to use https.

    Args:
        always: browsers come by https alone, whatever the proxy says.
    """

    def __init__(self, app: ASGIApp, *, always: bool = False) -> None:
        self._app = app
        self._always = always

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not (self._always or _came_by_tls(scope)):
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Strict-Transport-Security"] = STRICT_TRANSPORT
                message["headers"] = [
                    (name, _secured(value) if name.lower() == b"set-cookie" else value)
                    for name, value in headers.raw
                ]
            await send(message)

        await self._app(scope, receive, told)


def _came_by_tls(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    proto = headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
    forwarded = headers.get("forwarded", "").split(",")[0].lower().replace('"', "")
    told = proto == "https" or "proto=https" in [one.strip() for one in forwarded.split(";")]
    return scope["scheme"] == "https" or told


def _secured(cookie: bytes) -> bytes:
    parts = [one.strip().lower() for one in cookie.split(b";")]
    return cookie if b"secure" in parts else cookie + b"; Secure"


class OrderlyServer(uvicorn.Server):
    """Says when it is ready, writes no access lines, and lets its caller clean up.

    Args:
        tls: browsers come by https alone.
        grace_s: how long calls that are under way may still take when it is told to end.
        ready: gets the bound URL, such as `http://127.0.0.1:8390`, once calls are answered.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        grace_s: int,
        ready: Callable[[str], None] | None = None,
        tls: bool = False,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                BehindTls(app, always=tls),
                http=PatientProtocol,
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=grace_s,
            )
        )
        self._ready = ready

    async def run_on(self, listener: socket.socket) -> None:
        """Serve until SIGTERM, SIGINT or cancellation, then close the socket."""
        running = asyncio.create_task(self.serve(sockets=[listener]))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            self.should_exit = True
            await running
            raise
        finally:
            listener.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._ready is not None and sockets:
            self._ready(_url(sockets[0]))

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Like uvicorn's, but a caught signal is not raised again: the caller has things open."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {sig: signal.signal(sig, self.handle_exit) for sig in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for sig, handler in before.items():
                signal.signal(sig, handler)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
