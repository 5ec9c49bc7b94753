"""HTTP/1.1 over a loopback socket, small enough to misbehave on purpose.

A framework would not let a handler close its connection without a byte, or reset it after seven.
Bodies need a `Content-Length`, which every Stripe SDK sends; chunked ones are refused.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote

_LOG = logging.getLogger(__name__)
_MAX_HEAD = 64 * 1024
_MAX_BODY = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it came.

    Attributes:
        method: in capitals.
        path: decoded, without the query.
        query: the query, still encoded.
        headers: names in lower case.
        body: the text, UTF-8.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str

    @property
    def idempotency_key(self) -> str:
        """The `Idempotency-Key` header, or empty."""
        return self.headers.get("idempotency-key", "")

    @property
    def api_version(self) -> str:
        """The `Stripe-Version` header, or empty."""
        return self.headers.get("stripe-version", "")

    @property
    def api_key(self) -> str:
        """The key of `Authorization`, bearer or basic, or empty."""
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                return base64.b64decode(value, validate=True).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                return ""
        return value.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response.

    Attributes:
        status: HTTP status.
        body: the bytes.
        headers: names and values besides length and connection.
    """

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transmission:
    """What leaves by the socket.

    Attributes:
        answer: the response; None closes the connection without a byte.
        reset_after_bytes: how much of it leaves before the connection is reset; None for all.
    """

    answer: Response | None
    reset_after_bytes: int | None = None


Serve = Callable[[Request], Awaitable[Transmission]]


class MalformedError(Exception):
    """Not HTTP as it is spoken here."""


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection, or None when it is over.

    Raises:
        MalformedError: for what is no HTTP/1.1 request with a plain body.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise MalformedError("the head is too long") from error
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    try:
        method, target, version = first.split(" ")
        headers = dict(_header(line) for line in lines)
        length = int(headers.get("content-length", "0"))
    except ValueError as error:
        raise MalformedError("not an HTTP request") from error
    if version != "HTTP/1.1" or "transfer-encoding" in headers or not 0 <= length <= _MAX_BODY:
        raise MalformedError("only HTTP/1.1 with a Content-Length is spoken here")
    try:
        body = (await reader.readexactly(length)).decode("utf-8")
    except asyncio.IncompleteReadError:
        return None
    except UnicodeDecodeError as error:
        raise MalformedError("the body is not UTF-8") from error
    path, _, query = target.partition("?")
    return Request(method=method, path=unquote(path), query=query, headers=headers, body=body)


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise ValueError(line)
    return name.strip().lower(), value.strip()


def encode(answer: Response) -> bytes:
    """The response as bytes."""
    reason = HTTPStatus(answer.status).phrase
    lines = [f"HTTP/1.1 {answer.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines.append(f"Content-Length: {len(answer.body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + answer.body


_ACCEPTING_TURNS = 3
"""So many turns of the loop an accepted caller takes to become a connection."""


class Wire:
    """Serves one listening socket.

    Args:
        serve: answers a request.
    """

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._connections: set[asyncio.Task[None]] = set()

    async def run(self, listener: socket.socket, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then close every connection."""
        server = await asyncio.start_server(self._connected, sock=listener, limit=_MAX_HEAD)
        async with server:
            await stop.wait()
            # NOTE: a caller whom the loop has just accepted has no connection yet, and a server
            # that is closed gives them none: their socket would be left to the garbage collector.
            asyncio.get_running_loop().remove_reader(listener)
            for _ in range(_ACCEPTING_TURNS):
                await asyncio.sleep(0)
            server.close()
            for task in tuple(self._connections):
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer(self, request: Request) -> Transmission:
        try:
            return await self._serve(request)
        except Exception:  # noqa: BLE001  (the edge: it is logged and answered)
            # A bug here must not look like one of the faults that were asked for.
            _LOG.exception("the sandbox failed at %s %s", request.method, request.path)
            return Transmission(
                answer=Response(status=501, body=b"the sandbox failed; see its log")
            )

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                request = await read_request(reader)
            except MalformedError as error:
                writer.write(encode(Response(status=400, body=str(error).encode())))
                return
            if request is None:
                return
            delivery = await self._answer(request)
            if not await _deliver(writer, delivery):
                return
            if request.headers.get("connection", "").lower() == "close":
                return


async def _deliver(writer: asyncio.StreamWriter, delivery: Transmission) -> bool:
    """Send it; whether the connection can go on."""
    if delivery.answer is None:
        return False
    data = encode(delivery.answer)
    if delivery.reset_after_bytes is None:
        writer.write(data)
        await writer.drain()
        return True
    writer.write(data[: delivery.reset_after_bytes])
    await writer.drain()
    # Lingering for zero seconds makes closing send a reset instead of a polite end.
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False
