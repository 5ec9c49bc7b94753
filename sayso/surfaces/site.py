"""What `sayso serve` serves under one address: the console, Slack's clicks, and the HTTP API."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from socket import socket

from starlette.applications import Starlette
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Mount, Route

from sayso.sdk.client import Sayso
from sayso.settings.surfaces import CONSOLE_PATH
from sayso.surfaces.console.app import create_console
from sayso.surfaces.console.edge import Site
from sayso.surfaces.http.app import create_app
from sayso.surfaces.http.server import serve
from sayso.surfaces.mail import mailing

SLACK_PATH = "/slack/events"
"""Where Slack sends clicks and forms to."""


async def serve_site(sayso: Sayso, listener: socket, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` gets the URL once calls are answered."""
    site = Site(url=sayso.workspace.settings.console.url)
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
        app = Starlette(routes=[*routes, Mount("/", create_app(sayso))])
        await serve(sayso, listener=listener, ready=ready, app=app)
