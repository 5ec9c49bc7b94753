"""Whether a database has room: asked by a probe each second, so it leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from store.conftest import OpenStore
from support.faults.postgres import read_only_server
from support.media import on_tmpfs
from support.postgres import FAST
from support.postgres_server import run_postgres

from sayso.errors import Code, ConfigError, RetryableError
from sayso.store.base import Roomed, Transaction, check_room
from sayso.store.postgres.connection import connect_plainly
from sayso.store.postgres.schema import migrate_postgres
from sayso.store.postgres.store import PostgresStore
from sayso.store.sqlite.store import SqliteStore

PROGRAM = """
import asyncio
import subprocess
from contextlib import suppress
from pathlib import Path
from sayso.errors import SaysoError
from sayso.store.postgres.connection import connect_plainly
from sayso.store.postgres.schema import migrate_postgres
from sayso.store.base import check_room
from sayso.store.sqlite.store import SqliteStore

def fill():
    with suppress(OSError), open("ballast", "wb", buffering=0) as file:
        while file.write(bytes(65536)):
            pass

async def main():
    store = SqliteStore(Path("sayso.db"), create=True)
    for change in (lambda: None, fill, Path("ballast").unlink):
        change()
        try:
            await check_room(store)
            print("ready")
        except SaysoError as error:
            print(error.code)
    await store.close()

asyncio.run(main())
"""


async def test_looking_for_room_changes_nothing(tmp_path: Path) -> None:
    """Else a probe would wake whoever waits for a change; a server reads in a read-only unit."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    before = await store.version()
    for _ in range(3):
        await check_room(store)
    assert await store.version() == before
    assert {path.name for path in tmp_path.iterdir()} <= {
        f"sayso.db{ending}" for ending in ("", "-wal", "-shm")
    }
    await store.close()


async def test_every_store_can_tell(stores: OpenStore) -> None:
    """A store that cannot would pass for one with room."""
    store = stores()
    assert isinstance(store, Roomed)
    await check_room(store)


@pytest.mark.promise("http:ready")
def test_a_full_disk_has_no_room_until_there_is_some(tmp_path: Path) -> None:
    """A process that has the database open notices both."""
    ran = on_tmpfs(f"\"$PYTHON\" -c '{PROGRAM}'", at=tmp_path / "mounted")
    assert ran.stdout.split() == ["ready", "store_full", "ready"], ran


async def test_a_folder_that_is_gone_has_no_room(tmp_path: Path) -> None:
    """Somebody unmounts the disk under a server."""

    folder = tmp_path / "disk"
    folder.mkdir()
    store = SqliteStore(folder / "sayso.db", create=True)
    folder.rename(tmp_path / "gone")
    with pytest.raises(ConfigError) as caught:
        await check_room(store)
    assert caught.value.code is Code.STORE_UNAVAILABLE
    await store.close()


@pytest.mark.promise("http:ready")
async def test_looking_takes_room_on_the_server(postgres_url: str) -> None:
    """What takes none would find room on every disk; a limit shows that it takes a megabyte."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"alter database \"{name}\" set temp_file_limit = '500kB'".encode())
    store = PostgresStore(postgres_url)
    with pytest.raises(ConfigError) as caught:
        await check_room(store)
    assert "temp_file_limit" in caught.value.detail
    await store.close()


@pytest.mark.promise("http:ready")
async def test_a_server_that_became_read_only_is_noticed_by_who_has_it_open() -> None:
    """`default_transaction_read_only` strikes the next transaction, even of a unit that reads only.

    Each commit writes its mark, so that the probe of `/readyz` needs nothing more.
    """

    def look(tx: Transaction) -> None:
        tx.one("log.head", tenant="main")

    with run_postgres(settings=FAST) as server:
        migrate_postgres(server.url())
        store = PostgresStore(server.url())
        await store.write(look)
        with read_only_server(server):
            with pytest.raises(ConfigError) as caught:
                await store.write(look)
            assert caught.value.code is Code.STORE_READ_ONLY
            assert "default_transaction_read_only" in caught.value.next_step
        await store.write(look)
        await store.close()


def test_a_server_that_takes_no_writes_is_not_told_as_one_that_does_not_run() -> None:
    """Who connects anew is told `store_read_only`, and that it may pass: a standby is promoted."""
    with run_postgres(settings=FAST) as server:
        with read_only_server(server), pytest.raises(RetryableError) as caught:
            connect_plainly(server.url())
        assert caught.value.code is Code.STORE_READ_ONLY
        assert "primary" in caught.value.next_step
        with read_only_server(server):
            connect_plainly(server.url(), writes=False).close()
