"""What an upgraded database is made of is what a new one is made of, on both stores.

Compared from the catalogue: tables, columns, keys, checks, indexes, triggers, and on PostgreSQL
functions, rights and policies as well.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sqlite3
import subprocess
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest
from store.test_sqlite_file import make_file, worker
from support.postgres import fresh_database
from support.postgres_server import PostgresServer, find_postgres
from surfaces.cli.cli_workspace import CliWorkspace
from upgrade.older import older_dump, older_file

from sayso.errors import Code, ConfigError
from sayso.store.migrations import Migration, plain_words, schema_version
from sayso.store.postgres.connection import connect, connect_plainly
from sayso.store.postgres.schema import check_version as check_server
from sayso.store.postgres.schema import migrate_postgres
from sayso.store.postgres.schema import plan_migration as plan_postgres
from sayso.store.sqlite.schema import check_version as check_file
from sayso.store.sqlite.schema import migrate
from sayso.store.sqlite.store import SqliteStore, plan_file

OLDER = 28
WAY = ("0032_pre_from_0028", "0038_post_caller_key")
OLD_CODE = [Migration(number=OLDER, name="0028_pre_last", phase="pre", sql="", since=0)]
"""What code of 0.1.0 knows."""
_WAIT_S = 60
CHANGES = [
    ("drop table {rate}", "table `rate`"),
    ("drop index {action_settled}", "index `action_settled`"),
    ("drop trigger stop_is_never_deleted{ on stop}", "trigger `stop_is_never_deleted`"),
]


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A SQLite file of 0.1.0."""
    path = tmp_path / "sayso.db"
    path.touch(mode=0o600)
    path.write_bytes(older_file())
    return path


@pytest.fixture
def older_url(postgres_server: PostgresServer) -> Generator[str]:
    """A PostgreSQL database of 0.1.0."""
    with fresh_database(postgres_server, template="template0") as url:
        with connect_plainly(url) as owner:
            owner.execute(older_dump())
        yield url


def file_shape(path: Path) -> dict[str, object]:
    """Tables by their columns, keys and checks; indexes and triggers by their words."""
    with closing(sqlite3.connect(path)) as file:
        shape: dict[str, object] = {}
        for kind, name, sql in file.execute("select type, name, sql from sqlite_master").fetchall():
            key = f"{kind} {name}"
            if kind != "table":
                shape[key] = plain_words(sql or "")
                continue
            pragmas = ("table_xinfo", "foreign_key_list", "index_list")
            parts = [sorted(_rows(file, pragma, name), key=str) for pragma in pragmas]
            shape[key] = (*parts, sorted(re.findall(r"check \(.*\)", sql)), sql[-7:])
    return shape


def _rows(file: sqlite3.Connection, pragma: str, table: str) -> list[tuple[object, ...]]:
    rows = file.execute(f"pragma {pragma}({table})").fetchall()
    # NOTE: indexes and foreign keys are numbered in the order in which they were made.
    return [tuple(row[0 if pragma == "table_xinfo" else 1 :]) for row in rows]


def server_shape(url: str) -> str:
    """All that `pg_dump` reads from the catalogue, but for parentheses that it puts in anew."""
    command = [str(find_postgres() / "pg_dump"), "-n", "sayso", "--schema-only", "-d", url]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    dumped = re.sub(r"^\\(un)?restrict .*$", "", ran.stdout, flags=re.MULTILINE)
    assert {"CREATE TRIGGER", "CREATE POLICY", "GRANT ", "CREATE FUNCTION"} <= {
        found[0] for found in re.finditer(r"CREATE (?:TRIGGER|POLICY|FUNCTION)|GRANT ", dumped)
    }
    return re.sub(r"[()]", "", dumped)


@pytest.mark.promise("upgrade:released")
def test_a_file_becomes_what_a_new_one_is(older: Path, tmp_path: Path) -> None:
    """Whatever else is in it (a planner's own tables go)."""
    with closing(sqlite3.connect(older)) as file:
        file.execute("create table checkpoints (thread_id text)")
    plan = plan_file(older)
    assert (plan.version, tuple(step.name for step in plan.pending)[:: len(plan.pending) - 1]) == (
        OLDER,
        WAY,
    )
    with worker(older, "migrate") as process:
        assert process.wait(_WAIT_S) == 0
    assert file_shape(older) == file_shape(make_file(tmp_path / "new.db"))


@pytest.mark.promise("upgrade:released")
def test_a_server_becomes_what_a_new_one_is(older_url: str, postgres_url: str) -> None:
    """Also where several migrate at once; each number is noted."""

    async def migrate_all() -> list[int]:
        return await asyncio.gather(
            *(asyncio.to_thread(migrate_postgres, older_url) for _ in range(3))
        )

    plan = plan_postgres(older_url)
    assert (plan.version, tuple(step.name for step in plan.pending)[:: len(plan.pending) - 1]) == (
        OLDER,
        WAY,
    )
    assert sorted(asyncio.run(migrate_all())) == [OLDER, schema_version(), schema_version()]
    assert server_shape(older_url) == server_shape(postgres_url)
    with connect_plainly(older_url) as owner:
        noted = owner.execute("select number, name from sayso.migration order by number").fetchall()
    assert [number for number, _ in noted] == list(range(1, schema_version() + 1))


