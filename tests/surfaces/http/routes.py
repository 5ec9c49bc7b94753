"""The routes as the app has them, for tests and for the page's table of scopes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi.routing import APIRoute

from sayso.sdk.resources.tokens import Scope
from sayso.surfaces.http.auth import Needs
from sayso.surfaces.http.parts import PARTS, router_of

ROUTES = {
    f"{method} {re.sub(r':path}', '}', route.path)}": route
    for part in PARTS
    for route in router_of(part).routes
    if isinstance(route, APIRoute) and route.include_in_schema
    for method in sorted(route.methods or ())
}
"""By method and path, in the order of the document."""

_BY_ITSELF = {"GET /metrics": (Scope.READ,)}
"""What looks at the token in a way of its own."""


def on_page(call: str) -> str:
    """A call as docs/reference/http-api.md writes it."""
    return re.sub(r"{(?!change})[a-z_]+}", "{id}", call)


def scopes_of(call: str) -> tuple[Scope, ...]:
    """Any of which opens it; none where no token is needed."""
    for one in ROUTES[call].dependant.dependencies:
        if isinstance(one.call, Needs):
            return one.call.scopes
    return _BY_ITSELF.get(call, ())


def rows_of_scopes() -> Iterator[str]:
    """The table of the page: what each scope opens."""
    yield "| scope | opens |"
    yield "|---|---|"
    for scope in Scope:
        calls = [f"`{on_page(call)}`" for call in ROUTES if scope in scopes_of(call)]
        if calls:  # one opens the console alone
            yield f"| `{scope.value}` | {' · '.join(calls)} |"
    free = [f"`{call}`" for call in ROUTES if not scopes_of(call)]
    yield f"| none | {' · '.join(free)} · `GET /openapi.json` |"
