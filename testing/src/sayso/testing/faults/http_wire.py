"""Raw HTTP/1.1 for the proxy: read a request as it came, hand it on, and read the answer."""

from __future__ import annotations

import http.client
import io
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote

_MAX_LINE = 64 * 1024
_MAX_BODY = 64 * 1024 * 1024
_OF_THIS_HOP = {"connection", "host", "keep-alive", "proxy-connection", "expect"}
_OF_THE_ANSWER = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_NO_BODY = {204, 304}


class MalformedHttpError(Exception):
    """Not HTTP as it is spoken here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRequest:
    """A request as it came.

    Attributes:
        method: in capitals.
        target: path and query, as written.
        headers: names and values, in order.
        body: the bytes as they were on the wire; with `chunked`, the chunks and their sizes.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def path(self) -> str:
        """The path, decoded, without the query."""
        return unquote(self.target.partition("?")[0])

    @property
    def closes(self) -> bool:
        """Whether the caller wants the connection closed after the answer."""
        return _find(self.headers, "connection").lower() == "close"

    def encoded(self, upstream: SplitResult) -> bytes:
        """The bytes for the provider, which is told to close the connection afterwards."""
        lines = [f"{self.method} {upstream.path.rstrip('/')}{self.target} HTTP/1.1"]
        lines.append(f"Host: {upstream.netloc.rpartition('@')[2]}")
        lines += [f"{name}: {value}" for name, value in self.headers if _goes_on(name)]
        lines.append("Connection: close")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


def _goes_on(name: str) -> bool:
    return name.lower() not in _OF_THIS_HOP


def _find(headers: tuple[tuple[str, str], ...], wanted: str) -> str:
    return next((value for name, value in headers if name.lower() == wanted), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """A response, with its body whole.

    Attributes:
        sized: whether its length is said; not where there is no body by HTTP's rules.
    """

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    sized: bool = True

    @property
    def content_type(self) -> str:
        """As the provider says."""
        return _find(self.headers, "content-type") or "application/json"

    def encoded(self) -> bytes:
        """The bytes for the caller."""
        lines = [f"HTTP/1.1 {self.status} {self.reason}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.sized:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


def answer(status: int, body: bytes, *headers: tuple[str, str]) -> RawAnswer:
    """One that the proxy gives by itself."""
    reason = http.client.responses.get(status, "Unknown")
    return RawAnswer(status=status, reason=reason, headers=headers, body=body)


def read_request(caller: socket.socket, reader: io.BufferedReader) -> RawRequest | None:
    """The next request of a connection, or None when it is over.

    Raises:
        MalformedError: for what is no HTTP/1.1 request.
    """
    lines: list[str] = []
    while line := reader.readline(_MAX_LINE):
        if line in (b"\r\n", b"\n"):
            break
        lines.append(line.decode("latin-1").rstrip("\r\n"))
    else:
        return None
    try:
        method, target, version = lines[0].split(" ")
        headers = tuple(_header(line) for line in lines[1:])
        length = int(_find(headers, "content-length") or "0")
    except (ValueError, IndexError) as error:
        raise MalformedHttpError("not an HTTP request") from error
    if version != "HTTP/1.1" or not 0 <= length <= _MAX_BODY:
        raise MalformedHttpError("only HTTP/1.1 is spoken here")
    if _find(headers, "expect").lower() == "100-continue":
        caller.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    chunked = _find(headers, "transfer-encoding").lower() == "chunked"
    body = _read_chunks(reader) if chunked else reader.read(length)
    if not chunked and len(body) < length:
        return None
    return RawRequest(method=method, target=target, headers=headers, body=body)


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise ValueError(line)
    return name.strip(), value.strip()


def _read_chunks(reader: io.BufferedReader) -> bytes:
    raw = bytearray()
    while True:
        line = reader.readline(_MAX_LINE)
        raw += line
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError as error:
            raise MalformedHttpError("not a chunk") from error
        raw += reader.read(size + 2) if size else _read_trailer(reader)
        if size == 0:
            return bytes(raw)
        if len(raw) > _MAX_BODY:
            raise MalformedHttpError("the body is too long")


def _read_trailer(reader: io.BufferedReader) -> bytes:
    raw = bytearray()
    while line := reader.readline(_MAX_LINE):
        raw += line
        if line in (b"\r\n", b"\n"):
            break
    return bytes(raw)


def open_upstream(upstream: SplitResult, timeout_s: float) -> socket.socket:
    """A connection to the provider; `https` with its certificate checked.

    Raises:
        OSError: when it cannot be reached.
    """
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    connection = kinds[upstream.scheme](upstream.hostname or "", upstream.port, timeout=timeout_s)
    connection.connect()
    provider: socket.socket | None = connection.sock
    assert provider is not None
    return provider


def hand_on(request: RawRequest, upstream: SplitResult, timeout_s: float) -> RawAnswer:
    """Send a request to the provider and read its whole answer.

    Raises:
        OSError: when there is no connection.
        http.client.HTTPException: when the answer is no HTTP.
    """
    with open_upstream(upstream, timeout_s) as provider:
        provider.sendall(request.encoded(upstream))
        response = http.client.HTTPResponse(provider, method=request.method)
        try:
            response.begin()
            body = response.read()
        finally:
            response.close()
    headers = [(name, value) for name, value in response.getheaders() if _is_kept(name)]
    length = response.getheader("Content-Length")
    if request.method == "HEAD" and length is not None:
        headers.append(("Content-Length", length))
    return RawAnswer(
        status=response.status,
        reason=response.reason,
        headers=tuple(headers),
        body=body,
        sized=request.method != "HEAD" and response.status not in _NO_BODY,
    )


def _is_kept(name: str) -> bool:
    return name.lower() not in _OF_THE_ANSWER
