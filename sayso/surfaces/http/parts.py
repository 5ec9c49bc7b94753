"""The parts of the API, each a module of routes; most are loaded when they are first asked."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from sayso.surfaces.http.documents import finish_document

AT_ONCE: Final[tuple[str, ...]] = ()
PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "requests": AT_ONCE,
    "actions": AT_ONCE,
    "events": AT_ONCE,
    "approvals": AT_ONCE,
    "solutions": ("solutions",),
    "work": ("work",),
    "customers": ("customers",),
    "stops": ("stop", "resume", "stops"),
    "policy": ("policy", "limits", "dials", "report", "explanation", "wrong"),
    "webhooks": ("webhooks",),
    "inbound": ("inbound", "desks"),
    "threads": ("threads",),
    "confirm": ("confirm",),
    "privacy": ("privacy",),
    "retention": ("segments", "prunings", "sweeps"),
    "audit": ("audit",),
    "exports": ("exports", "evidence", "receipt"),
    "repairs": ("repair", "accept"),
    "operations": AT_ONCE,
    "metrics": ("metrics",),
}
"""In the order of the document, each with the words that stand in its paths and load it.

What a bot's calls need is there at once. A word in a path that is another part's loads one too
many, which is only early.
"""

_DOCUMENT = "openapi.json"


def router_of(part: str) -> APIRouter:
    """The routes of a part."""
    found: object = import_module(f"sayso.surfaces.http.{part}").router
    assert isinstance(found, APIRouter)
    return found


class HttpApi(FastAPI):
    """A FastAPI app whose OpenAPI document names our errors instead of FastAPI's.

    Attributes:
        parts: those that are loaded, with their routers.
        methods: what can be done at each path of these.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.parts: dict[str, APIRouter] = {}
        self.methods: dict[str, frozenset[str]] = {}
        self.add_middleware(_Loading, api=self)
        self.take(*(part for part, words in PARTS.items() if words == AT_ONCE))

    def take(self, *parts: str) -> None:
        """Answer the calls of these parts, too."""
        for part in parts:
            if part in self.parts:
                continue
            self.parts[part] = router = router_of(part)
            self.include_router(router)
            before = [name for name in PARTS if name in self.parts].index(part)
            routes = self.router.routes
            routes.insert(len(routes) - len(self.parts) + before, routes.pop())
            for route in router.routes:
                assert isinstance(route, APIRoute)
                known = self.methods.get(route.path, frozenset())
                self.methods[route.path] = known | (route.methods or set())

    def openapi(self) -> dict[str, Any]:
        """The document of `/openapi.json`."""
        if self.openapi_schema is None:
            self.take(*PARTS)
            self.openapi_schema = finish_document(super().openapi())
        return self.openapi_schema


class _Loading:
    """Loads the parts that a call may be for, beside the calls of others."""

    def __init__(self, app: ASGIApp, api: HttpApi) -> None:
        self._app = app
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if len(self._api.parts) < len(PARTS) and scope["type"] == "http":
            said = str(scope["path"]).split("/")
            for part, words in PARTS.items():
                wanted = said[-1] == _DOCUMENT or any(word in said for word in words)
                if wanted and part not in self._api.parts:
                    await run_in_threadpool(router_of, part)
                    self._api.take(part)
        await self._app(scope, receive, send)
