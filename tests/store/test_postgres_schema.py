"""Migrations of PostgreSQL, and workers of two versions on one database."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest
from support.postgres import fresh_database
from support.postgres_server import PostgresServer
from tree import ROOT

from sayso.errors import Code, ConfigError, RetryableError
from sayso.settings import parse_settings
from sayso.store.base import Row, Transaction
from sayso.store.dialect import POSTGRES_TYPES
from sayso.store.migrations import FORMAT, Migration, read_migrations, schema_version
from sayso.store.postgres.connection import connect, connect_plainly
from sayso.store.postgres.schema import (
    check_version,
    migrate_postgres,
    open_setup,
    plan_migration,
    read_setup,
)
from sayso.store.postgres.store import PostgresStore
from sayso.store.sqlite.schema import migrate

OURS = read_migrations("postgres")
ADDS = Migration(
    number=schema_version() + 1,
    name="0098_pre_adds",
    phase="pre",
    since=schema_version(),
    sql="alter table meta add column more text; alter table log_head add column more bigint;",
)
ENDS = Migration(
    number=schema_version() + 2,
    name="0099_post_ends",
    phase="post",
    sql="drop index personal_by_subject;",
    since=schema_version() + 1,
)
OTHER_INDEX = (
    "drop index sayso.approval_by_action;"
    "create index approval_by_action on sayso.approval (tenant, action_id)"
)


@pytest.fixture
def empty_url(postgres_server: PostgresServer) -> Generator[str]:
    """A database with nothing in it."""
    with fresh_database(postgres_server) as url:
        with connect_plainly(url) as owner:
            owner.execute("drop schema sayso cascade")
        yield url


def version(url: str) -> int:
    """The highest number of a file that was applied."""
    with connect_plainly(url) as owner:
        row = owner.execute("select max(number) from sayso.migration").fetchone()
    assert row is not None
    return int(row[0])


def test_the_stores_have_the_same_columns_of_the_same_types(empty_url: str) -> None:
    """A difference that no test sees; a column whose type was not put in would hold less."""
    migrate_postgres(empty_url)
    with connect_plainly(empty_url) as owner:
        rows = owner.execute(
            "select table_name, column_name, data_type, collation_name"
            " from information_schema.columns where table_schema = 'sayso'"
        ).fetchall()
    found = {
        f"{table}.{column}": kind if collation is None else f'{kind} collate "{collation}"'
        for table, column, kind, collation in rows
    }
    ours = {name: POSTGRES_TYPES[kind.lower()] for name, kind in sqlite_columns().items()}
    alone = {
        "commit_mark.writer",
        "commit_mark.number",
        "commit_mark.at",
        "migration.number",
        "migration.name",
        "migration.applied_at",
    }
    assert ours.pop("log_entry.id") == "bigint"
    assert {name: kind for name, kind in found.items() if name not in alone} == ours
    assert alone <= found.keys()


def sqlite_columns() -> dict[str, str]:
    """`table.column` of a new SQLite file, with its type."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        tables = connection.execute(
            "select name from sqlite_master where type = 'table' and name not like 'sqlite%'"
        ).fetchall()
        return {
            f"{table}.{row[1]}": str(row[2])
            for (table,) in tables
            for row in connection.execute(f"pragma table_xinfo({table})")
        }


async def test_many_that_migrate_at_once_apply_each_file_once(empty_url: str) -> None:
    """Also the roles, which belong to the whole server."""
    before = await asyncio.gather(
        *(asyncio.to_thread(migrate_postgres, empty_url) for _ in range(4))
    )
    assert sorted(before) == [0, *[schema_version()] * 3]
    assert version(empty_url) == schema_version()


def test_a_file_that_fails_leaves_the_version_before(empty_url: str) -> None:
    """Each file is one transaction."""
    broken = replace(ADDS, sql=ADDS.sql + "select 1 / 0;")
    with pytest.raises(ConfigError):
        migrate_postgres(empty_url, migrations=[*OURS, broken])
    assert version(empty_url) == schema_version()
    migrate_postgres(empty_url, migrations=[*OURS, ADDS])
    assert version(empty_url) == schema_version() + 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("drop table sayso.rate", "table `rate`"),
        ("drop trigger stop_is_never_deleted on sayso.stop", "trigger `stop_is_never_deleted`"),
        (OTHER_INDEX, "index `approval_by_action`"),
    ],
)
def test_a_database_that_is_not_what_its_version_makes_is_not_upgraded(
    empty_url: str, change: str, named: str
) -> None:
    """`store_version`: a build from before a release had the same numbers and other tables."""
    migrate_postgres(empty_url)
    with connect_plainly(empty_url) as owner:
        owner.execute(change.encode())
    with pytest.raises(ConfigError) as caught:
        migrate_postgres(empty_url, migrations=[*OURS, ADDS])
    assert caught.value.code is Code.STORE_VERSION
    assert named in caught.value.message
    assert version(empty_url) == schema_version()


async def test_a_database_that_was_never_migrated_says_so(empty_url: str) -> None:
    """A worker makes no table."""
    with pytest.raises(ConfigError) as caught:
        PostgresStore(empty_url)
    assert caught.value.code is Code.STORE_VERSION


