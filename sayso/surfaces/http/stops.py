"""Routes of the stop switch: one call stops, two people resume."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

import sayso.surfaces.http.examples as examples
from sayso.actions.controls.kill_switch import MAX_REASON_CHARS, MAX_TARGET_CHARS, Resumption
from sayso.sdk.views.base import View
from sayso.sdk.views.rows import StopView
from sayso.surfaces.http.auth import Open, Resumer, Stopper, Watcher
from sayso.surfaces.http.documents import asked, reads, writes
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.idempotency import Key, bound_key, key_mark
from sayso.surfaces.http.shapes import After, Body, Limit, NoQuery, QueryModel, Short

router = APIRouter(tags=["stops"], route_class=GuardedRoute)


class StopBody(Body):
    """What is to be stopped."""

    scope: Literal["all", "tenant", "connector", "action", "customer"]
    target: str = Field(
        default="",
        max_length=MAX_TARGET_CHARS,
        description="which connector, action or customer; none for `all` and `tenant`",
    )
    reason: str = Field(default="", max_length=MAX_REASON_CHARS, description="for whoever looks")


class ResumeBody(Body):
    """Which stop may end."""

    stop: Short = Field(description="the stop's id, `stp_…`")


class StopsQuery(QueryModel):
    """A page of stops."""

    released: Annotated[
        bool | None, Field(description="true: those that ended; false: those in force")
    ] = None
    limit: Limit = 50
    after: After = None


class StopPage(View):
    """Stops, newest first."""

    items: tuple[StopView, ...]
    next_after: str | None


@router.post(
    "/v1/stop",
    status_code=201,
    summary="Stop at once",
    responses=writes("in force, in every process", examples.STOP, 404, status=201),
    openapi_extra=asked(connector=examples.STOP_CONNECTOR, all=examples.STOP_ALL),
)
async def stop(sayso: Open, token: Stopper, key: Key, _query: NoQuery, body: StopBody) -> StopView:
    """Scope: `stop`, or `approvals:decide` of a person with a role.

    Calls under way are finished; everything else that falls under it is held, and keeps its yes.
    """
    return await sayso.stops.engage(
        body.scope,
        body.target,
        reason=body.reason,
        idempotency_key=bound_key(token, key),
        by=token.actor,
        credential=token.id,
        via=key_mark(key),
        tenant=token.tenant,
    )


@router.post(
    "/v1/resume",
    summary="Ask for the end of a stop, or confirm it as another person",
    responses=writes("asked for, or released", {**examples.STOP, "status": "resume_asked"}, 404),
    openapi_extra=asked(resume=examples.RESUME),
)
async def resume(
    sayso: Open, token: Resumer, key: Key, _query: NoQuery, body: ResumeBody
) -> StopView:
    """Scope: `approvals:decide`, which only a person's token can have.

    The first person asks, another one confirms; the same call sent again changes nothing.
    """
    return await sayso.stops.resume_as(
        Resumption(
            tenant=token.tenant,
            stop_id=body.stop,
            person=token.holder,
            via=key_mark(key),
            credential=token.id,
            key=bound_key(token, key),
        )
    )


@router.get(
    "/v1/stops",
    summary="List stops, newest first",
    responses=reads("a page", examples.page(examples.STOP)),
)
async def list_stops(
    sayso: Open, token: Watcher, query: Annotated[StopsQuery, Query()]
) -> StopPage:
    """Scope: `actions:read`, `approvals:decide` or `stop`. Without `released`, of both kinds."""
    items = await sayso.stops.list(
        released=query.released, limit=query.limit, after=query.after, tenant=token.tenant
    )
    more = len(items) == query.limit
    return StopPage(items=tuple(items), next_after=items[-1].id if more else None)
