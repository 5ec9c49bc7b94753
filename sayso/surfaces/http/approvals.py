"""Routes of approvals: what waits for people, and what they say."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from sayso.sdk.views import ActionView, ApprovalView
from sayso.surfaces.http import examples
from sayso.surfaces.http.auth import Decider, Open, Viewer
from sayso.surfaces.http.decisions import decide_once
from sayso.surfaces.http.documents import asked, problems, shown
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.keys import Key
from sayso.surfaces.http.shapes import ApprovalPage, ApprovalsQuery, DecisionBody, NoQuery

router = APIRouter(tags=["approvals"], route_class=GuardedRoute)


@router.get(
    "/v1/approvals",
    summary="List approvals, oldest first",
    responses={
        200: shown("a page", examples.page(examples.APPROVAL)),
        **problems(401, 403, 422, 503),
    },
)
async def list_approvals(
    sayso: Open, token: Viewer, query: Annotated[ApprovalsQuery, Query()]
) -> ApprovalPage:
    """Scope: `actions:read` or `approvals:decide`. Without `status`, those of every status."""
    items = await sayso.approvals(
        status=None if query.status is None else query.status.value,
        limit=query.limit,
        after=query.after,
        tenant=token.tenant,
    )
    more = len(items) == query.limit
    return ApprovalPage(items=tuple(items), next_after=items[-1].id if more else None)


@router.get(
    "/v1/approvals/{approval_id}",
    summary="An approval with its card and votes",
    responses={
        200: shown("exactly what a decision is about", examples.APPROVAL),
        **problems(401, 403, 404, 422, 503),
    },
)
async def show_approval(
    approval_id: str, sayso: Open, token: Viewer, _query: Annotated[NoQuery, Query()]
) -> ApprovalView:
    """Scope: `actions:read` or `approvals:decide`."""
    return await sayso.approval(approval_id, tenant=token.tenant)


@router.post(
    "/v1/approvals/{approval_id}/decision",
    summary="Decide as the person whose token this is",
    responses={
        200: shown("taken; an approved action has been tried already", examples.DONE),
        **problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
    openapi_extra=asked(approve=examples.APPROVE, reject=examples.REJECT, edit=examples.EDIT),
)
async def decide(
    approval_id: str,
    sayso: Open,
    token: Decider,
    key: Key,
    _query: Annotated[NoQuery, Query()],
    body: DecisionBody,
) -> ActionView:
    """Scope: `approvals:decide`, which only a person's token can have.

    The same call sent again is answered with 200 and the action as it then stands. Any other
    decision about something decided is `already_decided`, whoever makes it.
    """
    return await decide_once(sayso, token, approval_id, body, key)
