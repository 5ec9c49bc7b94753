"""Changes as server-sent events, straight from the log: of one item until it ends, or of all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent, format_sse_event

import sayso.surfaces.http.examples as examples
from sayso.sdk.client import Sayso
from sayso.sdk.progress.changes import StoreChanges
from sayso.sdk.progress.following import has_ended
from sayso.sdk.resources.requests import is_over
from sayso.sdk.resources.tokens import Scope, Token
from sayso.sdk.views.base import View
from sayso.sdk.views.progress import progress_view
from sayso.sdk.views.rows import ActionView, EventView, RequestView
from sayso.surfaces.http.auth import Open, Reader, Viewer, admit
from sayso.surfaces.http.documents import Responses, problems
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.problem import HttpError
from sayso.surfaces.http.shapes import EventsQuery, NoQuery

V = TypeVar("V")

STREAM = "text/event-stream"
HEARTBEAT_S = 10.0
"""Proxies cut connections that are silent for longer than about a minute."""

router = APIRouter(tags=["events"], route_class=GuardedRoute)

LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        pattern=r"^(-1|[0-9]{1,15})$",
        description="the id of the last event that was seen; only later ones are sent",
    ),
]
Page = Callable[[int], Awaitable[tuple[Sequence[EventView], int]]]
"""The next events behind a number, and the number that they reach to; the same one for none."""
End = Callable[[], Awaitable[RequestView | ActionView | None]]
"""What is followed, once it has ended; None before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream to one caller, who is looked at again before each heartbeat.

    Guarantees: no change is left out or sent twice in one stream; with `Last-Event-ID`, not over
    several either. However much is committed meanwhile, a token that has ended is noticed within
    `heartbeat_s` seconds.
    """

    request: Request
    changes: StoreChanges
    heartbeat_s: float

    async def send(
        self,
        after: int,
        page: Page,
        end: End | None = None,
        told: Callable[[EventView], ServerSentEvent | None] | None = None,
    ) -> AsyncIterator[ServerSentEvent]:
        """Every change behind `after`, until the end, if there is one.

        Args:
            told: what is sent of a change, None for nothing; the change itself unless given.
        """
        now = asyncio.get_running_loop().time
        due = now() + self.heartbeat_s
        while not self.changes.stopped:
            version = await self.changes.version()
            # NOTE: the state is read before the entries, so that an ended one has all of them.
            ended = await end() if end is not None else None
            events, reached = await page(after)
            for event in events:
                said = _sent(event) if told is None else told(event)
                if said is not None:
                    yield said
            if reached == after:
                if ended is not None:
                    yield ServerSentEvent(event="end", data=ended)
                    return
                await self.changes.later_than(version, max(0.0, due - now()))
            after = reached
            if now() >= due:
                if not await self._is_admitted():
                    return
                yield ServerSentEvent(comment="still here")
                due = now() + self.heartbeat_s

    async def _is_admitted(self) -> bool:
        """Whether the token still opens something; the stream ends with it."""
        try:
            await admit(self.request)
        except HttpError:
            return False
        return True


def stream_to(request: Request) -> Stream:
    """A stream to whoever makes this call."""
    return Stream(
        request=request,
        changes=changes_of(request),
        heartbeat_s=float(request.app.state.heartbeat_s),
    )


async def answered(
    request: Request,
    read: Callable[[], Awaitable[V]],
    is_enough: Callable[[V], bool],
    wait_s: float,
) -> V:
    """What a long poll answers: as soon as it is enough, or after so many seconds.

    Raises:
        HttpError: the token has ended meanwhile.
    """
    if not wait_s:
        return await read()
    found = await changes_of(request).until(read, is_enough, wait_s)
    await admit(request)
    return found


def changes_of(request: Request) -> StoreChanges:
    """What wakes the server's streams and long polls, and ends them when it goes down."""
    changes: object = request.app.state.changes
    assert isinstance(changes, StoreChanges)
    return changes


def _sent(event: EventView) -> ServerSentEvent:
    name = "request" if event.action_id is None else "action"
    return ServerSentEvent(event=name, data=event, id=str(event.seq))


def streams_steps(request: Request) -> bool:
    """Whether the caller would have a stream rather than JSON: what they name first counts."""
    named = request.headers.get("accept", "").lower().split(",")
    kinds = [one.partition(";")[0].strip() for one in named]
    first = next((one for one in kinds if one in (STREAM, "application/json", "*/*")), "")
    return first == STREAM


def steps_to(
    request: Request, sayso: Sayso, view: RequestView, after: int, tenant: str
) -> EventSourceResponse:
    """Where a request stands, until it has ended or asks the customer something; then itself.

    Guarantees: no step says more than the request itself; a stream that breaks off changes nothing.
    """

    async def page(reached: int) -> tuple[Sequence[EventView], int]:
        found = await sayso.events.about(view.id, after=reached, tenant=tenant)
        return found, found[-1].seq if found else reached

    async def end() -> RequestView | None:
        state = await sayso.requests.get(view.id, tenant=tenant)
        return state if is_over(state) else None

    async def encoded() -> AsyncIterator[bytes]:
        async for one in stream_to(request).send(after, page, end, _step):
            data = one.data.model_dump_json() if isinstance(one.data, View) else None
            yield format_sse_event(data_str=data, event=one.event, comment=one.comment)

    return EventSourceResponse(encoded(), headers={"X-Accel-Buffering": "no"})


