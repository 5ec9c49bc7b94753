"""Commands that call no provider: they open the workspace without its connectors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from sayso.sdk.app import Sayso
from sayso.sdk.tokens import Token
from sayso.surfaces.cli.place import find_workspace, person_token, run

T = TypeVar("T")


def look(folder: Path, work: Callable[[Sayso], Awaitable[T]]) -> T:
    """What comes of the work in the workspace of this folder."""

    async def inside() -> T:
        async with Sayso.open(folder, act=False) as sayso:
            return await work(sayso)

    return run(inside())


def look_as_person(workspace: Path | None, work: Callable[[Sayso, Token], Awaitable[T]]) -> T:
    """What comes of the work in the workspace, for the person at the keyboard.

    Args:
        workspace: as the option names it.

    Raises:
        RefusedError: `unauthenticated`, `forbidden`, when their token is none or no person's.
    """
    folder = find_workspace(workspace)
    secret = person_token(folder)

    async def as_person(sayso: Sayso) -> T:
        return await work(sayso, await sayso.person_of(secret, via="cli"))

    return look(folder, as_person)
