"""The changes of one request as server-sent events, straight from the log, until it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import Request
from fastapi.sse import ServerSentEvent

from sayso.agent.requests import RequestStatus
from sayso.audit.entry import EntryKind
from sayso.sdk.app import Sayso
from sayso.sdk.tokens import Token
from sayso.sdk.views import EntryView
from sayso.surfaces.http.auth import admit
from sayso.surfaces.http.changes import Changes
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
        state = await sayso.request(request_id, tenant=token.tenant)
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