def _step(event: EventView) -> ServerSentEvent | None:
    step = progress_view(event)
    return None if step is None else ServerSentEvent(event="progress", data=step)


def _streamed(description: str, *statuses: int) -> Responses:
    return {
        200: {
            "description": description,
            "content": {"text/event-stream": {"example": examples.EVENTS}},
        },
        **problems(*statuses),
    }


async def _follow(
    request: Request,
    sayso: Open,
    token: Token,
    item_id: str,
    last_event_id: str | None,
    end: End,
) -> AsyncIterator[ServerSentEvent]:
    async def page(after: int) -> tuple[Sequence[EventView], int]:
        found = await sayso.events.about(item_id, after=after, tenant=token.tenant)
        return found, found[-1].seq if found else after

    after = -1 if last_event_id is None else int(last_event_id)
    async for event in stream_to(request).send(after, page, end):
        yield event


async def _known_request(request_id: str, sayso: Open, token: Reader) -> RequestView:
    """The request, before the stream begins: an unknown one is an ordinary 404."""
    return await sayso.requests.get(request_id, tenant=token.tenant)


@router.get(
    "/v1/requests/{request_id}/events",
    summary="Follow a request until it ends",
    response_class=EventSourceResponse,
    responses=_streamed(
        "`request` and `action` events, one for each change; then `end` with the request itself. "
        "Comments keep the connection open meanwhile.",
        *(401, 403, 404, 422, 503),
    ),
)
async def follow_request(
    request: Request,
    known: Annotated[RequestView, Depends(_known_request)],
    sayso: Open,
    token: Reader,
    _query: NoQuery,
    last_event_id: LastEventId = None,
) -> AsyncIterator[ServerSentEvent]:
    """Scope: `actions:read`."""

    async def end() -> RequestView | None:
        state = await sayso.requests.get(known.id, tenant=token.tenant)
        return state if has_ended(state) else None

    async for event in _follow(request, sayso, token, known.id, last_event_id, end):
        yield event


async def _known_action(action_id: str, sayso: Open, token: Reader) -> ActionView:
    """The same of an action."""
    return await sayso.actions.get(action_id, tenant=token.tenant, timeline=False)


@router.get(
    "/v1/actions/{action_id}/events",
    summary="Follow an action until it ends",
    response_class=EventSourceResponse,
    responses=_streamed(
        "`action` events, one for each change; then `end` with the action itself.",
        *(401, 403, 404, 422, 503),
    ),
)
async def follow_action(
    request: Request,
    known: Annotated[ActionView, Depends(_known_action)],
    sayso: Open,
    token: Reader,
    _query: NoQuery,
    last_event_id: LastEventId = None,
) -> AsyncIterator[ServerSentEvent]:
    """Scope: `actions:read`."""

    async def end() -> ActionView | None:
        state = await sayso.actions.get(known.id, tenant=token.tenant, timeline=False)
        return state if has_ended(state) else None

    async for event in _follow(request, sayso, token, known.id, last_event_id, end):
        yield event


async def _beginning(
    sayso: Open,
    token: Viewer,
    query: Annotated[EventsQuery, Query()],
    last_event_id: LastEventId = None,
) -> int:
    """Where the stream begins, before it does: what is not there any more is an ordinary 410."""
    begin = query.after if last_event_id is None else int(last_event_id)
    if begin is None:
        return await sayso.events.newest(tenant=token.tenant)
    await sayso.events.since(begin, tenant=token.tenant, limit=1)
    return begin


@router.get(
    "/v1/events",
    summary="Hear of every change of the tenant's requests and actions",
    response_class=EventSourceResponse,
    responses=_streamed(
        "`ready` with the number that the stream begins behind, then `request` and `action` "
        "events, one for each change; it does not end by itself.",
        *(401, 403, 410, 422, 503),
    ),
)
async def stream_events(
    request: Request,
    sayso: Open,
    token: Viewer,
    begin: Annotated[int, Depends(_beginning)],
) -> AsyncIterator[ServerSentEvent]:
    """Scope: `actions:read`; with `approvals:decide` alone, only what is about approvals.

    Without `Last-Event-ID` and `after` it begins with what comes from now on.
    """
    may_read = Scope.READ in token.scopes

    async def page(after: int) -> tuple[Sequence[EventView], int]:
        events, reached = await sayso.events.since(after, tenant=token.tenant)
        return [one for one in events if may_read or one.approval_id is not None], reached

    # So a stream that breaks off before its first event can be taken up again, too.
    yield ServerSentEvent(event="ready", data={"seq": begin}, id=str(begin))
    async for event in stream_to(request).send(begin, page):
        yield event
