"""One PostgreSQL server for all tests of a run, and a fresh database for each test."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from support.postgres_server import PostgresServer, find_postgres

from sayso.store.postgres.connection import connect_plainly
from sayso.store.postgres.schema import migrate_postgres

TEMPLATE = "sayso_template"

# The tests end processes, not the power: what the kernel holds survives. And nothing is cleaned up
# behind their backs, which would hold locks, make commits and change plans.
FAST: Mapping[str, str] = {"fsync": "off", "autovacuum": "off"}


@contextmanager
def shared_server(folder: Path) -> Generator[PostgresServer]:
    """A server that several test processes share: the first starts it, the last ends it.

    Args:
        folder: the same for all of them.
    """
    server = _join(folder)
    try:
        yield server
    finally:
        _leave(folder, server)


def _join(folder: Path) -> PostgresServer:
    with _locked(folder / "postgres.json") as file:
        known = json.loads(file.read_text() or '{"users": 0}')
        if known["users"]:
            server = PostgresServer(Path(known["folder"]), find_postgres(), FAST)
        else:
            place = Path(tempfile.mkdtemp(prefix="sayso-pg-"))
            server = PostgresServer(place, find_postgres(), FAST)
            server.create()
            server.start()
            server.run("postgres", f"create database {TEMPLATE}")
            migrate_postgres(server.url(TEMPLATE))
        users = int(known["users"]) + 1
        file.write_text(json.dumps({"users": users, "folder": str(server.folder)}))
    return server


def _leave(folder: Path, server: PostgresServer) -> None:
    with _locked(folder / "postgres.json") as file:
        known = json.loads(file.read_text())
        known["users"] -= 1
        file.write_text(json.dumps(known))
        if not known["users"]:
            server.remove()


@contextmanager
def _locked(path: Path) -> Generator[Path]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield path
    finally:
        os.close(descriptor)


@contextmanager
def fresh_database(server: PostgresServer, *, template: str = TEMPLATE) -> Generator[str]:
    """The URL of a new, migrated database; dropped at the end.

    Args:
        template: the URL or the name of another one that it begins as; nobody may be in there.
    """
    origin = template.partition("?")[0].rpartition("/")[2]
    name = f"t_{secrets.token_hex(6)}"
    with connect_plainly(server.url()) as admin:
        # Copied as files: through the write-ahead log it would take twice the time.
        words = f"create database {name} template {origin} strategy file_copy"
        admin.execute(words.encode())
    try:
        yield server.url(name)
    finally:
        with connect_plainly(server.url()) as admin:
            admin.execute(f"drop database {name} with (force)".encode())
