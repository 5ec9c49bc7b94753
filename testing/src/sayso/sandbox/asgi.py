"""`/_sandbox/`: the same server's other side, where tests and the demo look and meddle.

| call | what |
|---|---|
| GET /_sandbox/books | everything that really happened |
| GET /_sandbox/clock, POST /_sandbox/clock `{"seconds": …}` | the time; put it forward |
| GET, POST `{"faults": [Fault, …]}`, DELETE /_sandbox/faults | see, queue, forget faults |
| POST /_sandbox/release | let held calls go on |
| POST /_sandbox/wait_until_held `{"count": …, "timeout_s": …}` | wait for held calls |
| POST /_sandbox/seed `{"rows": [Row, …]}` or `{"name": "demo"}` | put objects in |
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import orjson
from pydantic import TypeAdapter, ValidationError

from sayso.sandbox.faults import Fault
from sayso.sandbox.journal import JournalLine
from sayso.sandbox.provider import Provider
from sayso.sandbox.rows import Row, StoredRow
from sayso.sandbox.seed import demo_rows
from sayso.sandbox.wire import Request, Response, Transmission

PREFIX = "/_sandbox/"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockOrder:
    """How far to put the clock forward."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """The sandbox's time, RFC 3339."""

    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultList:
    """Faults, oldest first, and how many calls are held."""

    faults: tuple[Fault, ...]
    held: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOrder:
    """How many held calls to wait for, and how long."""

    count: int = 1
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldReading:
    """Whether they came; or how many were let go."""

    held: bool
    released: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedOrder:
    """Objects to put in: a named seed, rows, or both."""

    name: Literal["demo", "empty"] = "empty"
    rows: tuple[StoredRow, ...] = ()


_CLOCK = TypeAdapter(ClockOrder)
_FAULTS = TypeAdapter(FaultList)
_HELD = TypeAdapter(HeldOrder)
_SEED = TypeAdapter(SeedOrder)


class SandboxApp:
    """Answers what comes under `PREFIX`; everything else goes to the provider.

    Args:
        provider: whose books, clock and faults these are.
        secret: when set, calls need it as a bearer token.
    """

    def __init__(self, provider: Provider, secret: str | None = None) -> None:
        self._provider = provider
        self._secret = secret

    async def serve(self, request: Request) -> Transmission:
        """Answer a call of either side."""
        if not request.path.startswith(PREFIX):
            return await self._provider.serve(request)
        if self._secret is not None and request.api_key != self._secret:
            return _reply({"error": "the control secret is missing or wrong"}, 401)
        try:
            return _reply(await self._obey(request))
        except ValidationError as error:
            return _reply({"error": str(error)}, 400)
        except LookupError:
            return _reply({"error": f"no such control call: {request.path}"}, 404)

    async def _obey(self, request: Request) -> object:
        provider, body = self._provider, request.body or "{}"
        match request.method, request.path.removeprefix(PREFIX):
            case "GET", "books":
                with provider.lock:
                    return provider.state.books()
            case "GET", "clock":
                return ClockReading(now=provider.now())
            case "POST", "clock":
                return ClockReading(now=provider.advance(_CLOCK.validate_json(body).seconds))
            case "GET", "faults":
                return self._faults()
            case "POST", "faults":
                provider.faults.add(_FAULTS.validate_json(body).faults)
                return self._faults()
            case "DELETE", "faults":
                provider.faults.clear()
                return self._faults()
            case "POST", "release":
                return HeldReading(held=False, released=provider.gate.release())
            case "POST", "wait_until_held":
                order = _HELD.validate_json(body)
                came = await provider.gate.wait_until_held(order.count, order.timeout_s)
                return HeldReading(held=came)
            case "POST", "seed":
                return {"added": add_rows(provider, _SEED.validate_json(body))}
            case _:
                raise LookupError(request.path)

    def _faults(self) -> FaultList:
        return FaultList(faults=self._provider.faults.waiting(), held=self._provider.gate.held)


def add_rows(provider: Provider, order: SeedOrder) -> int:
    """Put objects in, replacing those with the same ids; how many."""
    with provider.lock:
        rows: tuple[Row, ...] = order.rows
        if order.name == "demo":
            rows = (*demo_rows(int(provider.now().timestamp())), *rows)
        provider.state.write(JournalLine(rows=rows))
        return len(rows)


def _reply(value: object, status: int = 200) -> Transmission:
    return Transmission(
        answer=Response(
            status=status,
            body=orjson.dumps(value),
            headers=(("Content-Type", "application/json"),),
        )
    )
