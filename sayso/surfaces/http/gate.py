"""What stands before every call: who calls too often waits, and nobody holds a place for nothing.

Calls of tokens that are unknown are counted by address, as is each call of a page that anybody may
open, and those of one token by the token. A token that opened something a moment ago is not held
up by strangers who share its address, such as behind a proxy.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sayso.agent.code_links import PATH
from sayso.errors import CODES, Code

_MOST_KEPT = 10_000
_MOST_HELD = 500
_ALWAYS = frozenset({"/healthz", "/readyz"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPace:
    """How often somebody may call.

    Attributes:
        per_s: calls a second, in the long run. burst: calls at once.
    """

    per_s: float
    burst: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """The limits of a server.

    Attributes:
        token: of one token. stranger: of calls without a known token, by address.
        at_once: calls under way in the whole server. body_s: until a body has arrived.
        held_s: how long a stranger's next call is kept before it is told to come again: whoever
            calls as fast as they are answered would else keep the server busy with saying so.
    """

    token: CallPace = CallPace(per_s=500, burst=1000)
    stranger: CallPace = CallPace(per_s=10, burst=50)
    at_once: int = 1000
    body_s: float = 30.0
    held_s: float = 1.0


class _Buckets:
    """One bucket for each caller; the oldest are forgotten."""

    def __init__(self, pace: CallPace, monotonic_s: Callable[[], float]) -> None:
        self._pace = pace
        self._now = monotonic_s
        self._left: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def wait_s(self, caller: bytes) -> float:
        """How long until the caller has something left; 0 when there is."""
        left, _ = self._level(caller)
        return 0.0 if left >= 1 else (1 - left) / self._pace.per_s

    def take(self, caller: bytes) -> None:
        """Count one call."""
        left, now = self._level(caller)
        self._left[caller] = (left - 1, now)
        self._left.move_to_end(caller)
        while len(self._left) > _MOST_KEPT:
            self._left.popitem(last=False)

    def _level(self, caller: bytes) -> tuple[float, float]:
        now = self._now()
        left, at = self._left.get(caller, (self._pace.burst, now))
        return min(self._pace.burst, left + (now - at) * self._pace.per_s), now


class Gate:
    """An ASGI app in front of another one.

    Args:
        monotonic_s: seconds of a clock that never jumps.
    """

    def __init__(
        self,
        app: ASGIApp,
        gates: Gates | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._gates = gates or Gates()
        self._tokens = _Buckets(self._gates.token, monotonic_s)
        self._strangers = _Buckets(self._gates.stranger, monotonic_s)
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._under_way = 0
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call, or say when to come again."""
        if scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
            return
        token, address = _token_of(scope), _address_of(scope)
        # A customer's page asks for no credential, so none of theirs lets anybody press faster.
        known = token in self._known and not _is_open(scope)
        wait_s = self._tokens.wait_s(token) if known else self._strangers.wait_s(address)
        if wait_s or self._under_way >= self._gates.at_once:
            if not known and self._held < _MOST_HELD:
                await self._hold(min(wait_s, self._gates.held_s))
            await _come_again(wait_s or 1.0)(scope, receive, send)
            return
        if known:
            self._tokens.take(token)
        elif _is_open(scope):
            self._strangers.take(address)
            token = b""
        await self._serve(scope, receive, send, token, address)

    async def _hold(self, seconds: float) -> None:
        self._held += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._held -= 1

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, token: bytes, address: bytes
    ) -> None:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._learn(message["status"], token, address)
            await send(message)

        self._under_way += 1
        try:
            await self._app(scope, _in_time(receive, self._gates.body_s), watched)
        finally:
            self._under_way -= 1

    def _learn(self, status: int, token: bytes, address: bytes) -> None:
        if status == 401:
            self._known.pop(token, None)
            self._strangers.take(address)
        elif token and status < 400:
            self._known[token] = None
            self._known.move_to_end(token)
            while len(self._known) > _MOST_KEPT:
                self._known.popitem(last=False)


def _in_time(receive: Receive, body_s: float) -> Receive:
    """The same, where a body that does not arrive in time is one that was broken off."""
    due: float | None = None
    whole = False

    async def received() -> Message:
        nonlocal due, whole
        if whole:
            return await receive()
        loop = asyncio.get_running_loop()
        due = loop.time() + body_s if due is None else due
        try:
            async with asyncio.timeout_at(due):
                message = await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    return received


def _come_again(wait_s: float) -> ASGIApp:
    seconds = max(1, round(wait_s + 0.5))

    # NOTE: no line of the log for each of these, or whoever calls too often fills the disk.
    problem = {
        "type": f"urn:sayso:error:{Code.TOO_MANY_CALLS.value}",
        "title": CODES[Code.TOO_MANY_CALLS].title,
        "status": CODES[Code.TOO_MANY_CALLS].status,
        "detail": "you call more often than is answered",
        "code": Code.TOO_MANY_CALLS.value,
        "next_step": f"call again in {seconds} s",
    }
    return JSONResponse(
        problem,
        status_code=CODES[Code.TOO_MANY_CALLS].status,
        headers={"Retry-After": str(seconds)},
        media_type="application/problem+json",
    )


def _token_of(scope: Scope) -> bytes:
    """What stands for the credential of a call; empty where there is none."""
    headers = dict(scope["headers"])
    shown = headers.get(b"authorization") or headers.get(b"cookie")
    return b"" if shown is None else hashlib.sha256(shown).digest()


def _is_open(scope: Scope) -> bool:
    """Whether anybody may call it, so that each call is counted by its address."""
    return str(scope["path"]).startswith(f"{PATH}/")


def _address_of(scope: Scope) -> bytes:
    client = scope.get("client")
    return str(client[0] if client else "").encode()
