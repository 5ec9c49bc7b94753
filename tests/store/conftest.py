"""Every contract test runs on both stores: ask for `store`, or for `stores` to open several."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path

import pytest
from support.postgres import fresh_database, shared_server

from sayso.store.base import Store
from sayso.store.postgres import PostgresStore
from sayso.store.sqlite import SqliteStore
from sayso.testing.postgres import PostgresServer

OpenStore = Callable[[], Store]


@pytest.fixture(scope="session")
def postgres_server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Generator[PostgresServer]:
    """One server for the whole run, whatever the number of test processes."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    with shared_server(shared) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Generator[str]:
    """The URL of a fresh, migrated database."""
    with fresh_database(postgres_server) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[OpenStore]:
    """Opens a database, again and again: each call is what another process would have."""
    opened: list[Store] = []
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""

    def open_it() -> Store:
        store: Store = (
            PostgresStore(str(url)) if url else SqliteStore(tmp_path / "sayso.db", create=True)
        )
        opened.append(store)
        return store

    yield open_it
    for store in opened:
        await store.close()


@pytest.fixture
def store(stores: OpenStore) -> Store:
    """A store with nothing in it."""
    return stores()
