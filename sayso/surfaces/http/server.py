"""Serving the app: one port, loopback unless said otherwise, and a quiet, orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Generator
from typing import TypeVar

import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount
from uvicorn.server import HANDLED_SIGNALS

from sayso.errors import Code, ConfigError
from sayso.sdk.app import Sayso
from sayso.surfaces.http.app import create_app
from sayso.surfaces.http.changes import Changes
from sayso.surfaces.http.turned_away import TurnedAway

T = TypeVar("T")

GRACE_S = 10
"""How long calls that are under way may still take when the server is told to end."""
_BACKLOG = 2048


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


async def serve(
    sayso: Sayso,
    host: str = "127.0.0.1",
    port: int = 8390,
    *,
    allow_remote: bool = False,
    ready: Callable[[str], None] | None = None,
    listener: socket.socket | None = None,
    app: FastAPI | None = None,
) -> None:
    """Serve the HTTP API until SIGTERM, SIGINT or cancellation; prints nothing.

    Args:
        sayso: open, in this event loop.
        host, port, allow_remote: see `listen`.
        ready: gets the bound URL, such as `http://127.0.0.1:8390`, once calls are answered.
        listener: a socket from `listen`, for callers that took the port earlier; `host` and
            `port` are not used then.
        app: `create_app(sayso)`, or an app that mounts it; made here when None.

    Raises:
        ConfigError: see `listen`.

    Guarantees: on a signal no new call is taken, those under way get `GRACE_S` seconds, event
    streams end at once; then this returns, so that the caller can close the workspace.
    """
    taken = listener or listen(host, port, allow_remote=allow_remote)
    served = create_app(sayso) if app is None else app
    config = uvicorn.Config(
        served,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    # Access lines would hold query strings, in which customers' ids stand; without this, uvicorn
    # writes them as soon as somebody gives that logger a handler.
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    server = _Server(config, served, ready)
    running = asyncio.create_task(server.serve(sockets=[taken]))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        server.should_exit = True
        await running
        raise
    finally:
        taken.close()


class _Server(uvicorn.Server):
    """Says when it is ready, ends event streams first, and lets its caller clean up."""

    def __init__(
        self,
        config: uvicorn.Config,
        app: Starlette,
        ready: Callable[[str], None] | None,
    ) -> None:
        super().__init__(config)
        self._app = app
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._ready is not None and sockets:
            self._ready(_url(sockets[0]))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for changes in _parts_of(self._app, "changes", Changes):
            await changes.stop()
        await super().shutdown(sockets)
        for turned_away in _parts_of(self._app, "turned_away", TurnedAway):
            await turned_away.flush()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Like uvicorn's, but a caught signal is not raised again: the workspace is still open."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {sig: signal.signal(sig, self.handle_exit) for sig in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for sig, handler in before.items():
                signal.signal(sig, handler)


def _parts_of(app: Starlette, name: str, kind: type[T]) -> list[T]:
    """What an app, and the apps it mounts, keep under a name."""
    own: object = getattr(app.state, name, None)
    found = [own] if isinstance(own, kind) else []
    for route in app.routes:
        if isinstance(route, Mount) and isinstance(route.app, Starlette):
            found += _parts_of(route.app, name, kind)
    return found


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
