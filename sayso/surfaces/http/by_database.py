"""Serves the API of each database to whoever has a token there, under one address."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Final

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from sayso.errors import Code, RefusedError, SaysoError
from sayso.sdk.client import Sayso
from sayso.sdk.databases.open_ones import Databases
from sayso.settings.store import HOME_DATABASE
from sayso.surfaces.http.problem import respond

_BEARER = re.compile(r"bearer +([!-~]{1,400})", re.IGNORECASE)
_MOST_KNOWN: Final = 10_000


class ByDatabase:
    """Passes each call on to the API of the database that its token's tenant is in.

    A call without a token, or with one that nobody knows, goes to `home`, which refuses it. Whose
    token it is, is checked there once more with each call: what is kept here only saves a search.
    """

    def __init__(self, databases: Databases, create: Callable[[Sayso], FastAPI]) -> None:
        self._databases = databases
        self._create = create
        self._apps: dict[str, tuple[Sayso, ASGIApp]] = {}
        self._tenants: dict[bytes, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        async with AsyncExitStack() as stack:
            try:
                name = await self._place_of(scope)
                sayso = await stack.enter_async_context(self._databases.named(name))
                app: ASGIApp = self._app_of(name, sayso)
            except SaysoError as error:  # such as a database that is away
                app = respond(scope, error)
            await app(scope, receive, send)

    async def _place_of(self, scope: Scope) -> str:
        given = Headers(scope=scope).getlist("authorization")
        match = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
        if match is None:
            return HOME_DATABASE
        key = hashlib.sha256(match[1].encode()).digest()
        tenant = self._tenants.get(key)
        if tenant is None:
            try:
                name, token = await self._databases.holder(match[1])
            except RefusedError as error:
                if error.code in {Code.UNAUTHENTICATED, Code.FORBIDDEN}:
                    return HOME_DATABASE
                raise
            if len(self._tenants) >= _MOST_KNOWN:
                self._tenants.clear()
            self._tenants[key] = token.tenant
            return name
        return await self._databases.place_of(tenant)

    def _app_of(self, name: str, sayso: Sayso) -> ASGIApp:
        known = self._apps.get(name)
        if known is None or known[0] is not sayso:
            known = self._apps[name] = (sayso, self._create(sayso))
        return known[1]
