"""A provider over real HTTP that answers with JSON, on a loopback port, in background threads."""

from __future__ import annotations

import json
import sys
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came. `target`: its path with its query."""

    method: str
    target: str
    headers: Message
    raw: bytes


class HttpDouble(ABC):
    """Serves while it is entered. `url`: such as `http://127.0.0.1:40123`."""

    def __init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @abstractmethod
    def reply(self, asked: Asked) -> tuple[int, Any]:
        """Status and JSON body for a request; called in many threads at once."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    """Says nothing of a caller that was killed in the middle of a call."""

    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """See `socketserver.BaseServer.handle_error`."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _handler_of(double: HttpDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            # NOTE: the base class takes a head that was cut off for a whole one.
            length = self.headers.get("Content-Length")
            raw = self.rfile.read(int(length or 0))
            unsized = length is None and self.command == "POST"
            if unsized or len(raw) < int(length or 0):
                self.close_connection = True  # the caller broke off, so nothing was asked
                return
            asked = Asked(method=self.command, target=self.path, headers=self.headers, raw=raw)
            status, body = double.reply(asked)
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815  (the names are the base class's)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (as above)
            """Say nothing."""

    return Handler
