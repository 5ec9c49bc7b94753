"""Routes of what is owed to customers: access, erasure, and the legal holds that forbid it.

A customer's id stands in bodies only, never in a path or a query, since those end up in the logs of
proxies.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

import sayso.surfaces.http.examples as examples
from sayso.sdk.privacy.views import ErasureView, HoldView, SubjectView
from sayso.sdk.views.base import View
from sayso.surfaces.http.auth import Decider, Keeper, Open
from sayso.surfaces.http.documents import asked, problems, reads, shown, writes
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.idempotency import Key, bound_key
from sayso.surfaces.http.shapes import After, Body, Limit, NoQuery, QueryModel, Short

router = APIRouter(tags=["privacy"], route_class=GuardedRoute)
_VIA = "http"
"""Nothing of the key: it may name the customer, and the log is for good."""


Customer = Annotated[Short, Field(description="the provider's id of the customer, such as `cus_…`")]
ReasonCode = Annotated[
    str,
    Field(max_length=40, description="a code, which stands in the log for good"),
]


class AccessBody(Body):
    """Whose data is asked for."""

    subject: Customer


class EraseBody(Body):
    """Who is to be erased, and why."""

    subject: Customer
    reason: ReasonCode = "subject_request"
    only: Annotated[
        bool, Field(description="this account alone, and none that is linked to it")
    ] = False


class HoldBody(Body):
    """Of whom everything is to be kept, and why."""

    subject: Customer
    reason: ReasonCode


class ReleaseBody(Body):
    """Nothing: the hold stands in the path, and who calls in the token."""


class ErasuresQuery(QueryModel):
    """A page of erasures."""

    limit: Limit = 50
    after: After = None


class HoldsQuery(QueryModel):
    """A page of legal holds."""

    ended: Annotated[bool, Field(description="those that were released, too")] = False
    limit: Limit = 50
    after: After = None


class ErasurePage(View):
    """Erasures, newest first."""

    items: tuple[ErasureView, ...]
    next_after: str | None


class HoldPage(View):
    """Legal holds, newest first."""

    items: tuple[HoldView, ...]
    next_after: str | None


@router.post(
    "/v1/privacy/exports",
    summary="Everything that is held about a customer, in clear",
    responses={
        200: shown("what is held, as it is now", examples.SUBJECT),
        **problems(400, 401, 403, 404, 413, 415, 422, 503),
    },
    openapi_extra=asked(access=examples.ACCESS),
)
async def export_subject(
    sayso: Open, token: Decider, _key: Key, _query: NoQuery, body: AccessBody
) -> SubjectView:
    """Scope: `approvals:decide` of a person with one of the roles of `[retention] roles`.

    Each call gives what is held then, and is itself recorded, under the customer's pseudonym.
    """
    found = await sayso.privacy.export(body.subject, by=token)
    return SubjectView.model_validate(found)


@router.post(
    "/v1/privacy/erasures",
    status_code=201,
    summary="Erase a customer for good",
    responses=writes("erased", examples.ERASURE, 404, status=201),
    openapi_extra=asked(erase=examples.ERASE),
)
async def erase_subject(
    sayso: Open, token: Decider, key: Key, _query: NoQuery, body: EraseBody
) -> ErasureView:
    """Scope: `approvals:decide` of a person with one of the roles of `[retention] roles`.

    The same call sent again goes on where a crash left it, and is answered with the same erasure.
    """
    return await sayso.privacy.erase(
        body.subject,
        reason=body.reason,
        by=token,
        key=bound_key(token, key),
        only=body.only,
        via=_VIA,
    )


@router.get(
    "/v1/privacy/erasures",
    summary="List erasures, newest first",
    responses=reads("a page", examples.page(examples.ERASURE)),
)
async def list_erasures(
    sayso: Open, token: Keeper, query: Annotated[ErasuresQuery, Query()]
) -> ErasurePage:
    """Scope: `audit:read` or `approvals:decide`. Customers stand under their pseudonyms."""
    items = await sayso.privacy.erasures(limit=query.limit, after=query.after, tenant=token.tenant)
    more = len(items) == query.limit
    return ErasurePage(items=tuple(items), next_after=items[-1].id if more else None)


@router.get(
    "/v1/privacy/erasures/{erasure_id}",
    summary="One erasure, done or under way",
    responses=reads("as it is now", examples.ERASURE, 404),
)
async def show_erasure(sayso: Open, token: Keeper, erasure_id: str, _query: NoQuery) -> ErasureView:
    """Scope: `audit:read` or `approvals:decide`."""
    return await sayso.privacy.erasure_of(erasure_id, tenant=token.tenant)


@router.post(
    "/v1/privacy/holds",
    status_code=201,
    summary="Place a legal hold: nothing of the customer is erased, swept or pruned",
    responses=writes("in force", examples.HOLD, status=201),
    openapi_extra=asked(hold=examples.PLACE_HOLD),
)
async def place_hold(
    sayso: Open, token: Decider, key: Key, _query: NoQuery, body: HoldBody
) -> HoldView:
    """Scope: `approvals:decide` of a person with one of the roles of `[retention] roles`.

    The customer need not be known yet.
    """
    return await sayso.privacy.hold(
        body.subject, reason=body.reason, by=token, key=bound_key(token, key), via=_VIA
    )


@router.get(
    "/v1/privacy/holds",
    summary="List legal holds, newest first",
    responses=reads("a page", examples.page(examples.HOLD)),
)
async def list_holds(sayso: Open, token: Keeper, query: Annotated[HoldsQuery, Query()]) -> HoldPage:
    """Scope: `audit:read` or `approvals:decide`. Those in force, unless `ended=true`."""
    items = await sayso.privacy.holds(
        released=query.ended, limit=query.limit, after=query.after, tenant=token.tenant
    )
    more = len(items) == query.limit
    return HoldPage(items=tuple(items), next_after=items[-1].id if more else None)


@router.get(
    "/v1/privacy/holds/{hold_id}",
    summary="One legal hold",
    responses=reads("as it is now", examples.HOLD, 404),
)
async def show_hold(sayso: Open, token: Keeper, hold_id: str, _query: NoQuery) -> HoldView:
    """Scope: `audit:read` or `approvals:decide`."""
    return await sayso.privacy.hold_of(hold_id, tenant=token.tenant)


@router.post(
    "/v1/privacy/holds/{hold_id}/release",
    summary="Ask for the end of a legal hold, or confirm it as another person",
    responses=writes("asked for, or released", {**examples.HOLD, "status": "release_asked"}, 404),
    openapi_extra=asked(release={}),
)
async def release_hold(
    hold_id: str,
    sayso: Open,
    token: Decider,
    key: Key,
    _query: NoQuery,
    _body: ReleaseBody,
) -> HoldView:
    """Scope: `approvals:decide` of a person with one of the roles of `[retention] roles`.

    The first person asks, another one confirms; the same call sent again changes nothing.
    """
    return await sayso.privacy.release(hold_id, by=token, key=bound_key(token, key), via=_VIA)
