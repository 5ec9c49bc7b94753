"""The command `sayso`, and the one place that knows every surface and the sandbox."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from socket import socket
from typing import TYPE_CHECKING

try:
    from sayso.surfaces.cli.app import main as run_commands
    from sayso.surfaces.cli.outside import Outside, Provider, SlackStage
except KeyboardInterrupt:  # before there is a command that could say it
    sys.stderr.write("stopped\n")
    raise SystemExit(130) from None

if TYPE_CHECKING:
    from sayso.actions.model.definition import Subject
    from sayso.audit.entry import Actor
    from sayso.audit.witness.witness import Witness
    from sayso.sdk.client import Sayso

SLACK_PATH = "/slack/events"
"""Where Slack sends clicks and forms to, under the address of `sayso serve`."""
CONSOLE_PATH = "/console"
"""Where people open the console, under the same address."""

# The imports below stand in functions because a command must load only what it uses (rule 31).


def _start_sandbox(port: int, seed: str) -> Provider:
    from sayso.sandbox import Sandbox

    return Sandbox.start(port, seed="demo" if seed == "demo" else "empty")


def _customer_names() -> Mapping[str, str]:
    from sayso.sandbox import DEMO

    return {customer.customer_id: customer.name for customer in DEMO}


def _listen(host: str, port: int, allow_remote: bool) -> socket:
    from sayso.serving import listen

    return listen(host, port, allow_remote=allow_remote)


async def _serve(sayso: Sayso, listener: socket, ready: Callable[[str], None]) -> None:
    from contextlib import AsyncExitStack

    from starlette.applications import Starlette
    from starlette.responses import RedirectResponse
    from starlette.routing import BaseRoute, Mount, Route

    from sayso.surfaces.console import Site, create_console
    from sayso.surfaces.http.app import create_app
    from sayso.surfaces.http.server import serve

    site = Site(url=sayso.workspace.settings.console.url)
    routes: list[BaseRoute] = [
        Route("/", RedirectResponse(f"{CONSOLE_PATH}/")),
        Mount(CONSOLE_PATH, create_console(sayso, site=site)),
    ]
    async with AsyncExitStack() as stack:
        if sayso.workspace.settings.slack is not None:
            from sayso.surfaces.slack import create_slack_app

            slack = await stack.enter_async_context(create_slack_app(sayso))
            # NOTE: a mount would answer the exact path with a redirect, which Slack does not
            # follow.
            routes.append(Route(SLACK_PATH, slack))
        app = Starlette(routes=[*routes, Mount("/", create_app(sayso))])
        await serve(sayso, listener=listener, ready=ready, app=app)


async def _serve_mcp(sayso: Sayso, listener: socket, ready: Callable[[str], None]) -> None:
    _need_mcp()
    from sayso.surfaces.mcp import serve_http

    await serve_http(sayso, listener, ready)


async def _serve_mcp_stdio(
    sayso: Sayso, subject: Subject, requester: Actor, conversation: str
) -> None:
    _need_mcp()
    from sayso.surfaces.mcp import serve_stdio

    await serve_stdio(sayso, subject=subject, requester=requester, conversation=conversation)


def _need_mcp() -> None:
    from importlib.util import find_spec

    from sayso.extras import missing_extra

    if find_spec("mcp") is None:
        raise missing_extra("mcp", "the package `mcp` is not installed")


def _start_slack() -> SlackStage:
    from sayso.testing.slack_stage import SlackStage as FakeSlackStage

    return FakeSlackStage()


async def _serve_witness(witness: Witness, listener: socket, ready: Callable[[str], None]) -> None:
    from sayso.surfaces.witness import serve_witness

    await serve_witness(witness, listener, ready)


OUTSIDE = Outside(
    start_sandbox=_start_sandbox,
    customer_names=_customer_names,
    listen=_listen,
    serve=_serve,
    start_slack=_start_slack,
    serve_mcp=_serve_mcp,
    serve_mcp_stdio=_serve_mcp_stdio,
    serve_witness=_serve_witness,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; the exit status."""
    return run_commands(OUTSIDE, argv)


if __name__ == "__main__":
    raise SystemExit(main())
