"""`FaultProxy`: stands in front of any provider, over real HTTP, and misbehaves as it is told."""

from __future__ import annotations

import http.client
import io
import logging
import socket
import struct
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self
from urllib.parse import SplitResult, urlsplit

from sayso.errors import Code, ConfigError
from sayso.sandbox.faults import FaultQueue
from sayso.testing.faults.http_fault import HttpFault, HttpFaultKind
from sayso.testing.faults.http_wire import (
    MalformedHttpError,
    RawAnswer,
    RawRequest,
    answer,
    hand_on,
    open_upstream,
    read_request,
)

_LOG = logging.getLogger(__name__)
_PAGE = b"<!doctype html><title>Attention required</title><p>Checking your browser.</p>"
_BLANKS = b" " * 65536
# Lingering for zero seconds makes closing send a reset instead of a polite end.
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedRequest:
    """One request that a caller sent, and what became of it.

    Attributes:
        method: in capitals.
        path: decoded, without the query.
        reached: how many times the provider got all of it: 0, 1 or 2.
        status: of the provider's (first) answer, or of the proxy's own; None when it gave none.
        fault: what went wrong with it; None for nothing.
    """

    method: str
    path: str
    reached: int
    status: int | None
    fault: HttpFaultKind | None


class FaultProxy:
    """A loopback port that hands every request on to a provider; make one with `start`.

    Attributes:
        url: what to point the connector at, such as `http://127.0.0.1:40123`.
    """

    def __init__(self, upstream: SplitResult, port: int, timeout_s: float) -> None:
        self._upstream = upstream
        self._timeout_s = timeout_s
        # NOTE: a second socket that never listens keeps the port while connections are refused.
        self._holder = _bound(port)
        self._port: int = self._holder.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._faults: FaultQueue[HttpFault] = FaultQueue()
        self._exchanges: list[_Exchange] = []
        self._changed = threading.Condition()
        self._held = 0
        self._releases = 0
        self._stopping = threading.Event()
        self._callers: dict[socket.socket, threading.Thread] = {}
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self.accept()

    @classmethod
    def start(cls, url: str, port: int = 0, *, timeout_s: float = 30.0) -> Self:
        """Start serving on 127.0.0.1.

        Args:
            url: the provider's, `http` or `https`; a path in it goes in front of every request's.
            port: 0 takes any free one.
            timeout_s: how long the provider may take.

        Raises:
            ConfigError: `invalid_setting` for another URL; `port_in_use`.
        """
        upstream = urlsplit(url)
        if upstream.scheme not in ("http", "https") or not upstream.hostname:
            raise ConfigError(
                Code.INVALID_SETTING,
                f"`{url}` is no provider's address",
                next_step="give an address that begins with http:// or https://",
            )
        return cls(upstream, port, timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    # ---- what a test tells it --------------------------------------------------------------

    def add(self, *faults: HttpFault) -> None:
        """Queue faults behind those that wait; the oldest that matches a request is taken."""
        with self._changed:
            self._faults.add(faults)

    def clear(self) -> None:
        """Forget all faults that wait."""
        with self._changed:
            self._faults.clear()

    def waiting(self) -> tuple[HttpFault, ...]:
        """The faults that no request has met yet, oldest first."""
        with self._changed:
            return self._faults.waiting()

    @property
    def requests(self) -> tuple[PassedRequest, ...]:
        """What callers sent, oldest first, with what has become of it by now."""
        with self._changed:
            return tuple(exchange.told() for exchange in self._exchanges)

    def reached(self, method: str = "*", path: str = "*") -> int:
        """How many matching requests the provider got; one that was passed twice counts as two."""
        return sum(
            request.reached
            for request in self.requests
            if method in ("*", request.method) and fnmatchcase(request.path, path)
        )

    def wait_until_reached(self, count: int, timeout_s: float = 30.0) -> bool:
        """Wait until the provider has answered so many requests; False when it did not in time."""
        with self._changed:
            return self._changed.wait_for(
                lambda: sum(exchange.reached for exchange in self._exchanges) >= count, timeout_s
            )

    def refuse(self) -> None:
        """Refuse connections from now on, and end those that are open."""
        if self._listener is None:
            return
        _hang_up(self._listener)
        self._listener.close()
        self._listener = None
        if self._thread is not None:
            self._thread.join()
        for caller in tuple(self._callers):
            _hang_up(caller)

    def accept(self) -> None:
        """Take connections again, at the same address."""
        if self._listener is not None:
            return
        self._listener = _bound(self._port)
        self._listener.listen(128)
        self._thread = threading.Thread(target=self._serve, args=(self._listener,), daemon=True)
        self._thread.start()

    @contextmanager
    def refusing(self) -> Generator[None]:
        """Refuse connections while the block runs."""
        self.refuse()
        try:
            yield
        finally:
            self.accept()

    def release(self) -> int:
        """Let held requests go on; how many there were."""
        with self._changed:
            self._releases += 1
            held, self._held = self._held, 0
            self._changed.notify_all()
        return held

    def wait_until_held(self, count: int = 1, timeout_s: float = 30.0) -> bool:
        """Wait until that many requests are held; False when they did not come in time.

        NOTE: it blocks; in a test's own event loop, call it with `asyncio.to_thread`.
        """
        with self._changed:
            return self._changed.wait_for(lambda: self._held >= count, timeout_s)

    def stop(self) -> None:
        """Close the port and every connection, and wait for them to end."""
        self._stopping.set()
        self.release()
        self.refuse()
        for thread in tuple(self._callers.values()):
            thread.join()
        self._holder.close()

    # ---- connections ------------------------------------------------------------------------

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._converse, args=(caller,), daemon=True)
            self._callers[caller] = thread
            thread.start()

    def _converse(self, caller: socket.socket) -> None:
        try:
            with caller, caller.makefile("rb") as reader:
                while self._one(caller, reader):
                    pass
        except OSError:
            pass  # the caller went away
        except MalformedHttpError as error:
            _LOG.warning("a caller does not speak HTTP/1.1: %s", error)
        finally:
            self._callers.pop(caller, None)

    def _one(self, caller: socket.socket, reader: io.BufferedReader) -> bool:
        """Serve one request; whether the connection can go on."""
        request = read_request(caller, reader)
        if request is None:
            return False
        with self._changed:
            fault = self._faults.take(request.method, request.path)
            exchange = _Exchange(request, fault)
            self._exchanges.append(exchange)
        if fault is not None and not self._happens_before(exchange, fault):
            return exchange.close_with_own_answer(caller)
        self._pass_on(exchange)
        if fault is not None:
            self._happens_after(exchange, fault)
        return exchange.deliver(caller, self._stopping) and not request.closes

    def _pass_on(self, exchange: _Exchange) -> None:
        try:
            found = hand_on(exchange.request, self._upstream, self._timeout_s)
        except (OSError, http.client.HTTPException) as error:
            # It must not look like one of the faults that were asked for.
            _LOG.warning("the provider behind the proxy did not answer: %s", error)
            found = answer(502, b"the provider behind the proxy did not answer")
        else:
            with self._changed:
                exchange.reached += 1
                self._changed.notify_all()
        if exchange.answer is None:
            exchange.answer = found

    def _happens_before(self, exchange: _Exchange, fault: HttpFault) -> bool:
        """What goes wrong on the way there; whether the request goes on to the provider."""
        match fault.kind:
            case "drop_before":
                return False
            case "answer_before":
                # A client that keeps connections would else send its next request into the end.
                exchange.answer = _status_of(fault, 500, ("Connection", "close"))
                return False
            case "cut_request":
                self._pass_part(exchange.request, fault.after_bytes)
                return False
            case "slow_before":
                self._stopping.wait(fault.seconds)
            case "hold_before":
                self._hold()
            case _:
                pass
        return True

    def _happens_after(self, exchange: _Exchange, fault: HttpFault) -> None:
        """What goes wrong once the provider has answered."""
        match fault.kind:
            case "do_twice":
                self._pass_on(exchange)
            case "slow_after":
                self._stopping.wait(fault.seconds)
            case "hold_after":
                self._hold()
            case "redirect":
                location = f"{self.url}{exchange.request.target}"
                exchange.answer = answer(fault.status or 307, b"", ("Location", location))
            case "answer_after":
                exchange.answer = _status_of(fault, 500)
            case "html_garbage":
                exchange.answer = answer(200, _PAGE, ("Content-Type", "text/html"))
            case "empty":
                kind = exchange.answer.content_type if exchange.answer else "application/json"
                exchange.answer = answer(200, b"", ("Content-Type", kind))
            case _:
                pass  # it happens to the answer's bytes

    def _pass_part(self, request: RawRequest, count: int) -> None:
        with suppress(OSError), open_upstream(self._upstream, self._timeout_s) as provider:
            provider.sendall(request.encoded(self._upstream)[:count])

    def _hold(self) -> None:
        with self._changed:
            self._held += 1
            self._changed.notify_all()
            before = self._releases
            self._changed.wait_for(lambda: self._releases > before or self._stopping.is_set())


