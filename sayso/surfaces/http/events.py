"""The changes of one request as server-sent events, straight from the log, until it ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import Request
from fastapi.sse import ServerSentEvent

from sayso.agent.requests import RequestStatus
from sayso.audit.entry import EntryKind
from sayso.dispatch.embedded import POLL_S
from sayso.errors import SaysoError
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Token
from sayso.sdk.views import EntryView
from sayso.surfaces.http.auth import admit
from sayso.surfaces.http.problem import HttpError
from sayso.surfaces.http.shapes import EventView

HEARTBEAT_S = 10.0
"""Proxies cut connections that are silent for longer than about a minute."""

_REQUEST_STATUS = {
    EntryKind.REQUEST_ASKED: RequestStatus.RECEIVED,
    EntryKind.REQUEST_PLANNED: RequestStatus.ACTING,
    EntryKind.REQUEST_HANDED_OVER: RequestStatus.HANDED_OVER,
    EntryKind.REQUEST_REPLIED: RequestStatus.ANSWERED,
}
_ENDED = frozenset({RequestStatus.ANSWERED.value, RequestStatus.HANDED_OVER.value})


async def follow(
    request: Request,
    *,
    sayso: Sayso,
    changes: Changes,
    token: Token,
    request_id: str,
    after: int,
    heartbeat_s: float,
) -> AsyncIterator[ServerSentEvent]:
    """Every change of a request and its actions, in the order of the log, then its last state.

    Args:
        after: index of the last entry that the caller has seen, or -1.
        heartbeat_s: seconds between two comments; the token is checked again before each.

    Guarantees: no change is left out or sent twice in one stream; with `Last-Event-ID`, not over
    several either. A stream that breaks off without `end` is taken up again by the same call.
    However much is committed meanwhile, a token that has ended is noticed within `heartbeat_s`.
    """
    now = asyncio.get_running_loop().time
    due = now() + heartbeat_s
    while not changes.stopped:
        version = await changes.version()
        # NOTE: the state is read before the entries, so that an ended one has all of them.
        state = await sayso.requests.get(request_id, tenant=token.tenant)
        for entry in await sayso.audit.about_request(request_id, after=after, tenant=token.tenant):
            after = entry.seq
            yield _event(entry, request_id)
        if state.status in _ENDED:
            yield ServerSentEvent(event="end", data=state)
            return
        await changes.later_than(version, max(0.0, due - now()))
        if now() >= due:
            try:
                await admit(request)
            except HttpError:
                return  # the token has ended meanwhile, and the stream with it
            yield ServerSentEvent(comment="still here")
            due = now() + heartbeat_s


def _event(entry: EntryView, request_id: str) -> ServerSentEvent:
    body = entry.body
    action_id = body.get("action")
    status = body.get("status")
    if action_id is None:
        reached = _REQUEST_STATUS.get(EntryKind(entry.kind))
        status = None if reached is None else reached.value
    view = EventView(
        seq=entry.seq,
        at=entry.at,
        kind=entry.kind,
        request_id=request_id,
        action_id=action_id,
        approval_id=body.get("approval"),
        status=status,
    )
    name = "request" if action_id is None else "action"
    return ServerSentEvent(event=name, data=view, id=str(entry.seq))


class Changes:
    """Wakes streams when any process has committed something.

    Args:
        sayso: whose store; it must be open when something waits.
        poll_s: seconds between two looks, each a read of shared memory and no query.
    """

    def __init__(self, sayso: Sayso, poll_s: float = POLL_S) -> None:
        self._sayso = sayso
        self._poll_s = poll_s
        self._changed = asyncio.Condition()
        self._version = -1
        self._waiting = 0
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether the server is going down, so that streams have to end."""
        return self._stopped

    async def version(self) -> int:
        """The store's version now; take it before reading what it stands for."""
        version = await self._sayso.version()
        if version != self._version:
            async with self._changed:
                self._version = version
                self._changed.notify_all()
        return version

    async def stop(self) -> None:
        """End all waits, now and in future."""
        self._stopped = True
        async with self._changed:
            self._changed.notify_all()

    async def later_than(self, seen: int, timeout_s: float) -> bool:
        """Wait until the version is another one than `seen`, or `stop`.

        Returns:
            False when `timeout_s` seconds were over first.
        """
        self._waiting += 1
        if self._task is None:
            self._task = asyncio.create_task(self._watch(), name="sayso stream watch")
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: self._stopped or self._version != seen)
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
            if self._waiting == 0:
                self._task.cancel()
                self._task = None
        return True

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            with contextlib.suppress(SaysoError):  # the streams read too, and say what is wrong
                await self.version()
