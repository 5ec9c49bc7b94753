"""A shop whose tenants are in several SQLite files: `home`, with the operator's log, and others."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from support.database import make_database
from support.shop import Shop
from support.shop_workspace import FOLLOWS, POLICY, make_shop_workspace

from sayso.sdk.client import Sayso
from sayso.sdk.databases.mover import Mover
from sayso.sdk.databases.names import database_names
from sayso.sdk.databases.open_ones import Databases
from sayso.sdk.databases.transfers import copy_operator
from sayso.sdk.resources.base import SDK
from sayso.sdk.wiring.database import is_postgres
from sayso.sdk.workspace import Workspace
from sayso.testing.clock import FakeClock

OTHERS = {"eu": "sqlite:///eu.db", "us": "sqlite:///us.db"}


@dataclass(kw_only=True)
class Several:
    """An open shop with all its databases at hand."""

    databases: Databases
    shop: Shop
    clock: FakeClock

    @property
    def home(self) -> Sayso:
        """The workspace in whose database the directory is."""
        return self.databases.home

    @asynccontextmanager
    async def mover(self, tenant: str, to: str, **more: object) -> AsyncGenerator[Mover]:
        """Who moves a tenant from where it is."""
        source = await self.databases.place_of(tenant)
        async with self.databases.named(source) as was, self.databases.named(to) as becomes:
            yield Mover(self.home, (source, was), (to, becomes), tenant, SDK, **more)  # type: ignore[arg-type]


def make_several(folder: Path, others: Mapping[str, str] = OTHERS, **tables: object) -> Workspace:
    """The workspace with its files, each with the copy of the operator's log."""
    store = {
        "url": "sqlite:///sayso.db",
        "tenants": "directory",
        "databases": dict(others),
    }
    policy = str(tables.pop("policy", POLICY))
    section = tables.pop("policy_section", FOLLOWS)
    assert isinstance(section, Mapping)
    workspace = make_shop_workspace(
        folder, policy, policy_section=section, **{"store": store, **tables}
    )
    for name in others:
        where = workspace.in_database(name)
        if not is_postgres(where) and not where.store_path.exists():
            make_database(where.store_path)
    return workspace


@asynccontextmanager
async def open_several(
    folder: Path,
    *,
    shop: Shop | None = None,
    clock: FakeClock | None = None,
    others: Mapping[str, str] = OTHERS,
    **tables: object,
) -> AsyncGenerator[Several]:
    """Open the shop; each database as `decide`, so that only what a call asks for is run."""
    workspace = make_several(folder, others, **tables)
    shop, clock = shop or Shop(), clock or FakeClock()

    def opening(where: Workspace) -> Sayso:
        return Sayso(where, mode="decide", connectors=[shop], clock=clock)

    async with opening(workspace) as home:
        container = home.container
        assert container.drafts is not None
        await container.drafts.begin()
        for name in database_names(workspace)[1:]:
            copy_operator(workspace, workspace.in_database(name))
        async with Databases(home, opening) as databases:
            yield Several(databases=databases, shop=shop, clock=clock)
