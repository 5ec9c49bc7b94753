"""Routes of operators: alive, ready, and a few figures."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Security
from fastapi.responses import PlainTextResponse
from fastapi.security import HTTPAuthorizationCredentials

import sayso.surfaces.http.examples as examples
from sayso.errors import IntegrityError
from sayso.ids import Tenant
from sayso.sdk.resources.figures import Figures
from sayso.sdk.resources.tokens import Scope
from sayso.surfaces.http.auth import BEARER, Needs, Open, admit, sayso_of
from sayso.surfaces.http.documents import problems, shown
from sayso.surfaces.http.edge import PlainRoute
from sayso.surfaces.http.problem import HttpError
from sayso.surfaces.http.shapes import HealthView

router = APIRouter(tags=["operations"], route_class=PlainRoute)

_OK = {"status": "ok"}
_READ = Needs(Scope.READ)
_HOST = re.compile(r"(localhost|[0-9.]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE)
_PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@router.head("/healthz", include_in_schema=False)  # as many a load balancer asks
@router.get(
    "/healthz",
    summary="Whether the process answers",
    responses={200: shown("it does", _OK)},
)
async def show_health() -> HealthView:
    """No token needed."""
    return HealthView(status="ok")


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    summary="Whether the database can be written, and its logs verify",
    responses={200: shown("it can, and they do", _OK), **problems(503, 507)},
)
async def show_readiness(sayso: Open) -> HealthView:
    """No token needed. Takes the write lock once, and some room on the disk; changes nothing."""

    try:
        await sayso.check_ready()
    except IntegrityError as error:
        raise HttpError(error, status=503) from error  # as load balancers understand it
    return HealthView(status="ok")


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
    summary="A few figures in Prometheus' text format",
    response_class=PlainTextResponse,
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
    sayso: Open, tenant: Annotated[Tenant, Depends(_seen_by)]
) -> PlainTextResponse:
    """Scope: `actions:read`; from the same machine, without a proxy, no token is needed."""
    figures = await sayso.figures(tenant)
    text = _prometheus(figures, verifies=tenant not in sayso.unverified)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


def _prometheus(figures: Figures, *, verifies: bool) -> str:
    lines = ["# HELP sayso_actions Actions by status.", "# TYPE sayso_actions gauge"]
    lines += [
        f'sayso_actions{{status="{status.value}"}} {count}'
        for status, count in figures.actions.items()
    ]
    lines += [
        "# HELP sayso_approvals_pending Approvals that wait for people.",
        "# TYPE sayso_approvals_pending gauge",
        f"sayso_approvals_pending {figures.pending}",
        "# HELP sayso_log_entries Entries of the audit log.",
        "# TYPE sayso_log_entries gauge",
        f"sayso_log_entries {figures.entries}",
        "# HELP sayso_log_verifies 1, or 0 once the log does not verify and nothing is signed.",
        "# TYPE sayso_log_verifies gauge",
        f"sayso_log_verifies {int(verifies)}",
        "# HELP sayso_actions_left Actions whose outcome only a person can still find out.",
        "# TYPE sayso_actions_left gauge",
        f"sayso_actions_left {figures.left}",
        "# HELP sayso_stops Stops in force.",
        "# TYPE sayso_stops gauge",
        f"sayso_stops {figures.stops}",
        "# HELP sayso_requests Requests by status.",
        "# TYPE sayso_requests gauge",
    ]
    lines += [
        f'sayso_requests{{status="{status.value}"}} {count}'
        for status, count in figures.requests.items()
    ]
    lines += [
        "# HELP sayso_planning_tokens Tokens that planning took of models.",
        "# TYPE sayso_planning_tokens gauge",
        f"sayso_planning_tokens {figures.tokens}",
        "# HELP sayso_planning_cost_micro_usd What they cost, in millionths of a US dollar.",
        "# TYPE sayso_planning_cost_micro_usd gauge",
        f"sayso_planning_cost_micro_usd {figures.micro_usd}",
        "# HELP sayso_cost_per_resolution_micro_usd The same for each answered request.",
        "# TYPE sayso_cost_per_resolution_micro_usd gauge",
        f"sayso_cost_per_resolution_micro_usd {figures.micro_usd_per_resolution:.0f}",
    ]
    return "\n".join(lines) + "\n"
