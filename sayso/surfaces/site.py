"""What `sayso serve` serves under one address: the console, Slack's clicks, and the HTTP API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from socket import socket

from starlette.applications import Starlette
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Mount, Route

from sayso.sdk.background.generations import Beside, serve_generations
from sayso.sdk.background.reload import Reloads
from sayso.sdk.client import Sayso
from sayso.settings.surfaces import CONSOLE_PATH
from sayso.surfaces.console.app import create_console
from sayso.surfaces.console.edge import ConsoleSite
from sayso.surfaces.http.app import create_app
from sayso.surfaces.http.server import GRACE_S, ReplaceableApp, serve
from sayso.surfaces.mail import mailing

SLACK_PATH = "/slack/events"
"""Where Slack sends clicks and forms to."""


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

    @asynccontextmanager
    async def live(workspace: Sayso) -> AsyncGenerator[Starlette]:
        async with (beside or nullcontext)(workspace), _site(workspace) as app:
            yield app

    async def serve_it(held: ReplaceableApp) -> None:
        await serve(sayso, listener=listener, ready=ready, app=held)

    await serve_generations(sayso, live, ReplaceableApp, serve_it, reloads=reloads, grace_s=GRACE_S)


@asynccontextmanager
async def _site(sayso: Sayso) -> AsyncGenerator[Starlette]:
    site = ConsoleSite(url=sayso.workspace.settings.console.url)
    routes: list[BaseRoute] = [
        Route("/", RedirectResponse(f"{CONSOLE_PATH}/")),
        # NOTE: without the slash the API below would answer, and know of no such path.
        Route(CONSOLE_PATH, RedirectResponse(f"{CONSOLE_PATH}/")),
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
