"""Moving a workspace with something in every state to the other store, and back."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from signal import SIGKILL

import pytest
from store.test_sqlite_file import make_file
from support.postgres import fresh_database
from support.postgres_server import PostgresServer
from tree import ROOT
from upgrade.kept import STORES, Kept, kept_file, unpack
from upgrade.test_released import VERSIONS, goes_on, upgraded
from upgrade.test_shape import file_shape, server_shape

from sayso.errors import Code, ConfigError, RefusedError, RetryableError
from sayso.sdk.background.presence import Presence
from sayso.sdk.setup.store_copy import check_can_move, copy_rows, with_store
from sayso.sdk.wiring.database import is_postgres, open_store
from sayso.sdk.workspace import Workspace
from sayso.store.postgres.connection import connect
from sayso.store.postgres.transfer import hold_database
from sayso.store.sqlite.transfer import hold_file
from sayso.store.transfer import OF_THE_STORE, Origin, Values

pytestmark = pytest.mark.promise("deploy:moved")


@pytest.fixture(params=STORES)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Kept]:
    """A workspace with something in every state, sealed, pruned and erased parts too."""
    path = kept_file(VERSIONS[-1], request.param)
    if request.param == "sqlite":
        yield upgraded(unpack(path, tmp_path / "kept", None))
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with fresh_database(server, template="template0") as url:
        yield upgraded(unpack(path, tmp_path / "kept", url))


@pytest.fixture
def empty_url(postgres_server: PostgresServer) -> Generator[str]:
    """A database in which nothing is at all."""
    with fresh_database(postgres_server, template="template0") as url:
        yield url


def all_rows(origin: Origin) -> Mapping[str, list[Values]]:
    """Every row but what each database says of itself, by table."""
    found: dict[str, list[Values]] = {}
    for name, table in origin.tables().items():
        columns = [one for one in table.reads if (name, one) != ("log_entry", "id")]
        order = ["tenant", "seq"] if name == "log_entry" else list(table.key)
        rows = [
            tuple(value for _, value in sorted(zip(columns, row, strict=True)))
            for row in origin.rows(name, columns, order)
            if name != "meta" or not str(row[0]).startswith(("format/", "schema/"))
        ]
        if name not in OF_THE_STORE:
            found[name] = rows
    return found


def held(workspace: Workspace) -> AbstractContextManager[Origin]:
    """Its database, which nobody writes meanwhile."""
    if is_postgres(workspace):
        return hold_database(workspace.store_url, patience_s=0.2)
    return hold_file(workspace.store_path, patience_s=0.2)


def rows_of(workspace: Workspace) -> Mapping[str, list[Values]]:
    """All rows of a workspace's database."""
    with held(workspace) as origin:
        return all_rows(origin)


def copied(kept: Kept, to: str) -> tuple[Workspace, Workspace]:
    """The workspace before, and with its rows copied."""
    was = kept.workspace()
    target = with_store(was, to)
    copy_rows(was, target, lambda done, total: None)
    return was, target


def pointed(kept: Kept, to: str) -> Kept:
    """The workspace whose settings name the new database."""
    settings = kept.folder / "sayso.toml"
    was = "env:DATABASE_URL" if kept.url else "sqlite:///sayso.db"
    text = settings.read_text("utf-8")
    assert was in text
    settings.write_text(text.replace(was, to), "utf-8")
    kept.url = None
    return kept


def other(kept: Kept, empty_url: str) -> str:
    """Where it moves to: the store that it is not in."""
    return "sqlite:///moved.db" if kept.url else empty_url


