"""`SandboxControl`: what `Sandbox` can do, for a sandbox in another process."""

from __future__ import annotations

from datetime import datetime, timedelta
from http.client import HTTPConnection
from typing import Literal, Self, TypeVar
from urllib.parse import urlsplit

import orjson
from pydantic import TypeAdapter

from sayso.errors import Code, RefusedError
from sayso.sandbox.asgi import (
    PREFIX,
    ClockOrder,
    ClockReading,
    FaultList,
    HeldOrder,
    HeldReading,
    SeedOrder,
)
from sayso.sandbox.faults import Fault
from sayso.sandbox.journal import Books
from sayso.sandbox.rows import Row

T = TypeVar("T")

_BOOKS = TypeAdapter(Books)
_CLOCK = TypeAdapter(ClockReading)
_FAULTS = TypeAdapter(FaultList)
_HELD = TypeAdapter(HeldReading)
_ADDED = TypeAdapter(dict[str, int])
_OK = 200


class SandboxControl:
    """Controls the sandbox at a URL.

    Args:
        url: as the process printed it.
        secret: its control secret, when it has one.
        timeout_s: for every call, on top of what a call waits for.

    Raises:
        RefusedError: `provider_refused`, when the sandbox does not take the order.
    """

    def __init__(self, url: str, *, secret: str | None = None, timeout_s: float = 10.0) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {secret}"} if secret is not None else {}
        self._timeout_s = timeout_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Nothing stays open between calls."""

    def now(self) -> datetime:
        """The sandbox's time, aware, in UTC."""
        return self._call("GET", "clock", _CLOCK).now

    def advance(self, *, seconds: float = 0, hours: float = 0, days: float = 0) -> datetime:
        """Put the clock forward; the new time."""
        ahead = timedelta(seconds=seconds, hours=hours, days=days)
        return self._call("POST", "clock", _CLOCK, ClockOrder(seconds=ahead.total_seconds())).now

    def books(self) -> Books:
        """What really happened."""
        return self._call("GET", "books", _BOOKS)

    def add(self, *rows: Row) -> None:
        """Put objects in, replacing those with the same ids; they count as no effect."""
        self._call("POST", "seed", _ADDED, SeedOrder(rows=rows))

    def seed(self, name: Literal["demo", "empty"] = "demo") -> None:
        """Put a named seed in."""
        self._call("POST", "seed", _ADDED, SeedOrder(name=name))

    def add_faults(self, *faults: Fault) -> None:
        """Queue faults behind those that wait."""
        self._call("POST", "faults", _FAULTS, FaultList(faults=faults))

    def clear_faults(self) -> None:
        """Forget all faults that wait."""
        self._call("DELETE", "faults", _FAULTS)

    def waiting_faults(self) -> tuple[Fault, ...]:
        """The faults no call has met yet, oldest first."""
        return self._call("GET", "faults", _FAULTS).faults

    def release(self) -> int:
        """Let held calls go on; how many there were."""
        return self._call("POST", "release", _HELD).released

    def wait_until_held(self, count: int = 1, timeout_s: float = 30.0) -> bool:
        """Wait until that many calls are held; False when they did not come in time."""
        order = HeldOrder(count=count, timeout_s=timeout_s)
        return self._call("POST", "wait_until_held", _HELD, order, wait_s=timeout_s).held

    def _call(
        self,
        method: str,
        name: str,
        shape: TypeAdapter[T],
        body: object = None,
        wait_s: float = 0.0,
    ) -> T:
        # A connection for each call: the sandbox may have been killed since the last one.
        address = urlsplit(self.url)
        connection = HTTPConnection(
            address.hostname or "127.0.0.1", address.port, timeout=self._timeout_s + wait_s
        )
        try:
            connection.request(
                method, PREFIX + name, None if body is None else orjson.dumps(body), self._headers
            )
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status != _OK:
            raise RefusedError(
                Code.PROVIDER_REFUSED,
                f"the sandbox did not take `{method} {name}`",
                next_step="read the detail",
                detail=text.decode(errors="replace"),
            )
        return shape.validate_json(text)
