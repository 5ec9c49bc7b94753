"""Routes of the policy: what is in force, limits, the dials of the roll-out, the report."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Path, Query

import sayso.surfaces.http.examples as examples
from sayso.errors import Code, RefusedError
from sayso.sdk.resources.policy import ActivationView, PolicyTextView
from sayso.sdk.resources.report import ReportView
from sayso.surfaces.http.auth import Decider, Open, Viewer
from sayso.surfaces.http.documents import asked, problems, shown
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.idempotency import Key, key_mark
from sayso.surfaces.http.shapes import (
    DialBody,
    DialList,
    LimitList,
    LimitsQuery,
    NoQuery,
    ReportQuery,
    WrongBody,
)

router = APIRouter(tags=["policy"], route_class=GuardedRoute)

DialId = Annotated[str, Path(max_length=40, description="the dial's id")]
ActionId = Annotated[str, Path(max_length=64, description="the action's id, `act_…`")]


@router.get(
    "/v1/policy",
    summary="The policy in force",
    responses={
        200: shown("the version with its texts", examples.POLICY),
        **problems(401, 403, 404, 503),
    },
)
async def show_policy(
    sayso: Open, token: Viewer, _query: Annotated[NoQuery, Query()]
) -> PolicyTextView:
    """Scope: `actions:read`, or `approvals:decide`."""
    found = await sayso.policy.in_force()
    if found is None:
        raise RefusedError(
            Code.NOT_FOUND,
            "no version is in force yet",
            next_step="`sayso policy activate` puts the first one in force",
        )
    return found


@router.get(
    "/v1/limits",
    summary="The limits in force, and how much of each is used",
    responses={
        200: shown("the fullest first", {"items": [examples.LIMIT]}),
        **problems(401, 403, 422, 503),
    },
)
async def list_limits(
    sayso: Open, token: Viewer, query: Annotated[LimitsQuery, Query()]
) -> LimitList:
    """Scope: `actions:read`, or `approvals:decide`."""
    found = await sayso.limits.list(limit=query.limit, tenant=token.tenant)
    return LimitList(items=tuple(found))


@router.get(
    "/v1/dials",
    summary="The dials in force, and how often shadow agrees with people",
    responses={200: shown("in their order", {"items": [examples.DIAL]}), **problems(401, 403, 503)},
)
async def list_dials(sayso: Open, token: Viewer, _query: Annotated[NoQuery, Query()]) -> DialList:
    """Scope: `actions:read`, or `approvals:decide`."""
    return DialList(items=tuple(await sayso.rollout.list(tenant=token.tenant)))


@router.post(
    "/v1/dials/{dial_id}",
    summary="Move a dial",
    responses={
        200: shown(
            "in force, or waiting for a second person", {"version": examples.POLICY["version"]}
        ),
        **problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
    openapi_extra=asked(wider=examples.WIDEN),
)
async def move_dial(
    sayso: Open,
    token: Decider,
    key: Key,
    dial_id: DialId,
    _query: Annotated[NoQuery, Query()],
    body: DialBody,
) -> ActivationView:
    """Scope: `approvals:decide`, of a person who may change the policy.

    To the left it is in force at once; to the right it is a loosening, which a second person
    confirms where the workspace says so. What is so already is answered as it stands.
    """
    try:
        return await sayso.rollout.set_as(
            dial_id,
            body.stage,
            token,
            share=None if body.share is None else Decimal(str(body.share)),
            otherwise=body.otherwise,
            note=body.note,
            via=key_mark(key),
        )
    except RefusedError as error:
        if error.code is not Code.ALREADY_IN_STATE:
            raise
        found = await show_policy(sayso, token, NoQuery())
        return ActivationView(version=found.version)


@router.post(
    "/v1/actions/{action_id}/wrong",
    summary="Say that something that was done was wrong",
    responses={
        200: shown("noted; the dials as they stand now", {"items": [examples.DIAL]}),
        **problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
    openapi_extra=asked(wrong=examples.WRONG),
)
async def report_wrong(
    sayso: Open,
    token: Decider,
    key: Key,
    action_id: ActionId,
    _query: Annotated[NoQuery, Query()],
    body: WrongBody,
) -> DialList:
    """Scope: `approvals:decide`. An action is wrong once, whoever says so again."""
    await sayso.rollout.report_wrong_as(action_id, body.how, token)
    return DialList(items=tuple(await sayso.rollout.list(tenant=token.tenant)))


@router.get(
    "/v1/report",
    summary="What was done at once, what people were asked, and what was wrong",
    responses={200: shown("by weeks", examples.REPORT), **problems(401, 403, 422, 503)},
)
async def show_report(
    sayso: Open, token: Viewer, query: Annotated[ReportQuery, Query()]
) -> ReportView:
    """Scope: `actions:read`, or `approvals:decide`."""
    return await sayso.report(
        weeks=query.weeks, minutes_by_hand=query.minutes_by_hand, tenant=token.tenant
    )