class _Exchange:
    """One request on its way through."""

    def __init__(self, request: RawRequest, fault: HttpFault | None) -> None:
        self.request = request
        self.fault = fault
        self.reached = 0
        self.answer: RawAnswer | None = None

    def told(self) -> PassedRequest:
        """What is kept of it."""
        return PassedRequest(
            method=self.request.method,
            path=self.request.path,
            reached=self.reached,
            status=self.answer.status if self.answer is not None else None,
            fault=self.fault.kind if self.fault is not None else None,
        )

    def close_with_own_answer(self, caller: socket.socket) -> bool:
        """Answer without the provider, or not at all; the connection ends."""
        if self.answer is not None:
            caller.sendall(self.answer.encoded())
        return False

    def deliver(self, caller: socket.socket, stopping: threading.Event) -> bool:
        """Send the answer, or what is left of it; whether the connection can go on."""
        assert self.answer is not None
        data = self.answer.encoded()
        fault = self.fault
        match fault.kind if fault is not None else None:
            case "drop_after":
                return False
            case "reset_after_bytes" | "close_after_bytes" if fault is not None:
                caller.sendall(data[: fault.after_bytes])
                if fault.kind == "reset_after_bytes":
                    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                return False
            case "not_http":
                caller.sendall(b"\x16\x03\x01\x00\xff" * 64)
                return False
            case "huge_body" if fault is not None:
                _send_blanks(caller, self.answer.content_type, fault.after_bytes)
                return False
            case "trickle" if fault is not None:
                for at in range(len(data)):
                    caller.sendall(data[at : at + 1])
                    stopping.wait(fault.seconds)
                return False
            case _:
                caller.sendall(data)
                return True


def _send_blanks(caller: socket.socket, content_type: str, count: int) -> None:
    caller.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n\r\n".encode("latin-1"))
    while count > 0:
        caller.sendall(_BLANKS[:count])
        count -= len(_BLANKS)


def _status_of(fault: HttpFault, default: int, *more: tuple[str, str]) -> RawAnswer:
    headers = [("Content-Type", "application/json"), *more]
    if fault.retry_after_s is not None:
        headers.append(("Retry-After", str(fault.retry_after_s)))
    return answer(fault.status or default, b'{"error": {"message": "a fault"}}', *headers)


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise ConfigError(
            Code.PORT_IN_USE,
            f"port {port} cannot be listened on",
            next_step="choose another port, or 0 for any",
            detail=str(error),
        ) from error
    return bound


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