def test_only_pre_files_run_before_new_code(empty_url: str) -> None:
    """`pre`, then the workers one by one, then `post`."""
    files = [*OURS, ADDS, ENDS]
    migrate_postgres(empty_url, only_pre=True, migrations=files)
    assert version(empty_url) == schema_version() + 1
    with connect(empty_url) as connection:
        check_version(connection, files)
        check_version(connection, OURS)
        migrate_postgres(empty_url, migrations=files)
        check_version(connection, files)
        with pytest.raises(ConfigError) as caught:
            check_version(connection, OURS)
    assert caught.value.code is Code.STORE_VERSION


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("delete from sayso.meta where key like 'format/%'", Code.OLDER_BUILD),
        ("insert into sayso.meta values ('format/000002', '9.9.9')", Code.STORE_VERSION),
    ],
)
def test_a_database_of_another_format_is_refused(postgres_url: str, said: str, code: Code) -> None:
    """By whoever migrates, plans or opens it, and before anything is changed (stores.md)."""
    with connect_plainly(postgres_url) as owner:
        owner.execute(said.encode())
    for attempt in (migrate_postgres, plan_migration, PostgresStore):
        with pytest.raises(ConfigError) as caught:
            attempt(postgres_url)
        assert caught.value.code is code


def test_a_new_database_says_the_format_that_this_code_writes(postgres_url: str) -> None:
    """As on SQLite."""
    with open_setup(postgres_url) as connection:
        assert read_setup(connection).format == FORMAT


def test_a_plan_names_what_would_be_done_and_does_nothing(empty_url: str) -> None:
    """Also for a database that has no schema yet, in which it makes none."""
    pending = plan_migration(empty_url).pending
    assert max(one.number for one in pending) == schema_version()
    with connect_plainly(empty_url) as owner:
        assert owner.execute("select to_regclass('sayso.migration')").fetchone() == (None,)


def test_new_code_refuses_a_schema_without_its_pre_files(postgres_url: str) -> None:
    """It would miss columns."""
    with connect(postgres_url) as connection, pytest.raises(ConfigError) as caught:
        check_version(connection, [*OURS, ADDS])
    assert caught.value.next_step == "run `sayso migrate`"


def head(tx: Transaction, tenant: str) -> Row | None:
    """A unit that reads one row."""
    return tx.one("log.head", tenant=tenant)


async def test_a_worker_goes_on_while_a_migration_changes_its_tables(postgres_url: str) -> None:
    """Old code on the new schema: what was prepared for the old one is prepared anew, unseen."""
    store = PostgresStore(postgres_url)
    for at in range(3):
        await store.write(partial(head, tenant=f"t{at}"))
        await store.write(lambda tx: tx.all("token.by_hash", hash=b""))
    widened = replace(ADDS, sql="alter table token add column more text;")
    await asyncio.to_thread(migrate_postgres, postgres_url, migrations=[*OURS, widened])
    assert await store.write(lambda tx: tx.all("token.by_hash", hash=b"")) == []
    await store.close()


def test_a_migration_does_not_wait_for_ever_behind_a_reader(postgres_url: str) -> None:
    """Everybody else would wait behind it: it gives up, and nothing is half done."""
    with connect_plainly(postgres_url) as reader, reader.transaction():
        reader.execute("lock table sayso.meta in access share mode")
        with pytest.raises(RetryableError) as caught:
            migrate_postgres(postgres_url, migrations=[*OURS, ADDS], lock_timeout_s=0.1)
    assert caught.value.code is Code.STORE_BUSY
    assert version(postgres_url) == schema_version()


@pytest.mark.parametrize(
    "url",
    ["postgresql://me:secret@host/db", "postgresql://host/db?password=secret", "mysql://host/db"],
)
def test_a_url_with_a_password_does_not_stand_in_the_settings(url: str) -> None:
    """Secrets come by reference: `env:DATABASE_URL`."""
    with pytest.raises(ConfigError) as caught:
        parse_settings({"store": {"url": url}}, "sayso.toml")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["sqlite:///x.db", "postgresql://me@host/db", "postgresql:///db?host=/tmp", "env:DATABASE_URL"],
)
def test_urls_of_both_stores_are_settings(url: str) -> None:
    """And references to them."""
    assert parse_settings({"store": {"url": url}}, "sayso.toml").store.url == url


@pytest.mark.parametrize("url", ["postgresql://h:secret@:x/", "postgresql://[secret"])
def test_what_is_wrong_with_a_url_is_said_without_quoting_it(url: str) -> None:
    """libpq quotes the part it does not like, which may be the password."""
    with pytest.raises(ConfigError) as caught:
        PostgresStore(url)
    said = f"{caught.value} {caught.value.detail} {caught.value.__cause__}"
    assert "secret" not in said


def test_the_roles_may_what_the_page_says(postgres_url: str) -> None:
    """docs/reference/stores.md: whoever gives logins reads what a worker and an auditor can do."""
    with connect_plainly(postgres_url) as owner:
        rows = owner.execute(
            "select grantee, privilege_type, table_name from information_schema.role_table_grants"
            " where table_schema = 'sayso' and grantee in ('sayso_app', 'sayso_auditor')"
        ).fetchall()
    granted: dict[tuple[str, str], set[str]] = {}
    for role, privilege, table in rows:
        granted.setdefault((role, privilege), set()).add(table)
    page = (ROOT / "docs" / "reference" / "stores.md").read_text(encoding="utf-8")
    app, auditor = (
        re.findall(rf"^\| `{role}` \| (.+) \|$", page, re.MULTILINE)[0]
        for role in ("sayso_app", "sayso_auditor")
    )
    state, both = app.split("its own", 1)
    _, update, delete = re.split("UPDATE|DELETE", state)
    own = {*re.findall(r"`(\w+)`", both)} - {"dbos"}
    assert granted["sayso_app", "UPDATE"] == {*re.findall(r"`(\w+)`", update)} | own
    assert granted["sayso_app", "DELETE"] == {*re.findall(r"`(\w+)`", delete)} | own
    assert granted["sayso_auditor", "SELECT"] == {*re.findall(r"`(\w+)`", auditor), "migration"}
    assert {role for role, privilege in granted if privilege not in {"SELECT", "INSERT"}} == {
        "sayso_app"
    }
