"""Serving an ASGI app on a loopback port, in this event loop or in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Generator

import uvicorn
from starlette.types import ASGIApp


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, which belong to whoever owns the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.over = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        # NOTE: uvicorn's own loop looks for its end ten times a second, which tests would wait for.
        await self.on_tick(0)
        await self.over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # NOTE: uvicorn waits a tenth of a second for clients to notice; ours are gone by now.
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def loopback() -> socket.socket:
    """A listening socket on a free port of 127.0.0.1."""
    # NOTE: asyncio switches Nagle's delay off only where the protocol is named: 40 ms an answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)
    return listener


@contextlib.asynccontextmanager
async def serve_on_loopback(
    app: ASGIApp, listener: socket.socket | None = None
) -> AsyncGenerator[str]:
    """Serve an app in the running event loop; its lifespan is left to the caller.

    Yields:
        its address, such as `http://127.0.0.1:40123`.
    """
    sock = listener or loopback()
    config = uvicorn.Config(app, log_level="warning", access_log=False, ws="none", lifespan="off")
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]), name="loopback server")
    ready = asyncio.create_task(server.ready.wait())
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    try:
        if task.done():
            task.result()
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.over.set()
        await asyncio.gather(task, return_exceptions=True)
        sock.close()
