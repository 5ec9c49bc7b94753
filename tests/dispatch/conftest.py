"""A PostgreSQL database with the fleet's engine in it, for each test a fresh one."""

from __future__ import annotations

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dispatch.fleet_workspace import Fleet, make_fleet
from support.postgres import TEMPLATE
from support.postgres_server import PostgresServer

from sayso.dispatch.fleet.schema import migrate_fleet
from sayso.store.postgres.connection import connect_plainly


@pytest.fixture(scope="session")
def fleet_template(postgres_server: PostgresServer) -> str:
    """A database that `sayso migrate` has made for a fleet; copied, never used."""
    name = f"fleet_{secrets.token_hex(6)}"
    postgres_server.run("postgres", f"create database {name} template {TEMPLATE}")
    migrate_fleet(postgres_server.url(name))
    return name


@contextmanager
def fresh_fleet(server: PostgresServer, template: str) -> Generator[str]:
    """The URL of a fresh database of a fleet; dropped at the end."""
    name = f"t_{secrets.token_hex(6)}"
    with connect_plainly(server.url()) as admin:
        admin.execute(f"create database {name} template {template}".encode())
    try:
        yield server.url(name)
    finally:
        with connect_plainly(server.url()) as admin:
            admin.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def fleet_url(postgres_server: PostgresServer, fleet_template: str) -> Generator[str]:
    """The URL of a fresh database of a fleet."""
    with fresh_fleet(postgres_server, fleet_template) as url:
        yield url


@pytest.fixture
def fleet(fleet_url: str, tmp_path: Path) -> Generator[Fleet]:
    """A workspace of a fleet on that database; every process of it is ended afterwards."""
    made = make_fleet(tmp_path, fleet_url)
    try:
        yield made
    finally:
        made.end_all()
