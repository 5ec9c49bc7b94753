"""Routes of webhooks: the programs that are called with every change."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, Field

import sayso.surfaces.http.examples as examples
from sayso.sdk.views.base import View
from sayso.sdk.webhooks.resource import WebhookTestView, WebhookView
from sayso.surfaces.http.auth import Admin, Open
from sayso.surfaces.http.documents import asked, problems, reads, shown, writes
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.idempotency import Key, bound_key, make_mark
from sayso.surfaces.http.shapes import MAX_SEQ, Body, NoBody, NoQuery, Short

router = APIRouter(tags=["webhooks"], route_class=GuardedRoute)

_CHANGES = problems(400, 401, 403, 404, 409, 413, 415, 422, 503)
_NOTHING = asked(nothing={})


class WebhookBody(Body):
    """What is to be called with every change."""

    url: str = Field(
        min_length=1, max_length=2000, description="https, and a host that everybody can reach"
    )
    kinds: Annotated[tuple[Short, ...], Field(strict=False, max_length=40)] = Field(
        default=(),
        description="families such as `action`, or kinds such as `action.succeeded`; all when "
        "empty",
    )


class ReplayBody(Body):
    """From where on everything is told once more: one of the two."""

    after: int | None = Field(
        default=None, ge=-1, le=MAX_SEQ, description="behind the event of this `seq`; -1 for all"
    )
    since: Annotated[AwareDatetime, Field(strict=False)] | None = Field(
        default=None, description="since this moment, RFC 3339"
    )


class WebhookPage(View):
    """The webhooks of a tenant, oldest first."""

    items: tuple[WebhookView, ...]


@router.post(
    "/v1/webhooks",
    status_code=201,
    summary="Call an address with every change from now on",
    responses=writes("the endpoint, with the secret that signs", examples.WEBHOOK_MADE, status=201),
    openapi_extra=asked(all=examples.ADD_WEBHOOK),
)
async def add_webhook(
    request: Request,
    response: Response,
    sayso: Open,
    token: Admin,
    key: Key,
    _query: NoQuery,
    body: WebhookBody,
) -> WebhookView:
    """Scope: `admin`, which only a person's token can have."""
    made = await sayso.webhooks.add(
        body.url,
        kinds=body.kinds,
        idempotency_key=bound_key(token, key),
        by=token.actor,
        via=make_mark(key, ["add", body.url, list(body.kinds)]),
        tenant=token.tenant,
    )
    root = str(request.scope.get("root_path", ""))
    response.headers["Location"] = f"{root}/v1/webhooks/{made.id}"
    return made


@router.get(
    "/v1/webhooks",
    summary="List webhooks, oldest first",
    responses=reads("all of them, without their secrets", {"items": [examples.WEBHOOK]}),
)
async def list_webhooks(sayso: Open, token: Admin, _query: NoQuery) -> WebhookPage:
    """Scope: `admin`."""
    return WebhookPage(items=tuple(await sayso.webhooks.list(tenant=token.tenant)))


@router.get(
    "/v1/webhooks/{webhook_id}",
    summary="A webhook as it stands",
    responses=reads("the endpoint, without its secret", examples.WEBHOOK, 404),
)
async def show_webhook(webhook_id: str, sayso: Open, token: Admin, _query: NoQuery) -> WebhookView:
    """Scope: `admin`."""
    return await sayso.webhooks.get(webhook_id, tenant=token.tenant)


@router.post(
    "/v1/webhooks/{webhook_id}/replay",
    summary="Tell everything once more that came behind an event or since a moment",
    responses={200: shown("it begins at once", examples.WEBHOOK), **_CHANGES},
    openapi_extra=asked(after=examples.REPLAY, since=examples.REPLAY_SINCE),
)
async def replay_webhook(
    webhook_id: str,
    sayso: Open,
    token: Admin,
    key: Key,
    _query: NoQuery,
    body: ReplayBody,
) -> WebhookView:
    """Scope: `admin`. What arrived before comes again with the same `webhook-id`."""
    said = None if body.since is None else body.since.isoformat()
    return await sayso.webhooks.replay(
        webhook_id,
        after=body.after,
        since=body.since,
        by=token.actor,
        via=make_mark(key, ["replay", webhook_id, body.after, said]),
        tenant=token.tenant,
    )


@router.post(
    "/v1/webhooks/{webhook_id}/test",
    summary="Send it a test message now",
    responses={
        200: shown("how it took it", examples.WEBHOOK_TEST),
        **problems(400, 401, 403, 404, 413, 415, 422, 503),
    },
    openapi_extra=_NOTHING,
)
async def try_webhook(
    webhook_id: str,
    sayso: Open,
    token: Admin,
    _key: Key,
    _query: NoQuery,
    _body: NoBody,
) -> WebhookTestView:
    """Scope: `admin`. Nothing is stored; the same call sent again sends another message."""
    return await sayso.webhooks.test(webhook_id, tenant=token.tenant)


@router.post(
    "/v1/webhooks/{webhook_id}/{change}",
    summary="Rotate its secret, disable, enable or remove it",
    responses={
        200: shown("as it is now, or was; a new secret stands in it", examples.WEBHOOK),
        **_CHANGES,
    },
    openapi_extra=_NOTHING,
)
async def change_webhook(
    webhook_id: str,
    change: Literal["rotate", "disable", "enable", "remove"],
    sayso: Open,
    token: Admin,
    key: Key,
    _query: NoQuery,
    _body: NoBody,
) -> WebhookView:
    """Scope: `admin`.

    After `rotate` the secret before signs as well, for a day. What comes while it is disabled is
    told once it is enabled again; for one that is failing, `enable` ends the pauses. What was still
    to be told to one that is removed is forgotten. The same call sent again changes nothing.
    """
    webhooks = sayso.webhooks
    changes = {
        "rotate": webhooks.rotate,
        "disable": webhooks.disable,
        "enable": webhooks.enable,
        "remove": webhooks.remove,
    }
    via = make_mark(key, [change, webhook_id])
    return await changes[change](webhook_id, by=token.actor, via=via, tenant=token.tenant)
