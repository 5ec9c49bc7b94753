"""The route of providers' webhooks; a signature stands in for a token."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from sayso.sdk.views.base import View
from sayso.surfaces.http.auth import Open
from sayso.surfaces.http.edge import JsonRequest, PlainRoute

router = APIRouter(tags=["inbound"], route_class=PlainRoute)


class HeardBody(View):
    """What followed from a provider's webhook.

    Attributes:
        event: the provider's own id of it.
        looked_up: actions that are looked up now.
        request: the request that a customer's words became.
    """

    event: str
    looked_up: tuple[str, ...]
    request: str | None


# NOTE: no part of the document: its callers are providers, who speak forms of their own.
@router.post("/v1/inbound/{name}", include_in_schema=False)
async def take_webhook(name: str, request: Request, sayso: Open) -> HeardBody:
    """No token: the provider signs. See docs/how-to/hear-from-providers.md."""
    body = await JsonRequest(request.scope, request.receive).body()
    headers = {key.lower(): value for key, value in request.headers.items()}
    heard = await sayso.inbound.receive(name, headers, body)
    return HeardBody(event=heard.event, looked_up=heard.looked_up, request=heard.request)


@router.post("/v1/desks/{name}/canvas", include_in_schema=False)
async def draw_canvas(name: str, request: Request, sayso: Open) -> JSONResponse:
    """Intercom asks what to show; see docs/how-to/work-beside-the-ticket.md."""
    body = await JsonRequest(request.scope, request.receive).body()
    headers = {key.lower(): value for key, value in request.headers.items()}
    return JSONResponse(await sayso.desks.canvas(name, headers, body))
