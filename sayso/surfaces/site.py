"""What `sayso serve` serves under one address: the console, Slack's clicks, and the HTTP API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from socket import socket

from starlette.applications import Starlette
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Mount, Route

from sayso.sdk.client import Sayso
from sayso.sdk.reload import Reloads, following
from sayso.sdk.workspace import Workspace
from sayso.settings.surfaces import CONSOLE_PATH
from sayso.surfaces.console.app import create_console
from sayso.surfaces.console.edge import ConsoleSite
from sayso.surfaces.http.app import create_app
from sayso.surfaces.http.server import ReplaceableApp, serve
from sayso.surfaces.mail import mailing

SLACK_PATH = "/slack/events"
"""Where Slack sends clicks and forms to."""
Beside = Callable[[Sayso], AbstractAsyncContextManager[None]]
"""What runs beside the calls of an open workspace."""


async def serve_site(
    sayso: Sayso,
    listener: socket,
    ready: Callable[[str], None],
    *,
    beside: Beside | None = None,
    reloads: Reloads | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; `ready` gets the URL once calls are answered.

    Args:
        beside: runs beside the calls, anew with each reload.
        reloads: says when to reload, also with SIGHUP; never where None.
    """
    generation = _Generation(sayso, beside)
    try:
        app = ReplaceableApp(await generation.begin())

        async def reload(workspace: Workspace) -> None:
            nonlocal generation
            fresh = Sayso(workspace, mode="run", telemetry=generation.sayso.container.telemetry)
            following = _Generation(fresh, beside)
            try:
                await fresh.__aenter__()
                fresh.warm_up()
                made = await following.begin()
            except BaseException:
                await following.end()
                raise
            generation, before = following, generation
            fresh.reloads = reloads
            await app.replace(made)
            await before.end()

        sayso.reloads = reloads
        async with following(reloads, reload):
            await serve(sayso, listener=listener, ready=ready, app=app)
    finally:
        await generation.end()


class _Generation:
    """One open workspace with its app, until another takes its place."""

    def __init__(self, sayso: Sayso, beside: Beside | None) -> None:
        self.sayso = sayso
        self._beside = beside
        self._stack = AsyncExitStack()

    async def begin(self) -> Starlette:
        """Its app, with all that runs beside it."""
        if self._beside is not None:
            await self._stack.enter_async_context(self._beside(self.sayso))
        return await self._stack.enter_async_context(_site(self.sayso))

    async def end(self) -> None:
        """End what runs beside it, and close the workspace."""
        try:
            await self._stack.aclose()
        finally:
            await self.sayso.__aexit__(None, None, None)


@asynccontextmanager
async def _site(sayso: Sayso) -> AsyncGenerator[Starlette]:
    site = ConsoleSite(url=sayso.workspace.settings.console.url)
    routes: list[BaseRoute] = [
        Route("/", RedirectResponse(f"{CONSOLE_PATH}/")),
        Mount(CONSOLE_PATH, create_console(sayso, site=site)),
    ]
    async with AsyncExitStack() as stack:
        if sayso.workspace.settings.slack is not None:
            # Loaded where it is used: Slack's packages are an extra.
            from sayso.surfaces.slack import create_slack_app

            slack = await stack.enter_async_context(create_slack_app(sayso))
            # NOTE: a mount would answer the exact path with a redirect, which Slack does not
            # follow.
            routes.append(Route(SLACK_PATH, slack))
        await stack.enter_async_context(mailing(sayso))
        yield Starlette(routes=[*routes, Mount("/", create_app(sayso))])
