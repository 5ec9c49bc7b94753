"""Socket Mode of the fake: the connections that the app has opened, and envelopes over them."""

from __future__ import annotations

import asyncio
import secrets
import threading
from typing import Any

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from sayso.json import JsonObject


class Sockets:
    """Lives in the event loop of the fake's own thread.

    Args:
        changed: told of each connection, so that nobody waits for one that is there.
    """

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._open: list[WebSocket] = []
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}

    @property
    def count(self) -> int:
        """How many connections are open."""
        return len(self._open)

    async def serve(self, socket: WebSocket) -> None:
        """One connection, until either side ends it."""
        await socket.accept()
        await socket.send_json({"type": "hello", "num_connections": len(self._open) + 1})
        self._open.append(socket)
        with self._changed:
            self._changed.notify_all()
        try:
            while True:
                answer: dict[str, Any] = orjson.loads(await socket.receive_text())
                waits = self._waiting.pop(str(answer.get("envelope_id", "")), None)
                if waits is not None and not waits.done():
                    waits.set_result(answer)
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self._open.remove(socket)

    async def send(self, payload: JsonObject, patience_s: float) -> dict[str, Any] | None:
        """Send it over the newest connection; None when nobody acknowledges it."""
        if not self._open:
            return None
        is_event = payload.get("type") == "event_callback"
        envelope = secrets.token_hex(8)
        waits = asyncio.get_running_loop().create_future()
        self._waiting[envelope] = waits
        await self._open[-1].send_text(
            orjson.dumps(
                {
                    "envelope_id": envelope,
                    "type": "events_api" if is_event else "interactive",
                    "accepts_response_payload": True,
                    "payload": payload,
                }
            ).decode()
        )
        try:
            return await asyncio.wait_for(waits, patience_s)
        except TimeoutError:
            return None
        finally:
            self._waiting.pop(envelope, None)

    async def cut(self) -> None:
        """End every connection, as Slack does now and then."""
        for socket in list(self._open):
            await socket.close()
