"""Serving the API with its event streams, which end first."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from importlib import import_module
from typing import TypeVar, cast

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

import sayso.serving as serving
from sayso.sdk.background.rejected_calls import RejectedCalls
from sayso.sdk.client import Sayso
from sayso.sdk.progress.changes import StoreChanges
from sayso.serving import OrderlyServer, listen
from sayso.surfaces.http.app import create_app
from sayso.surfaces.http.export_folders import remove_left
from sayso.surfaces.http.gate import Gate
from sayso.surfaces.http.upkeep import Upkeep

logger = logging.getLogger("sayso.http")
T = TypeVar("T")

GRACE_S = 10
"""How long calls that are under way may still take when the server is told to end."""


async def serve(
    sayso: Sayso,
    host: str = "127.0.0.1",
    port: int = 8390,
    *,
    allow_remote: bool = False,
    ready: Callable[[str], None] | None = None,
    listener: socket.socket | None = None,
    app: Starlette | ReplaceableApp | None = None,
) -> None:
    """Serve the HTTP API until SIGTERM, SIGINT or cancellation; prints nothing.

    Args:
        sayso: open, in this event loop.
        host, port, allow_remote: see `listen`.
        ready: gets the bound URL, such as `http://127.0.0.1:8390`, once calls are answered.
        listener: a socket from `listen`, for callers that took the port earlier; `host` and
            `port` are not used then.
        app: `create_app(sayso)`, or an app that mounts it; made here when None. One that is
            `ReplaceableApp` may give way to another while it is served.

    Raises:
        ConfigError: see `listen`.

    Guarantees: on a signal no new call is taken, those under way get `GRACE_S` seconds, event
    streams end at once; then this returns, so that the caller can close the workspace. Files of
    exports that a killed server of this user left on the machine are taken away first.
    """
    taken = listener or listen(host, port, allow_remote=allow_remote)
    left = await run_in_threadpool(remove_left)
    if left:
        logger.info("took away the files of %d exports that ended in the middle", left)
    served = app if isinstance(app, ReplaceableApp) else ReplaceableApp(app or create_app(sayso))
    # Access lines would hold query strings, in which customers' ids stand; without this, uvicorn
    # writes them as soon as somebody gives that logger a handler.
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    tls = sayso.workspace.settings.console.url.startswith("https://")
    warming: list[asyncio.Task[None]] = []

    def listening(url: str) -> None:
        # Not before: until calls are answered, there is nothing but to be ready for them.
        warming.append(asyncio.create_task(sayso.warm_as_used(), name="sayso warms up"))
        if ready is not None:
            ready(url)

    try:
        await _Server(served, grace_s=GRACE_S, ready=listening, tls=tls).run_on(taken)
    finally:
        for task in warming:
            task.cancel()
            await asyncio.wait([task])


class ReplaceableApp(serving.Replaceable[Starlette]):
    """An app whose place another one can take; its event streams end, as at a restart."""

    async def replace(self, app: Starlette, *, grace_s: float) -> None:
        """See `Replaceable`."""
        before = self.app
        # Before its calls are waited for: a stream is one that does not end by itself.
        self.app = app
        await end_streams(before)
        await self._drained(before, grace_s)
        await end_upkeep(before)


class LateApp:
    """An app that is made when it is first called; many a server is never asked for it.

    Args:
        module: loaded first, beside the calls of others.
        make: makes the app.

    Attributes:
        app: None until then.
    """

    def __init__(self, module: str, make: Callable[[], Starlette]) -> None:
        self._module = module
        self._make = make
        self.app: Starlette | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        if self.app is None:
            await run_in_threadpool(import_module, self._module)
        # Made without waiting for anything, so that two first calls make one.
        self.app = app = self.app or self._make()
        await app(scope, receive, send)


async def end_streams(app: Starlette) -> None:
    """End an app's event streams."""
    for changes in _parts_of(app, "changes", StoreChanges):
        await changes.stop()


async def end_upkeep(app: Starlette) -> None:
    """End what goes on without calls, and tell the log of who was turned away."""
    for upkeep in _parts_of(app, "upkeep", cast("type[Upkeep[object]]", Upkeep)):
        await upkeep.stop()
    for rejected_calls in _parts_of(app, "rejected_calls", RejectedCalls):
        await rejected_calls.flush()


class _Server(OrderlyServer):
    """Ends event streams before it waits for calls, then what goes on without them; tells the log
    of who was turned away.
    """

    def __init__(
        self,
        app: ReplaceableApp,
        *,
        grace_s: int,
        ready: Callable[[str], None] | None,
        tls: bool,
    ) -> None:
        super().__init__(Gate(app), grace_s=grace_s, ready=ready, tls=tls)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await end_streams(self._app.app)
        await super().shutdown(sockets)
        await end_upkeep(self._app.app)


def _parts_of(app: Starlette, name: str, kind: type[T]) -> list[T]:
    """What an app, and the apps it mounts, keep under a name."""
    own: object = getattr(app.state, name, None)
    found = [own] if isinstance(own, kind) else []
    for route in app.routes:
        mounted: object = route.app if isinstance(route, Mount) else None
        if isinstance(mounted, LateApp):
            mounted = mounted.app
        if isinstance(mounted, Starlette):
            found += _parts_of(mounted, name, kind)
    return found
