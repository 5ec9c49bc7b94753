"""Providers that repeat the credentials they were sent, as real ones do in their errors."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


class EchoingStripe:
    """Passes calls on to a sandbox; while `status` is set, answers with the caller's key instead.

    Attributes:
        status: the HTTP status of the answers; 0 passes calls on.
        writes_only: answer so to writes alone.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.status = 0
        self.writes_only = True
        self.echoed = 0
        self.url = ""

    @contextmanager
    def serving(self) -> Generator[None]:
        """Serve on a free local port."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(writes=False)

            def do_POST(self) -> None:
                self._answer(writes=True)

            def _answer(self, *, writes: bool) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                if fake.status and (writes or not fake.writes_only):
                    fake.echoed += 1
                    self._send(fake.status, _echo(self.headers.get("Authorization", "")))
                    return
                headers = {
                    name: value
                    for name, value in self.headers.items()
                    if name.lower() not in {"host", "content-length", "connection"}
                }
                found = httpx.request(
                    self.command, fake.upstream + self.path, content=body, headers=headers
                )
                self._send(found.status_code, found.content)

            def _send(self, status: int, content: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Request-Id", "req_echo")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name)
                pass

        return Handler


def _echo(authorization: str) -> bytes:
    kind, _, sent = authorization.partition(" ")
    key = base64.b64decode(sent).decode().partition(":")[0] if kind == "Basic" else sent
    message = f"Invalid API Key provided: {key} (sent as `{authorization}`)"
    error = {"type": "invalid_request_error", "code": "api_key_invalid", "message": message}
    return json.dumps({"error": error}).encode()


@asynccontextmanager
async def echoing_smtp() -> AsyncGenerator[tuple[int, list[str]]]:
    """A mail server that refuses every login and repeats what was sent; its port, and its words."""
    said: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 echo ESMTP\r\n")
        while line := (await reader.readline()).decode().strip():
            word, _, rest = line.partition(" ")
            answer = "250 fine"
            if word.upper() == "EHLO":
                answer = "250-echo\r\n250 AUTH PLAIN LOGIN"
            elif word.upper() == "AUTH":
                sent = base64.b64decode(rest.partition(" ")[2] or "").decode().split("\0")
                answer = f"535 5.7.8 no such user with the password {sent[-1]}"
                said.append(answer)
            elif word.upper() == "QUIT":
                answer = "221 bye"
            writer.write(f"{answer}\r\n".encode())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], said
    finally:
        server.close()
        await server.wait_closed()
