"""Where a command works: which workspace, with whose token, and what it runs in."""

from __future__ import annotations

import asyncio
import getpass
import os
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, ConfigError, RefusedError
from sayso.frozen import replace
from sayso.ids import Tenant
from sayso.json import JsonValue, doubled_field
from sayso.sdk.client import Mode, Sayso
from sayso.settings.store import HOME_DATABASE
from sayso.surfaces.cli.words import one_line

if TYPE_CHECKING:
    # Loaded where they are used: a command's help opens no workspace.
    from sayso.actions.model.definition import Subject
    from sayso.sdk.databases.open_ones import Databases
    from sayso.sdk.resources.tokens import Token

T = TypeVar("T")
CLI = Actor(kind=ActorKind.SERVICE, id="cli")
"""Who asks when nobody in particular does."""
TOKEN_FILE = Path(".sayso") / "person.token"


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's asynchronous part."""
    return asyncio.run(work)


def find_workspace(option: Path | None) -> Path:
    """The workspace's folder: the option, else `SAYSO_WORKSPACE`, else upwards from here.

    Raises:
        ConfigError: `no_workspace`.
    """
    named = option or (Path(value) if (value := os.environ.get("SAYSO_WORKSPACE")) else None)
    if named is not None:
        if not named.exists():
            raise ConfigError(
                Code.NO_WORKSPACE,
                f"there is no folder `{named}`",
                next_step=f"make a workspace with `sayso init {named}`, or correct the path",
            )
        return named
    from sayso.settings import FILE_NAME

    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE_NAME).is_file():
            return folder
    raise ConfigError(
        Code.NO_WORKSPACE,
        f"there is no `{FILE_NAME}` here or above",
        next_step="run `sayso init`, pass --workspace FOLDER, or look around with `sayso demo`",
    )


def person_token(folder: Path) -> str:
    """The token of the person at the keyboard: `SAYSO_TOKEN`, else the workspace's file.

    Raises:
        RefusedError: `unauthenticated`, when there is neither.
    """
    if token := os.environ.get("SAYSO_TOKEN", "").strip():
        return token
    try:
        return (folder / TOKEN_FILE).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise RefusedError(
            Code.UNAUTHENTICATED,
            "only a person decides, and there is no token of one",
            next_step="set SAYSO_TOKEN to what `sayso token create --person ID` prints",
            detail=str(error),
        ) from error


def user_id() -> str:
    """The name of the operating system's user as an id of sayso.toml."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container may run as a number without a name
        name = ""
    return re.sub(r"[^a-z0-9_.@-]+", "-", name.lower()).strip("-_.@")[:64] or "manager"


def read_json_object(text: str, option: str) -> dict[str, JsonValue]:
    """A JSON object from an option.

    Raises:
        RefusedError: `malformed_json`, with where it breaks, or which field stands twice.
    """
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise RefusedError(
            Code.MALFORMED_JSON,
            f"`{option}` is not JSON: {error.msg} at character {error.pos + 1}",
            next_step='write one object in quotes, such as \'{"charge": "ch_123"}\'',
        ) from error
    if not isinstance(value, dict):
        raise RefusedError(
            Code.MALFORMED_JSON,
            f"`{option}` is no JSON object",
            next_step='write one object in quotes, such as \'{"charge": "ch_123"}\'',
        )
    if twice := doubled_field(text):
        raise RefusedError(
            Code.MALFORMED_JSON,
            f"`{one_line(twice, limit=40)}` stands twice in one object of `{option}`",
            next_step="write each field once",
        )
    return value  # pyright: ignore[reportUnknownVariableType]  (JSON: keys are strings)


def subject_of(subject: str, assurance: str) -> Subject:
    """The customer that the options name.

    Raises:
        RefusedError: `invalid_input`.
    """
    from sayso.actions.model.definition import Assurance, Subject

    try:
        level = Assurance(assurance)
    except ValueError:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"`{assurance[:40]}` is no level of assurance",
            next_step="use unverified, verified or signed_in",
        ) from None
    return Subject(id=subject, assurance=level)


def tenant_of(sayso: Sayso, option: str | None) -> Tenant:
    """The tenant that the option names, else the workspace's own one.

    Raises:
        RefusedError: `invalid_input`, for what no tenant can be called.
    """
    from sayso.settings import is_name

    if option is None:
        return sayso.tenant
    if not is_name(option):
        raise RefusedError(
            Code.INVALID_INPUT,
            f"`{option[:40]}` is no name of a tenant",
            next_step="use a small letter, then small letters, digits, `-` and `_`, 40 at most",
        )
    return Tenant(option)


def read_typed(sayso: Sayso) -> Sayso:
    """Have a connector's name before an id's first colon be its provider, as people type it."""
    connectors = sayso.container.connectors
    connectors.read_as(replace(connectors.accounts, typed=True))
    return sayso


async def requester(sayso: Sayso, otherwise: Actor = CLI) -> Actor:
    """Who asks: the holder of `SAYSO_TOKEN` where one is set, else this command.

    Raises:
        RefusedError: `unauthenticated`, `forbidden`, for a token that opens nothing here.
    """
    token = os.environ.get("SAYSO_TOKEN", "").strip()
    if token:
        # INVARIANT: whose tenant it is comes from a token, so one of another tenant asks nothing.
        return (await sayso.authentication.holder(token, via="cli", own=True)).actor
    return otherwise


@asynccontextmanager
async def opened_databases(home: Sayso, mode: Mode) -> AsyncGenerator[Databases]:
    """The other databases of an open workspace, each opened once it is asked for."""
    from sayso.sdk.databases.open_ones import Databases  # most workspaces have one

    async with Databases(home, lambda workspace: Sayso(workspace, mode=mode)) as databases:
        yield databases


@asynccontextmanager
async def _where_tenant_is(
    home: Sayso, mode: Mode, *, tenant: str | None = None, secret: str = ""
) -> AsyncGenerator[Sayso]:
    """The workspace in the database of a tenant, or of the holder of a token."""
    if not home.workspace.settings.store.databases or not (tenant or secret):
        yield home
        return
    async with opened_databases(home, mode) as databases:
        name = HOME_DATABASE
        if tenant:
            name = await databases.place_of(tenant)
        else:
            with suppress(RefusedError):  # who works with it says why
                name, _ = await databases.holder(secret)
        async with databases.named(name) as sayso:
            yield sayso


def read_workspace(
    folder: Path, work: Callable[[Sayso], Awaitable[T]], *, tenant: str | None = None
) -> T:
    """What comes of the work in the workspace of this folder.

    Args:
        tenant: whose database is meant, where there are several.
    """

    async def inside() -> T:
        async with (
            Sayso.open(folder, mode="read") as home,
            _where_tenant_is(home, "read", tenant=tenant) as sayso,
        ):
            return await work(sayso)

    return run(inside())


def act_in_workspace(folder: Path, work: Callable[[Sayso], Awaitable[T]]) -> T:
    """The same, after which what may be done is begun."""

    async def inside() -> T:
        secret = ""
        with suppress(RefusedError):
            secret = person_token(folder)
        async with (
            Sayso.open(folder, mode="decide") as home,
            _where_tenant_is(home, "decide", secret=secret) as sayso,
        ):
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

    async def as_person(home: Sayso) -> T:
        async with _where_tenant_is(home, "read", secret=secret) as sayso:
            return await work(sayso, await sayso.authentication.person(secret, via="cli"))

    return read_workspace(folder, as_person)
