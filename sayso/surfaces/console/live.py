"""Telling open pages that something they show has changed; what it is, they fetch themselves."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sayso.errors import Code, RefusedError, SaysoError
from sayso.sdk.progress.changes import StoreChanges
from sayso.surfaces.console.sign_in import SignIn

HEARTBEAT_S = 15.0
"""SOURCE: Proxies cut what is silent for longer than about a minute."""
RECHECK_S = 4.0
"""A session that has ended loses its stream within five seconds."""
_MOST_MARKS = 1000
TRUSTED_S = 60.0
"""While nobody commits anything no session is ended either, so that only time can end one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """Streams of changes.

    Args:
        changes: wakes all streams of this process when anything was committed.
    """

    sign_in: SignIn
    changes: StoreChanges
    marks: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])
    heartbeat_s: float = HEARTBEAT_S
    recheck_s: float = RECHECK_S

    async def stream(self, request: Request) -> Response:
        """The stream of one page (`?on=inbox` or an approval's id); 401 without a session."""
        version = await self.changes.version()
        try:
            await self.sign_in.session(request)
        except RefusedError:
            return Response(status_code=401)
        on = request.query_params.get("on", "inbox")[:80]
        return StreamingResponse(
            self._events(request, on, version),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )

    async def _events(self, request: Request, on: str, checked_version: int) -> AsyncIterator[str]:
        now = asyncio.get_running_loop().time
        seen = request.headers.get("last-event-id", "")
        beat, checked = now() + self.heartbeat_s, now()
        yield "retry: 1000\n\n"
        while not self.changes.stopped:
            try:
                version = await self.changes.version()
                trusted_s = self.recheck_s if version != checked_version else TRUSTED_S
                if now() >= checked + trusted_s:
                    await self.sign_in.session(request)
                    checked, checked_version = now(), version
                mark = await self._mark(on, version)
            except RefusedError:
                yield "event: ended\ndata: signed out\n\n"
                return
            except SaysoError:  # the store is away; the page finds out by itself
                version, mark = -1, seen
            if mark != seen:
                event = "event: changed\n" if seen else ""
                yield f"id: {mark}\n{event}data: {mark}\n\n"
                seen = mark
            until = min(beat, checked + self.recheck_s if version != checked_version else beat)
            await self.changes.later_than(version, max(0.0, until - now()))
            if now() >= beat:
                yield ": still here\n\n"
                beat = now() + self.heartbeat_s

    async def _mark(self, on: str, version: int) -> str:
        """Differs when what a page shows may have changed; a few rows by their keys.

        Args:
            version: of the store; what was read of one is used by all streams of this process.
        """
        known = self.marks.get(on)
        if known is None or known[0] != version:
            if len(self.marks) > _MOST_MARKS:
                self.marks.clear()
            known = self.marks[on] = (version, await self._read_mark(on))
        return known[1]

    async def _read_mark(self, on: str) -> str:
        sayso = self.sign_in.sayso
        if on.startswith("seat "):
            desk, _, thread = on.removeprefix("seat ").partition(" ")
            return await self._seat_mark(desk, thread)
        if on == "inbox":
            return f"{await sayso.solutions.mark()}/{await sayso.canaries.mark()}"
        try:
            view = await sayso.solutions.get(on)
        except RefusedError as error:
            if error.code is not Code.NOT_FOUND:
                raise
            return (await sayso.canaries.get(on)).status
        stops = [stop.id for stop in await sayso.stops.list()]
        states = [(step.id, step.status, step.revision) for step in view.steps]
        said = repr((view.digest, view.status, view.agreed, states, stops, view.question))
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    async def _seat_mark(self, desk: str, thread: str) -> str:
        """The same of a thread: how its requests, their actions and its notes stand."""
        said = await self.sign_in.sayso.desks.mark(desk, thread)
        return hashlib.sha256(said.encode()).hexdigest()[:16]
