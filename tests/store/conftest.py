"""Every contract test runs on both stores: ask for `store`, or for `stores` to open several."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from support.database import make_database

from sayso.store.base import Store, Transaction
from sayso.store.postgres.store import PostgresStore
from sayso.store.sqlite.store import SqliteStore

OpenStore = Callable[[], Store]
T = TypeVar("T")


class BriefStore(SqliteStore):
    """A store whose units that write are all said to be brief."""

    async def write(
        self,
        work: Callable[[Transaction], T],
        *,
        tenant: str | None = None,
        about: str | None = None,
        brief: bool = True,
    ) -> T:
        """Hand it on as brief."""
        return await super().write(work, tenant=tenant, about=about, brief=brief)


@pytest.fixture(params=["sqlite", "sqlite, brief", "postgres"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[OpenStore]:
    """Opens a database, again and again: each call is what another process would have."""
    opened: list[Store] = []
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    if not url:
        make_database(tmp_path / "sayso.db")

    def open_it() -> Store:
        kind = BriefStore if request.param == "sqlite, brief" else SqliteStore
        store: Store = PostgresStore(str(url)) if url else kind(tmp_path / "sayso.db")
        opened.append(store)
        return store

    yield open_it
    for store in opened:
        await store.close()


@pytest.fixture
def store(stores: OpenStore) -> Store:
    """A store with nothing in it."""
    return stores()
