"""Two routes: `POST /add-checkpoint`, and `GET /checkpoint/<origin>` for auditors.

Nobody is asked who they are: the log's signature on the checkpoint is what counts.
Source: c2sp.org/tlog-witness.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Generator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.server import HANDLED_SIGNALS

from sayso.audit.witness.request import MAX_REQUEST_BYTES
from sayso.audit.witness.witness import Answer, Witness

GRACE_S = 5
_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


def create_witness_app(witness: Witness) -> Starlette:
    """The witness as an ASGI app."""

    async def add_checkpoint(request: Request) -> Response:
        body = bytearray()
        try:
            async for part in request.stream():
                body += part
                if len(body) > MAX_REQUEST_BYTES:
                    return _response(Answer(status=413, body="the request is too long\n"))
        except ClientDisconnect:
            return _response(Answer(status=400, body="the request broke off\n"))
        # On a thread: it waits for the disk, and for whoever asks at the same time.
        return _response(await asyncio.to_thread(witness.add_checkpoint, bytes(body)))

    async def checkpoint(request: Request) -> Response:
        origin = str(request.path_params["origin"])
        return _response(await asyncio.to_thread(witness.newest, origin))

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/checkpoint/{origin:path}", checkpoint, methods=["GET"]),
        ]
    )


def _response(answer: Answer) -> Response:
    # NOTE: given whole, since Starlette adds a charset to every text type by itself.
    headers = {**_HEADERS, "Content-Type": answer.content_type}
    return Response(answer.body, status_code=answer.status, headers=headers)


async def serve_witness(
    witness: Witness, listener: socket.socket, ready: Callable[[], None] | None = None
) -> None:
    """Serve until SIGTERM, SIGINT or cancellation."""
    config = uvicorn.Config(
        create_witness_app(witness),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = _Server(config, ready)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        server.should_exit = True
        await running
        raise
    finally:
        listener.close()


class _Server(uvicorn.Server):
    """Says when it is ready, and ends quietly when it is told to."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._ready is not None:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Like uvicorn's, but a caught signal is not raised again: the folder is still held."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {sig: signal.signal(sig, self.handle_exit) for sig in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for sig, handler in before.items():
                signal.signal(sig, handler)
