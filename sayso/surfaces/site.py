"""What `sayso serve` serves under one address: the console, the channels, and the HTTP API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from importlib import import_module
from socket import socket
from typing import Final, Protocol, cast

from starlette.applications import Starlette
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Mount, Route

from sayso.errors import Code, ConfigError
from sayso.sdk.background.generations import Beside, serve_generations
from sayso.sdk.background.reload import Reloads
from sayso.sdk.chat.finding import DoctorFinding
from sayso.sdk.client import Sayso
from sayso.sdk.databases.attending import attended
from sayso.sdk.databases.open_ones import Databases
from sayso.sdk.workspace import Workspace
from sayso.settings import Settings
from sayso.settings.surfaces import CONSOLE_PATH
from sayso.surfaces.console.edge import ConsoleSite
from sayso.surfaces.http.app import create_app
from sayso.surfaces.http.by_database import ByDatabase
from sayso.surfaces.http.server import GRACE_S, LateApp, ReplaceableApp, serve

_CONSOLE: Final = "sayso.surfaces.console.app"
CHANNELS: Final[Mapping[str, str]] = {
    "mail": "sayso.surfaces.mail",
    "push": "sayso.surfaces.push",
    "slack": "sayso.surfaces.slack",
    "teams": "sayso.surfaces.teams",
}
"""Where people are told and asked, each by its module, whose `open_channel` is an `OpenChannel`.

Slack and e-mail have settings of their own; every other one is on where sayso.toml has its
`[channels.NAME]`. A module that has `examine` as well is looked at by `sayso doctor NAME`.
"""


class Examine(Protocol):
    """Looks whether a channel is set up, by asking its other side; changes nothing."""

    def __call__(self, sayso: Sayso, /) -> Awaitable[list[DoctorFinding]]:
        """What it finds, one thing after the other."""
        ...


class OpenChannel(Protocol):
    """Opens a channel."""

    def __call__(self, sayso: Sayso, /) -> AbstractAsyncContextManager[Sequence[BaseRoute]]:
        """Tell people what is due while it is open.

        Returns:
            The routes on which answers come in, if any do by HTTP.

        Raises:
            ConfigError: when its settings are not those of the channel.
        """
        ...


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
        def opening(where: Workspace) -> Sayso:
            return Sayso(where, mode="run", telemetry=workspace.container.telemetry)

        runs = beside or nullcontext
        async with (
            runs(workspace),
            attended(workspace, opening, runs) as others,
            open_site(workspace, others) as app,
        ):
            yield app

    async def serve_it(held: ReplaceableApp) -> None:
        await serve(sayso, listener=listener, ready=ready, app=held)

    await serve_generations(sayso, live, ReplaceableApp, serve_it, reloads=reloads, grace_s=GRACE_S)


@asynccontextmanager
async def open_site(sayso: Sayso, databases: Databases | None = None) -> AsyncGenerator[Starlette]:
    """The app of an open workspace; its channels tell what is due while it is open.

    Args:
        databases: those of other tenants, whose API is served beside its own.
    """
    settings = sayso.workspace.settings.console
    site = ConsoleSite(url=settings.url, frame_ancestors=settings.frame_ancestors)
    routes: list[BaseRoute] = [
        Route("/", RedirectResponse(f"{CONSOLE_PATH}/")),
        # NOTE: without the slash the API below would answer, and know of no such path.
        Route(CONSOLE_PATH, RedirectResponse(f"{CONSOLE_PATH}/")),
        Mount(CONSOLE_PATH, LateApp(_CONSOLE, lambda: _console(sayso, site))),
    ]
    async with AsyncExitStack() as stack:
        for channel in _channels(sayso.workspace.settings):
            routes += await stack.enter_async_context(channel(sayso))
        api = create_app(sayso) if databases is None else ByDatabase(databases, create_app)
        yield Starlette(routes=[*routes, Mount("/", api)])


def _console(sayso: Sayso, site: ConsoleSite) -> Starlette:
    from sayso.surfaces.console.app import create_console  # with the first page

    return create_console(sayso, site=site)


def examiner_of(name: str) -> Examine | None:
    """What looks at a channel; None for one that there is not, or that has nothing to look at."""
    module = import_module(CHANNELS[name]) if name in CHANNELS else None
    return cast("Examine | None", getattr(module, "examine", None))


def _channels(settings: Settings) -> list[OpenChannel]:
    """Those that are set up."""
    unknown = sorted(settings.channels.keys() - CHANNELS.keys())
    if unknown:
        raise ConfigError(
            Code.INVALID_SETTING,
            f"`channels.{unknown[0]}`: there is no such channel",
            next_step=f"there are {', '.join(f'`{name}`' for name in CHANNELS)}",
        )
    wanted = set(settings.channels)
    wanted |= {"slack"} if settings.slack is not None else set()
    wanted |= {"mail"} if any(person.email for person in settings.people) else set()
    # Loaded where it is used: the packages of some, such as Slack's, are an extra.
    modules = [import_module(CHANNELS[name]) for name in CHANNELS if name in wanted]
    return [cast("OpenChannel", module.open_channel) for module in modules]
