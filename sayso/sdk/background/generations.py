"""What a server serves of an open workspace, until a reload puts another one in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar, cast

from starlette.types import ASGIApp

from sayso.sdk.background.reload import Reloads, following
from sayso.sdk.client import Sayso
from sayso.sdk.workspace import Workspace
from sayso.serving import Replaceable

App = TypeVar("App", bound=ASGIApp)
Held = TypeVar("Held", bound=Replaceable[Any])
Beside = Callable[[Sayso], AbstractAsyncContextManager[object]]
"""What runs beside the calls of an open workspace."""


async def serve_generations(
    sayso: Sayso,
    live: Callable[[Sayso], AbstractAsyncContextManager[App]],
    hold: Callable[[App], Held],
    serve: Callable[[Held], Awaitable[None]],
    *,
    reloads: Reloads | None,
    grace_s: float,
) -> None:
    """Serve an open workspace, and after each reload the one that took its place.

    Args:
        live: the app of a workspace, and what runs beside it, while it is entered.
        hold: makes the place that apps take one after the other.
        serve: serves it until told to end.
        reloads: says when to reload, also with SIGHUP; never where None.
        grace_s: how long calls that are under way may still take then.
    """
    generation = _Generation(sayso, live)
    try:
        held = hold(await generation.begin())

        async def reload(workspace: Workspace) -> None:
            nonlocal generation
            fresh = Sayso(workspace, mode="run", telemetry=generation.sayso.container.telemetry)
            successor = _Generation(fresh, live)
            try:
                await fresh.__aenter__()
                fresh.warm_up()
                app = await successor.begin()
            except BaseException:
                await successor.end()
                raise
            generation, before = successor, generation
            fresh.reloads = reloads
            await held.replace(app, grace_s=grace_s)
            await before.end()

        sayso.reloads = reloads
        async with following(reloads, reload):
            await serve(held)
    finally:
        await generation.end()


class _Generation(Generic[App]):
    """One open workspace with its app, until another one takes its place.

    NOTE: in a task of its own, since some libraries' task groups have to be left by whoever entered
    them.
    """

    def __init__(
        self, sayso: Sayso, live: Callable[[Sayso], AbstractAsyncContextManager[App]]
    ) -> None:
        self.sayso = sayso
        self._live = live
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> App:
        """Its app, with what runs beside it."""
        made: asyncio.Future[App] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(made), name="sayso serves")
        either = cast("set[asyncio.Future[object]]", {self._task, made})
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not made.done():
            await self._task  # says why
        return await made

    async def end(self) -> None:
        """End what runs beside it, and close the workspace."""
        self._over.set()
        try:
            if self._task is not None:
                await self._task
        finally:
            await self.sayso.__aexit__(None, None, None)

    async def _run(self, made: asyncio.Future[App]) -> None:
        async with self._live(self.sayso) as app:
            made.set_result(app)
            await self._over.wait()
