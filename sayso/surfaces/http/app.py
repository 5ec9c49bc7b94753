"""The app: every route of docs/reference/http-api.md over one open workspace."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from sayso.errors import SaysoError
from sayso.extras import installed_version
from sayso.sdk.client import Sayso
from sayso.sdk.progress.changes import StoreChanges
from sayso.surfaces.http.edge import Edge
from sayso.surfaces.http.events import HEARTBEAT_S
from sayso.surfaces.http.parts import HttpApi
from sayso.surfaces.http.problem import on_http_error, on_invalid, on_sayso_error
from sayso.surfaces.http.upkeep import Upkeep


def _operation_id(route: APIRoute) -> str:
    """What a generated client calls the operation, such as `list_actions`."""
    return route.name


def create_app(sayso: Sayso, *, heartbeat_s: float = HEARTBEAT_S) -> FastAPI:
    """The HTTP API of a workspace, to be served or mounted into another app.

    Args:
        sayso: must be open, in the same event loop, while calls are served.
        heartbeat_s: seconds between two comments of an event stream, each after a look at a token.
    """
    app = HttpApi(
        title="Sayso",
        version=installed_version(),
        summary="Support agents that act, on your say-so.",
        description="Errors are RFC 9457 problems with a stable `code`; lists are paged by "
        "`limit` and `after`; money is in minor units; times are RFC 3339 in UTC.",
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        # FastAPI's own spans would hold query strings, in which customers' ids stand.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.sayso = sayso
    app.state.changes = StoreChanges(sayso.version)
    app.state.rejected_calls = sayso.rejected_calls
    app.state.upkeep = Upkeep()
    app.state.heartbeat_s = heartbeat_s
    app.state.methods = app.methods
    app.add_middleware(Edge)
    app.add_exception_handler(SaysoError, on_sayso_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    return app
