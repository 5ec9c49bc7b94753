"""A witness over HTTP: `POST /add-checkpoint`, and `GET /checkpoint/<origin>` for auditors.

Nobody is asked who they are: the log's signature on the checkpoint is what counts.
Source: c2sp.org/tlog-witness.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from sayso.audit.witness.request import MAX_REQUEST_BYTES
from sayso.audit.witness.witness import Witness, WitnessReply
from sayso.serving import OrderlyServer

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
                    return _response(WitnessReply(status=413, body="the request is too long\n"))
        except ClientDisconnect:
            return _response(WitnessReply(status=400, body="the request broke off\n"))
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


def _response(answer: WitnessReply) -> Response:
    # NOTE: given whole, since Starlette adds a charset to every text type by itself.
    headers = {**_HEADERS, "Content-Type": answer.content_type}
    return Response(answer.body, status_code=answer.status, headers=headers)


async def serve_witness(
    witness: Witness, listener: socket.socket, ready: Callable[[str], None] | None = None
) -> None:
    """Serve until SIGTERM, SIGINT or cancellation; `ready` gets the bound URL."""
    server = OrderlyServer(create_witness_app(witness), grace_s=GRACE_S, ready=ready)
    await server.run_on(listener)
