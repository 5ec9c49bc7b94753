"""Routes of requests: words that are planned and acted on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

import sayso.surfaces.http.examples as examples
from sayso.sdk.resources.requests import is_over
from sayso.sdk.views.rows import RequestView
from sayso.surfaces.http.auth import Open, Proposer, Reader
from sayso.surfaces.http.documents import asked, reads, writes
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.events import STREAM, answered, steps_to, streams_steps
from sayso.surfaces.http.idempotency import Key, Trace, bound_key
from sayso.surfaces.http.shapes import (
    AnswerBody,
    AskBody,
    AskQuery,
    RequestPage,
    RequestsQuery,
    WaitQuery,
    WithdrawBody,
)

router = APIRouter(tags=["requests"], route_class=GuardedRoute)


@router.post(
    "/v1/requests",
    status_code=202,
    summary="Plan and act on a customer's words",
    response_model=RequestView,
    responses={
        200: {
            "description": "with `Accept: text/event-stream`: `progress` events, then `end` with "
            "the request, once it has ended or asks the customer something",
            "content": {STREAM: {"example": examples.PROGRESS}},
        },
        **writes("stored; it goes on by itself, also after a crash", examples.REQUEST, status=202),
    },
    openapi_extra=asked(words=examples.ASK),
)
async def ask(
    request: Request,
    response: Response,
    sayso: Open,
    token: Proposer,
    key: Key,
    trace: Trace,
    query: Annotated[AskQuery, Query()],
    body: AskBody,
) -> RequestView | Response:
    """Scope: `actions:propose`.

    Poll the request, follow its events, pass `wait`, or accept `text/event-stream`: a stream lasts
    as long as it takes, `wait` or not, and one that breaks off changes nothing: the same call with
    the same key goes on with it, or gives its end. What a person has to approve stays
    `pending_approval`, and `reply` says so truthfully until then. With `needs_customer`, put
    `question` to the customer, and send what they answer to `/answer`, or as the next message of
    the same `conversation`.
    """
    streams = streams_steps(request)
    before = await sayso.events.newest(tenant=token.tenant) if streams else -1
    view = await sayso.ask(
        await body.subject.checked(sayso),
        body.turns(),
        idempotency_key=bound_key(token, key),
        conversation=body.conversation,
        wait_s=0 if streams else query.wait,
        requester=token.actor,
        tenant=token.tenant,
        traceparent=trace,
    )
    location = f"{request.scope.get('root_path', '')}/v1/requests/{view.id}"
    if streams:
        steps = steps_to(request, sayso, view, before, token.tenant)
        steps.headers["Location"] = location
        return steps
    response.headers["Location"] = location
    return view


@router.post(
    "/v1/requests/{request_id}/answer",
    status_code=202,
    summary="Hand over what the customer answered to a question",
    responses=writes(
        "stored; the request is planned on with it", examples.REQUEST, 404, status=202
    ),
    openapi_extra=asked(choice=examples.ANSWER, words=examples.ANSWER_IN_WORDS),
)
async def answer(
    request_id: str,
    sayso: Open,
    token: Proposer,
    key: Key,
    query: Annotated[AskQuery, Query()],
    body: AnswerBody,
) -> RequestView:
    """Scope: `actions:propose`.

    409 `nothing_asked` when the request waits for no answer to that question; nothing is lost or
    done then.
    """
    return await sayso.requests.answer(
        request_id,
        body.content,
        question=body.question,
        choice=body.choice,
        subject=await body.signed(sayso),
        idempotency_key=bound_key(token, key),
        wait_s=query.wait,
        requester=token.actor,
        tenant=token.tenant,
    )


@router.post(
    "/v1/requests/{request_id}/withdraw",
    summary="Take a request back, as the customer wants it",
    responses=writes(
        "as it stands: `reply` tells what was stopped, and what was not", examples.REQUEST, 404
    ),
    openapi_extra=asked(words={"content": "actually no, I will keep it"}),
)
async def withdraw(
    request_id: str, sayso: Open, token: Proposer, key: Key, body: WithdrawBody
) -> RequestView:
    """Scope: `actions:propose`.

    What has not begun is stopped: nobody can say yes to it any more. What is under way or done
    can't be taken back, and `reply` tells it as such. The same once more changes nothing.
    """
    return await sayso.requests.withdraw(
        request_id,
        body.content,
        subject=await body.signed(sayso),
        requester=token.actor,
        tenant=token.tenant,
    )


@router.get(
    "/v1/requests",
    summary="List requests, newest first",
    responses=reads("a page", examples.page(examples.REQUEST)),
)
async def list_requests(
    sayso: Open, token: Reader, query: Annotated[RequestsQuery, Query()]
) -> RequestPage:
    """Scope: `actions:read`."""
    items = await sayso.requests.list(
        status=None if query.status is None else query.status.value,
        limit=query.limit,
        after=query.after,
        tenant=token.tenant,
    )
    more = len(items) == query.limit
    return RequestPage(items=tuple(items), next_after=items[-1].id if more else None)


@router.get(
    "/v1/requests/{request_id}",
    summary="A request as it stands",
    responses=reads("the request, its plan, its actions and the reply", examples.REQUEST, 404),
)
async def show_request(
    request: Request,
    request_id: str,
    sayso: Open,
    token: Reader,
    query: Annotated[WaitQuery, Query()],
) -> RequestView:
    """Scope: `actions:read`.

    With `wait`, as soon as it has ended or asks the customer something, and as it stands otherwise.
    """
    return await answered(
        request,
        lambda: sayso.requests.get(request_id, tenant=token.tenant),
        is_over,
        query.wait,
    )
