"""The route of a few figures, as Prometheus reads them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Security
from fastapi.responses import Response
from fastapi.security import HTTPAuthorizationCredentials
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

import sayso.surfaces.http.examples as examples
from sayso.ids import Tenant
from sayso.sdk.background.reload import LoadedView
from sayso.sdk.resources.figures import Figures
from sayso.sdk.resources.limits import LimitView
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.wiring.tracing import process_registry
from sayso.surfaces.http.auth import BEARER, Needs, Open, admit, sayso_of
from sayso.surfaces.http.documents import problems
from sayso.surfaces.http.edge import PlainRoute

router = APIRouter(tags=["operations"], route_class=PlainRoute)

_READ = Needs(Scope.READ)
_HOST = re.compile(r"(localhost|[0-9.]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE)
_PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


async def _seen_by(
    request: Request,
    shown: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
) -> Tenant:
    """Whose figures the caller may see: the token's tenant, or the workspace's on this machine."""
    if "authorization" not in request.headers and _is_local(request):
        return sayso_of(request).tenant
    request.state.token = await admit(request)
    return (await _READ(request, shown)).tenant


def _is_local(request: Request) -> bool:
    """Whether the call comes from this machine and was meant for it.

    A proxy on this machine speaks for others, and a web page can point a name of its own at the
    loopback address; so neither a proxy's header nor another name passes.
    """
    if any(name in request.headers for name in _PROXY_HEADERS):
        return False
    # NOTE: not `request.url`, which stands for the server itself where the header cannot be read.
    named = _HOST.fullmatch(request.headers.get("host", ""))
    if named is None or request.client is None:
        return False
    host = named[1].strip("[]")
    return (host.lower() == "localhost" or _is_loopback(host)) and _is_loopback(request.client.host)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


@router.get(
    "/metrics",
    summary="A few figures as Prometheus reads them",
    response_class=Response,
    responses={
        200: {
            "description": "gauges of one tenant",
            "content": {"text/plain": {"example": examples.METRICS}},
        },
        **problems(401, 403, 503),
    },
    openapi_extra={"security": [{}]},  # beside the token: none is needed on the same machine
)
async def show_metrics(
    request: Request, sayso: Open, tenant: Annotated[Tenant, Depends(_seen_by)]
) -> Response:
    """Scope: `actions:read`; from the same machine, without a proxy, no token is needed.

    To the workspace's own tenant it also tells what the process itself has counted and timed, once
    `OTEL_METRICS_EXPORTER=prometheus` is set.
    """
    figures = await sayso.figures(tenant)
    limits = await sayso.limits.list(tenant=tenant)
    accept = request.headers.get("accept", "")
    # INVARIANT: the process counts for all of its tenants, so no other one is told.
    loaded = sayso.loaded if tenant == sayso.tenant else None
    return _exposition(figures, limits, accept, loaded)


def _exposition(
    figures: Figures, limits: Sequence[LimitView], accept: str, loaded: LoadedView | None
) -> Response:
    """Figures as OpenTelemetry's exporter writes them, in the form that the scraper asks for."""
    registry = CollectorRegistry()
    reader = PrometheusMetricReader(
        disable_target_info=True, scope_info_enabled=False, registry=registry
    )
    meters = MeterProvider([reader], resource=Resource.get_empty(), shutdown_on_exit=False)
    _set_gauges(meters.get_meter("sayso"), figures)
    _set_limits(meters.get_meter("sayso"), limits)
    if loaded is not None:
        _set_loaded(meters.get_meter("sayso"), loaded)
        registry.register(process_registry())
    encode, media_type = choose_encoder(accept)
    return Response(encode(registry), media_type=media_type)


def _set_loaded(meter: Meter, loaded: LoadedView) -> None:
    policy = "The version of the policy that this process judged by last."
    meter.create_gauge("sayso.loaded.policy", description=policy).set(loaded.policy)
    failed = "1 where the newest reload failed, and what ran before goes on."
    meter.create_gauge("sayso.loaded.not_reloaded", description=failed).set(
        int(bool(loaded.not_reloaded))
    )
    connectors = meter.create_gauge(
        "sayso.loaded.connectors", description="1 for each connector of this process."
    )
    for name, version in loaded.connectors.items():
        connectors.set(1, {"connector": name, "version": version})


def _set_limits(meter: Meter, limits: Sequence[LimitView]) -> None:
    # INVARIANT: by the limit alone; whose use it is can be a customer's.
    told = "How much of a limit its fullest key uses; 1 is all of it."
    fill = meter.create_gauge("sayso.limits.fill", description=told)
    for one in limits:
        fill.set(max((use.fill for use in one.uses), default=0.0), {"limit": one.id})


def _set_gauges(meter: Meter, figures: Figures) -> None:
    def gauge(name: str, description: str, value: float) -> None:
        meter.create_gauge(f"sayso.{name}", description=description).set(value)

    actions = meter.create_gauge("sayso.actions", description="Actions by status.")
    for status, count in figures.actions.items():
        actions.set(count, {"status": status.value})
    requests = meter.create_gauge("sayso.requests", description="Requests by status.")
    for state, count in figures.requests.items():
        requests.set(count, {"status": state.value})
    gauge("approvals.pending", "Approvals that wait for people.", figures.pending)
    waited = "How long the approval that has waited longest has."
    meter.create_gauge("sayso.approvals.oldest", unit="s", description=waited).set(figures.oldest_s)
    each = "Cards within 24 hours for each person of the busiest role; alert above 40."
    gauge("approvals.cards_per_person", each, figures.cards_each)
    gauge("log.entries", "Entries of the audit log.", figures.entries)
    verifies = "1, or 0 once the log does not verify and nothing is signed on top of it."
    gauge("log.verifies", verifies, int(figures.verifies))
    left = "Actions whose outcome only a person can still find out."
    gauge("actions.to_settle", left, figures.left)
    gauge("stops", "Stops in force.", figures.stops)
    gauge("planning.tokens", "Tokens that planning took of models.", figures.tokens)
    cost = "What they cost, in millionths of a US dollar."
    gauge("planning.cost_micro_usd", cost, figures.micro_usd)
    each = "The same for each answered request."
    gauge("cost_per_resolution_micro_usd", each, round(figures.micro_usd_per_resolution))