@pytest.mark.promise("upgrade:released")
async def test_servers_of_0_1_0_go_on_with_a_file_beside_new_ones(older: Path) -> None:
    """With what was there before the servers were replaced, until the rest is done (upgrade.md)."""
    with closing(sqlite3.connect(older, isolation_level=None)) as file:
        migrate(file, only_pre=True)
        check_file(file, older, OLD_CODE)
        await SqliteStore(older).close()
        migrate(file)
        with pytest.raises(ConfigError) as caught:
            check_file(file, older, OLD_CODE)
    assert caught.value.next_step == "upgrade Sayso"
    await SqliteStore(older).close()


@pytest.mark.promise("upgrade:released")
def test_between_the_halves_each_next_step_leads_on(cli: CliWorkspace, older: Path) -> None:
    """While servers are replaced: `doctor` looks at all, and the plan does not go in a circle."""
    with closing(sqlite3.connect(older, isolation_level=None)) as file:
        migrate(file, only_pre=True)
    older.rename(cli.database)
    planned = cli.line("migrate", "--plan").out
    assert "once the new code runs everywhere" in planned
    assert "--only-pre" not in planned
    assert "then run `sayso migrate`" in planned
    seen = cli.line("doctor", "--json").json
    assert seen["facts"]["version"].endswith("once every server has this code, run `sayso migrate`")
    assert (seen["facts"]["stopped"], seen["facts"]["unknown"]) != ("nothing", "none")
    # Of a workspace with other keys, which it says: it has gone on to look at them.
    assert [one["code"] for one in seen["problems"]] == ["key_mismatch"]
    cli.line.done("migrate")
    known = schema_version()
    assert cli.line("doctor", "--json").json["facts"]["version"] == f"{known} of {known}"


@pytest.mark.promise("upgrade:released")
def test_servers_of_0_1_0_go_on_with_a_server_beside_new_ones(older_url: str) -> None:
    """As with a file."""
    migrate_postgres(older_url, only_pre=True)
    with connect(older_url) as connection:
        check_server(connection, OLD_CODE)
        check_server(connection)
        migrate_postgres(older_url)
        check_server(connection)
        with pytest.raises(ConfigError) as caught:
            check_server(connection, OLD_CODE)
    assert caught.value.next_step == "upgrade Sayso"


@pytest.mark.parametrize("at", [3, 9, 20, 24, 28])
def test_a_crash_inside_the_upgrade_leaves_the_version_before_or_the_new_one(
    older: Path, tmp_path: Path, at: int
) -> None:
    """Killed inside a statement of it, and begun again (migrations.py)."""
    with worker(older, "die", at) as process:
        assert process.wait(_WAIT_S) == -signal.SIGKILL
    with closing(sqlite3.connect(older)) as file:
        (version,) = file.execute("pragma user_version").fetchone()
        made = file.execute("select count(*) from sqlite_master where name = 'process'").fetchone()
    assert (version, made) in {(OLDER, (0,)), (32, (1,)), (schema_version(), (1,))}
    with worker(older, "migrate") as one, worker(older, "migrate") as two:
        assert [process.wait(_WAIT_S) for process in (one, two)] == [0, 0]
    assert file_shape(older) == file_shape(make_file(tmp_path / "new.db"))


@pytest.mark.parametrize(("change", "named"), CHANGES)
def test_a_file_that_somebody_changed_is_not_upgraded(older: Path, change: str, named: str) -> None:
    """`store_version` from a plan, too, and not one byte changes (upgrade.md)."""
    with closing(sqlite3.connect(older)) as file:
        file.execute(re.sub(r"\{ on \w+\}", "", change).replace("{", "").replace("}", ""))
    before = older.read_bytes()
    for attempt in (plan_file, lambda path: SqliteStore(path, create=True)):
        with pytest.raises(ConfigError) as caught:
            attempt(older)
        assert caught.value.code is Code.STORE_VERSION
        assert named in caught.value.message
        assert f"version {OLDER}" in caught.value.message
    assert older.read_bytes() == before


@pytest.mark.parametrize(("change", "named"), CHANGES)
def test_a_server_that_somebody_changed_is_not_upgraded(
    older_url: str, change: str, named: str
) -> None:
    """As a file."""
    words = re.sub(r"\{(\w+)\}", r"sayso.\1", change).replace("{ on ", " on sayso.")
    with connect_plainly(older_url) as owner:
        owner.execute(words.replace("}", "").encode())
    for attempt in (plan_postgres, migrate_postgres):
        with pytest.raises(ConfigError) as caught:
            attempt(older_url)
        assert caught.value.code is Code.STORE_VERSION
        assert named in caught.value.message


@pytest.mark.promise("upgrade:older-build")
def test_a_version_that_no_release_has_made_is_an_older_build(older: Path) -> None:
    """Between two releases, or from before all of them, whatever format it says."""
    for version in (1, OLDER - 1, OLDER + 1, 31):
        with closing(sqlite3.connect(older)) as file:
            file.execute(f"pragma user_version = {version}")
        before = older.read_bytes()
        for attempt in (plan_file, SqliteStore, lambda path: SqliteStore(path, create=True)):
            with pytest.raises(ConfigError) as caught:
                attempt(older)
            assert caught.value.code is Code.OLDER_BUILD
        assert older.read_bytes() == before


@pytest.mark.promise("upgrade:older-build")
def test_a_server_of_a_version_that_no_release_has_made_is_an_older_build(older_url: str) -> None:
    """As a file."""
    with connect_plainly(older_url) as owner:
        owner.execute("delete from sayso.migration where number > 20")
    for attempt in (plan_postgres, migrate_postgres):
        with pytest.raises(ConfigError) as caught:
            attempt(older_url)
        assert caught.value.code is Code.OLDER_BUILD