def test_every_row_is_there_and_the_database_is_what_a_new_one_is(
    kept: Kept, empty_url: str, postgres_url: str, tmp_path: Path
) -> None:
    """The log's bytes and signed heads among them; the guards, roles and row security stand."""
    to = other(kept, empty_url)
    was, target = copied(kept, to)
    before, after = rows_of(was), rows_of(target)
    assert after == before
    filled = {name for name, rows in before.items() if rows}
    assert filled >= {"log_head", "token", "personal", "limit_counter", "outbox", "log_segment"}
    if is_postgres(target):
        assert server_shape(to) == server_shape(postgres_url)
        with connect(to) as app:  # as the servers have it
            app.execute("select set_config('app.tenant', 'other', false)")
            assert app.execute("select count(*) from action").fetchone() == (0,)
            app.execute("select set_config('app.tenant', 'main', false)")
            counted = app.execute(
                "insert into outbox (tenant, topic, key, version) values ('main', 't', 'k', 1)"
                " returning id"
            ).fetchone()
        assert counted is not None
        assert counted[0] > max(int(str(row[2])) for row in before["outbox"])
    else:
        assert file_shape(target.store_path) == file_shape(make_file(tmp_path / "new.db"))


async def test_it_goes_on_from_where_it_was(kept: Kept, empty_url: str, tmp_path: Path) -> None:
    """What waits is decided, what was in flight is looked up, and nothing is done twice."""
    to = other(kept, empty_url)
    copied(kept, to)
    await goes_on(pointed(kept, to), tmp_path / "export")


def test_there_and_back_is_the_same(kept: Kept, empty_url: str) -> None:
    """By way of the other store."""
    was, there = copied(kept, other(kept, empty_url))
    back = with_store(there, "sqlite:///back.db")
    copy_rows(there, back, lambda done, total: None)
    assert rows_of(back) == rows_of(was)


def test_a_copy_that_was_killed_is_recognised_and_begun_again(kept: Kept, empty_url: str) -> None:
    """Nothing of the source has changed; the target opens for nobody until the copy is there."""
    to = other(kept, empty_url)
    was = kept.workspace()
    before = rows_of(was)
    words = [sys.executable, "-m", "sdk.copy_worker", str(was.folder), to]
    there = {**os.environ, **was.environment, "PYTHONPATH": str(ROOT / "tests")}
    ran = subprocess.run(words, timeout=60, check=False, env=there)
    assert ran.returncode == -SIGKILL
    target = with_store(was, to)
    with pytest.raises(ConfigError) as caught:
        asyncio.run(read_something(target))
    assert caught.value.code is Code.STORE_HALF_COPIED
    assert "sayso store copy" in caught.value.next_step
    assert rows_of(was) == before
    copy_rows(was, target, lambda done, total: None)
    assert rows_of(target) == before


async def read_something(workspace: Workspace) -> None:
    """As any command does."""
    store = open_store(workspace)
    try:
        await store.read(lambda reader: reader.one("process.all"))
        await store.write(lambda tx: tx.one("process.all"))
    finally:
        await store.close()


def test_a_database_that_has_rows_is_refused(kept: Kept, empty_url: str) -> None:
    """Also one that differs by nothing but whose it is."""
    to = other(kept, empty_url)
    was, target = copied(kept, to)
    with pytest.raises(ConfigError) as caught:
        copy_rows(was, target, lambda done, total: None)
    assert caught.value.code is Code.STORE_NOT_EMPTY


async def test_a_database_that_a_process_uses_is_refused(kept: Kept, empty_url: str) -> None:
    """Until the process ends; one that was killed, a minute after its last word."""
    target = with_store(kept.workspace(), other(kept, empty_url))
    async with kept.opened() as sayso:
        async with Presence("serve").of(sayso):
            with pytest.raises(RefusedError) as caught:
                await check_can_move(kept.workspace(), target, kept.clock)
            assert caught.value.code is Code.STORE_IN_USE
            kept.clock.advance(seconds=61)
            await check_can_move(kept.workspace(), target, kept.clock)
            kept.clock.advance(seconds=-61)
        await check_can_move(kept.workspace(), target, kept.clock)


def test_nobody_writes_what_is_copied_and_nobody_copies_what_is_written(kept: Kept) -> None:
    """A program that embeds Sayso says nothing of itself, so that the writer's lock decides."""
    was = kept.workspace()
    with held(was), pytest.raises(RetryableError) as caught, held(was):
        pass
    assert caught.value.code is Code.STORE_BUSY
