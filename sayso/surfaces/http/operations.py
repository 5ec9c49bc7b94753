"""Routes of operators: alive, and ready."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from fastapi import APIRouter

from sayso.errors import SaysoError
from sayso.json import JsonValue
from sayso.sdk.views.base import View
from sayso.surfaces.http.auth import Open
from sayso.surfaces.http.documents import problems, shown
from sayso.surfaces.http.edge import PlainRoute
from sayso.surfaces.http.problem import HttpError
from sayso.verdicts import cause_of

router = APIRouter(tags=["operations"], route_class=PlainRoute)


class HealthView(View):
    """Whether it is alive."""

    status: Literal["ok"]


class ReadyView(HealthView):
    """That it is ready, and with what.

    Attributes:
        policy: the number of the version that was judged by last; 0 before the first judgement.
        policy_sha256, settings_sha256, connectors_sha256: the first 12 hex digits of what is
            loaded: that version, sayso.toml, and the connectors with their versions and actions.
        not_reloaded: why the newest reload failed, as a code; empty when it did not.
        unread_desks: the desks that cannot be read, each with the code that says why.
    """

    policy: int
    policy_sha256: str
    settings_sha256: str
    connectors_sha256: str
    not_reloaded: str
    unread_desks: Mapping[str, str]


_OK = {"status": "ok"}
_READY: dict[str, JsonValue] = {
    **_OK,
    "policy": 3,
    "policy_sha256": "5feceb66ffc8",
    "settings_sha256": "6b86b273ff34",
    "connectors_sha256": "d4735e3a265e",
    "not_reloaded": "",
    "unread_desks": {},
}


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
    responses={200: shown("it can, and they do", _READY), **problems(503, 507)},
)
async def show_readiness(sayso: Open) -> ReadyView:
    """No token needed. Takes the write lock once, and some room on the disk; changes nothing.

    It says what the process has loaded, by digests: servers that differ have different files.
    """

    try:
        await sayso.check_ready()
    except SaysoError as error:
        if cause_of(error.code) is None:
            raise
        raise HttpError(error, status=503) from error  # as load balancers understand it
    loaded = sayso.loaded
    return ReadyView(
        status="ok",
        policy=loaded.policy,
        policy_sha256=loaded.policy_sha256,
        settings_sha256=loaded.settings,
        connectors_sha256=loaded.connectors_sha256,
        not_reloaded=loaded.not_reloaded,
        unread_desks=await sayso.desks.unread() if sayso.workspace.settings.desk else {},
    )
