"""What every command has: `--workspace`, `--json`, for some `--tenant`, and what these lead to.

A command is a function whose first argument is `Here`; the options are added to its others:

    @command(app)
    def show(here: Here, request_id: RequestArgument) -> None:
        '''Show a request.'''
        here.show(here.read(lambda sayso: sayso.requests.get(request_id)), show_request)
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from sayso.surfaces.cli.options import JsonOption, TenantOption, WorkspaceOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.workspace import (
    act_in_workspace,
    find_workspace,
    look_as_person,
    person_token,
    read_workspace,
    tenant_of,
)

if TYPE_CHECKING:
    from sayso.ids import Tenant
    from sayso.sdk.client import Sayso
    from sayso.sdk.resources.tokens import Token


async def told(out: Out, work: Callable[[Sayso], Awaitable[T]], sayso: Sayso) -> T:
    """What comes of work that only looks; stderr says how old it is, where a replica said so."""
    from sayso.store.replica import looking  # a command's help reads nothing

    with looking() as call:
        done = await work(sayso)
    if call.age_s is not None:
        out.warn(f"as of {call.age_s:,} s ago, from the replica")
    elif call.instead:
        out.warn(f"from the primary: {call.instead}")
    return done


F = TypeVar("F", bound=Callable[..., int | None])
T = TypeVar("T")

_COMMON: Mapping[str, tuple[object, object]] = {
    "tenant": (TenantOption, None),
    "workspace": (WorkspaceOption, None),
    "as_json": (JsonOption, False),
}
"""Type and default of each option, in the order in which `--help` lists them."""


class Here:
    """Where a command works, and where its words go.

    Attributes:
        workspace: the folder as the option names it; None where it doesn't.
        tenant: as the option names it; None for the workspace's own.
    """

    def __init__(self, workspace: Path | None, as_json: bool, tenant: str | None = None) -> None:
        self.workspace = workspace
        self.tenant = tenant
        self.out = Out(as_json=as_json)

    @cached_property
    def folder(self) -> Path:
        """The workspace's folder.

        Raises:
            ConfigError: `no_workspace`.
        """
        return find_workspace(self.workspace)

    @cached_property
    def token(self) -> str:
        """The token of the person at the keyboard.

        Raises:
            RefusedError: `unauthenticated`, when there is none.
        """
        return person_token(self.folder)

    def read(self, work: Callable[[Sayso], Awaitable[T]]) -> T:
        """What comes of work that starts nothing by itself."""
        return read_workspace(self.folder, work)

    def look(self, work: Callable[[Sayso], Awaitable[T]]) -> T:
        """The same from the replica, where there is one; stderr says how old that is."""
        return read_workspace(self.folder, partial(told, self.out, work))

    def look_as_person(self, work: Callable[[Sayso, Token], Awaitable[T]]) -> T:
        """The same, once it is known who is at the keyboard; see `read_as_person`."""
        return look_as_person(
            self.workspace,
            lambda sayso, token: told(self.out, lambda inner: work(inner, token), sayso),
        )

    def read_for_tenant(self, work: Callable[[Sayso, Tenant], Awaitable[T]]) -> T:
        """The same, for the tenant that is meant."""
        return read_workspace(
            self.folder,
            lambda sayso: work(sayso, tenant_of(sayso, self.tenant)),
            tenant=self.tenant,
        )

    def read_as_person(self, work: Callable[[Sayso, Token], Awaitable[T]]) -> T:
        """The same, for the person at the keyboard.

        Raises:
            RefusedError: `unauthenticated`, `forbidden`, when their token is none or no person's.
        """
        return look_as_person(self.workspace, work)

    def act(self, work: Callable[[Sayso], Awaitable[T]]) -> T:
        """What comes of work after which what may be done is begun."""
        return act_in_workspace(self.folder, work)

    def show(self, found: T, words: Callable[[Out, T], object] | str) -> None:
        """Print what was found: the document where JSON is asked for, else its words.

        Args:
            words: a line, or what prints them.
        """
        if self.out.as_json:
            self.out.document(found)
        elif isinstance(words, str):
            self.out.line(words)
        else:
            words(self.out, found)


def command(
    app: typer.Typer, name: str | None = None, *, tenant: bool = False, json: bool = True
) -> Callable[[F], F]:
    """Add a function to the program as a command, with the options that commands share.

    Args:
        name: where it isn't the function's.
        tenant: whether it takes `--tenant`. json: whether it can print a document.
    """
    names = [one for one in _COMMON if (one != "tenant" or tenant) and (one != "as_json" or json)]

    def add(function: F) -> F:
        def run_here(**given: Any) -> int | None:
            tenant_named, workspace, as_json = (given.pop(one, None) for one in _COMMON)
            here = Here(workspace, bool(as_json), tenant_named)
            return function(here, **given)

        _, *own = inspect.signature(function, eval_str=True).parameters.values()
        common = [
            inspect.Parameter(
                one,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=_COMMON[one][0],
                default=_COMMON[one][1],
            )
            for one in names
        ]
        asked = [*(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own), *common]
        run_here.__doc__, run_here.__name__ = function.__doc__, function.__name__
        # What Typer reads: the types are taken from the one, what they annotate from the other.
        run_here.__signature__ = inspect.Signature(asked)  # type: ignore[attr-defined]
        run_here.__annotations__ = {one.name: one.annotation for one in asked}
        app.command(name)(run_here)
        return function

    return add
