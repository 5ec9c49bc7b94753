"""Has the database of a tenant open, and only so many at the same time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Literal, Self

from sayso.audit.entry import EntryKind
from sayso.audit.log import read_place
from sayso.errors import Code, RefusedError, SaysoError
from sayso.sdk.client import Sayso
from sayso.sdk.databases.names import database_names
from sayso.sdk.resources.tokens import Token
from sayso.sdk.views.tenants import TenantPlace
from sayso.sdk.workspace import Workspace
from sayso.settings.store import HOME_DATABASE
from sayso.store.base import Reader, integer, text

Opening = Callable[[Workspace], Sayso]
"""Makes the workspace of a database, not opened yet."""


class Databases:
    """The databases of a workspace, each opened when it is asked for.

    Args:
        home: the open workspace, in whose database the operator's log is; it stays its owner's.
        opening: how others are opened.
    """

    def __init__(self, home: Sayso, opening: Opening) -> None:
        self.home = home
        self._opening = opening
        self._most = home.workspace.settings.store.open_at_once
        self._open: dict[str, _Opened] = {}
        """Those that are open, the one that was used last at the end."""
        self._turn = asyncio.Lock()
        self._room = asyncio.Condition()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for name in list(self._open):
            await self._close(name)

    @property
    def names(self) -> list[str]:
        """Of all databases, `home` first."""
        return database_names(self.home.workspace)

    async def place_of(self, tenant: str) -> str:
        """The name of the database that a tenant is in, by the operator's log.

        Raises:
            IntegrityError: when that is not what its key has signed.
        """
        container = self.home.container
        if tenant == container.tenant:
            return HOME_DATABASE
        authority = await container.store.read(
            lambda reader: container.directory.follower.at(reader, container.tenant), brief=True
        )
        return authority.places.get(tenant, HOME_DATABASE)

    @asynccontextmanager
    async def of(self, tenant: str) -> AsyncGenerator[Sayso]:
        """The open workspace in whose database a tenant is.

        Raises:
            ConfigError: `invalid_setting`, when the directory names one that is not set up.
            SaysoError: why it cannot be opened.
        """
        async with self.named(await self.place_of(tenant)) as sayso:
            yield sayso

    @asynccontextmanager
    async def named(self, name: str) -> AsyncGenerator[Sayso]:
        """The open workspace in the database of a name; see `of`."""
        if name == HOME_DATABASE:
            yield self.home
            return
        opened = await self._take(name)
        try:
            yield opened.sayso
        finally:
            opened.users -= 1
            async with self._room:
                self._room.notify_all()

    async def holder(self, secret: str) -> tuple[str, Token]:
        """In which database a token is, and the token; the home's first.

        Raises:
            RefusedError: `unauthenticated`, `forbidden`; see `Tokens.check`. A database that is
                away leaves the token unknown as long as it is.
        """
        away: SaysoError | None = None
        unknown: RefusedError | None = None
        for name in self.names:
            try:
                async with self.named(name) as sayso:
                    return name, await sayso.tokens.check(secret, elsewhere=True)
            except RefusedError as error:
                if error.code is not Code.UNAUTHENTICATED:
                    raise
                unknown = error
            except SaysoError as error:
                away = error
        assert away is not None or unknown is not None
        raise away or unknown or AssertionError

    async def places(self, named: Sequence[str] | None = None) -> list[TenantPlace]:
        """Where tenants are: those that are named, or all.

        Raises:
            SaysoError: why a database cannot be opened.
        """
        container = self.home.container
        authority = await container.store.read(
            lambda reader: container.directory.follower.at(reader, container.tenant)
        )
        placed = authority.places
        found: dict[str, TenantPlace] = {}
        wanted = None if named is None else {await self.place_of(one) for one in named}
        for name in self.names:
            if wanted is not None and name not in wanted:
                continue
            async with self.named(name) as sayso:
                for one in await sayso.container.store.read(partial(_places, database=name)):
                    if placed.get(one.tenant, HOME_DATABASE) == name:
                        found[one.tenant] = one
        for tenant, name in placed.items():
            found.setdefault(tenant, TenantPlace(tenant=tenant, database=name, state="new"))
        asked = found if named is None else named
        return [found[one] for one in sorted(asked) if one in found]

    async def _take(self, name: str) -> _Opened:
        async with self._turn:
            opened = self._open.pop(name, None)
            if opened is None:
                await self._make_room()
                copies = self.home.container.copies
                assert copies is not None, "there are others"
                await copies.bring_to(name)
                sayso = self._opening(self.home.workspace.in_database(name))
                await sayso.__aenter__()
                opened = _Opened(sayso)
            opened.users += 1
            self._open[name] = opened
            return opened

    async def _make_room(self) -> None:
        """Close what nobody uses until one more may be open."""
        while len(self._open) >= self._most:
            idle = next((name for name, one in self._open.items() if not one.users), None)
            if idle is not None:
                await self._close(idle)
                continue
            async with self._room:
                await self._room.wait_for(lambda: any(not one.users for one in self._open.values()))

    async def _close(self, name: str) -> None:
        opened = self._open.pop(name)
        with contextlib.suppress(SaysoError):  # it is given up in any case
            await opened.sayso.__aexit__(None, None, None)


class _Opened:
    """A workspace that is open, and how many use it."""

    def __init__(self, sayso: Sayso) -> None:
        self.sayso = sayso
        self.users = 0


_STATES: Mapping[EntryKind, Literal["here", "leaving", "arriving"]] = {
    EntryKind.TENANT_SETTLED: "here",
    EntryKind.TENANT_LEAVING: "leaving",
    EntryKind.TENANT_MOVED: "arriving",
}


def _places(reader: Reader, database: str) -> list[TenantPlace]:
    found: list[TenantPlace] = []
    for row in reader.all("log.tenants"):
        tenant = text(row, "tenant")
        if ":" in tenant:  # the log of logs is nobody's
            continue
        place = read_place(reader, tenant)
        found.append(
            TenantPlace(
                tenant=tenant,
                database=database,
                state=_STATES[place.kind],
                to="" if place.kind is EntryKind.TENANT_SETTLED else place.to,
                entries=integer(row, "size"),
            )
        )
    return found
