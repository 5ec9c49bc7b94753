"""What the PostgreSQL schema itself refuses, whoever asks."""

from __future__ import annotations

import random
from collections.abc import Generator
from functools import partial

import psycopg
import pytest
from psycopg import errors
from support.postgres import fresh_database
from support.postgres_server import PostgresServer

from sayso.errors import Code, IntegrityError, RefusedError, SaysoError
from sayso.store.base import Reader, SqlValue, Transaction, text
from sayso.store.postgres.connection import PgConnection, connect, connect_plainly
from sayso.store.postgres.store import PostgresStore
from sayso.store.queries import numbered_queries

GUARDED = ("log_entry", "log_head", "action")


@pytest.fixture(scope="module")
def filled(postgres_server: PostgresServer) -> Generator[str]:
    """A database with one row in each guarded table, for all tests that must not change it."""
    with fresh_database(postgres_server) as url:
        fill(url)
        yield url


def fill(url: str) -> None:
    """One row in each guarded table."""
    with connect(url) as connection:
        connection.execute("set app.tenant = 'a'")
        connection.execute(
            "insert into log_entry (tenant, seq, body) values ('a', 0, '{\"kind\":\"k\"}')"
        )
        connection.execute(
            "insert into log_head (tenant, size, frontier, note) values ('a', 1, '', '')"
        )
        connection.execute(
            "insert into action (tenant, id, idempotency_key, fingerprint, requester, name,"
            " subject_id, assurance, args, planner, status, created_at, updated_at, last_seq)"
            " values ('a', 'act', 'k', 'f', 'r', 'n', 's', 'x', '{}', 'p', 'approved', 1, 1, 0)"
        )


@pytest.fixture
def app(filled: str) -> Generator[PgConnection]:
    """A connection as workers have it."""
    with connect(filled) as connection:
        connection.execute("set app.tenant = 'a'")
        yield connection


@pytest.fixture
def superuser(filled: str) -> Generator[PgConnection]:
    """A connection of somebody who may do nearly everything."""
    with connect_plainly(filled) as connection:
        connection.execute("set search_path to sayso; set app.tenant = 'a'")
        yield connection


@pytest.mark.parametrize(
    "statement",
    [
        "update log_entry set body = '{}'",
        "delete from log_entry",
        "truncate log_entry cascade",
        "delete from log_head",
        "truncate log_head",
        "delete from action",
        "truncate action cascade",
        "update log_key set to_size = 1",
        "update log_timestamp set at = 1",
        "delete from log_timestamp",
        "truncate log_timestamp",
        "alter table log_entry disable trigger all",
        "create table sayso.own (x int)",
    ],
)
def test_a_worker_may_not_touch_what_is_written(app: PgConnection, statement: str) -> None:
    """The app role has INSERT and SELECT on the log, and no table is its own."""
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute(statement.encode())


@pytest.mark.parametrize("replica", [False, True], ids=["as usual", "as a replica"])
@pytest.mark.parametrize(
    "statement",
    [
        "update log_entry set body = '{}'",
        "delete from log_entry",
        "truncate log_entry cascade",
        "update log_head set size = 0",
        "delete from log_head",
        "truncate log_head",
        "truncate log_timestamp",
        "delete from action",
        "truncate action cascade",
        "update action set status = 'succeeded'",
    ],
)
def test_a_superuser_is_refused_too(superuser: PgConnection, statement: str, replica: bool) -> None:
    """The triggers fire ALWAYS, so session_replication_role does not get round them."""
    if replica:
        superuser.execute("set session_replication_role = replica")
    with pytest.raises(errors.IntegrityConstraintViolation):
        superuser.execute(statement.encode())


def test_a_worker_may_not_switch_triggers_off(app: PgConnection, superuser: PgConnection) -> None:
    """Neither by itself nor where somebody has granted it that setting."""
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute("set session_replication_role = replica")
    superuser.execute("grant set on parameter session_replication_role to sayso_app")
    try:
        app.execute("set session_replication_role = replica")
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute("update log_entry set body = '{}'")
        with pytest.raises(errors.IntegrityConstraintViolation):
            app.execute("insert into log_entry (tenant, seq, body) values ('a', 7, '{}')")
    finally:
        superuser.execute("revoke set on parameter session_replication_role from sayso_app")


def test_every_table_with_a_tenant_is_held_to_it(superuser: PgConnection) -> None:
    """No tenant table without ENABLE, FORCE and a policy; none belongs to the app role."""
    loose = superuser.execute(
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid"
        " where c.relnamespace = 'sayso'::regnamespace and c.relkind = 'r'"
        " and a.attname = 'tenant' and not (c.relrowsecurity and c.relforcerowsecurity"
        " and exists (select from pg_policy p where p.polrelid = c.oid)"
        " and pg_get_userbyid(c.relowner) = 'sayso_owner')"
    ).fetchall()
    assert loose == []
    views = superuser.execute(
        "select count(*) from pg_class where relnamespace = 'sayso'::regnamespace"
        " and relkind in ('v', 'm')"
    ).fetchone()
    assert views == (0,)


def test_without_a_tenant_nothing_is_seen(filled: str) -> None:
    """Never set: an error. Left behind by a transaction: nothing."""
    with connect(filled) as connection:
        with pytest.raises(errors.UndefinedObject):
            connection.execute("select * from action")
        with connection.transaction():
            connection.execute("select set_config('app.tenant', 'a', true)")
            assert connection.execute("select count(*) from action").fetchone() == (1,)
        assert connection.execute("select count(*) from action").fetchone() == (0,)


def test_an_auditor_reads_the_log_and_no_personal_text(superuser: PgConnection) -> None:
    """SELECT on what an auditor compares, and nothing else."""
    superuser.execute("set role sayso_auditor")
    log = ("log_entry", "log_head", "log_key", "log_timestamp")
    for table in (*log, "meta", "action", "approval"):
        superuser.execute(f"select * from {table}".encode())
    for table in ("personal", "subject", "token", "connection_token"):
        with pytest.raises(errors.InsufficientPrivilege):
            superuser.execute(f"select * from {table}".encode())
    with pytest.raises(errors.InsufficientPrivilege):
        superuser.execute("insert into log_entry (tenant, seq, body) values ('a', 1, '{}')")


def test_every_query_is_one_that_a_worker_may_run(app: PgConnection) -> None:
    """Every named query is planned as the app role, with values of the three kinds we send."""
    ours = {17, 20, 25}
    for name, statement in numbered_queries().items():
        server = app.pgconn
        prepared = server.prepare(name.encode(), statement.sql.encode())
        assert prepared.status == psycopg.pq.ExecStatus.COMMAND_OK, (name, prepared.error_message)
        said = server.describe_prepared(name.encode())
        kinds = {said.param_type(at) for at in range(said.nparams)}
        kinds |= {said.ftype(at) for at in range(said.nfields)}
        assert kinds <= ours, name
        values = f"({', '.join(['null'] * said.nparams)})" if said.nparams else ""
        app.execute(f'explain execute "{name}"{values}'.encode())


def insert_entry(tx: Transaction, tenant: str, seq: int) -> None:
    """One bare entry."""
    tx.run("log.append", tenant=tenant, seq=seq, body=f'{{"kind":"of {tenant}","seq":{seq}}}')


async def test_a_unit_bound_to_a_tenant_never_reaches_another(postgres_url: str) -> None:
    """Two tenants, 400 random reads and writes: no row of the other is seen or made."""
    store = PostgresStore(postgres_url)
    choose = random.Random(17)
    sizes = {"a": 0, "b": 0}
    for tenant in sizes:
        await store.write(partial(insert_entry, tenant=tenant, seq=0), tenant=tenant)
        sizes[tenant] = 1
    refused = 0
    for _ in range(200):
        bound, named = choose.choice("ab"), choose.choice("ab")
        write = store.write(partial(insert_entry, tenant=named, seq=sizes[named]), tenant=bound)
        if bound == named:
            await write
            sizes[named] += 1
        else:
            with pytest.raises(SaysoError):
                await write
            refused += 1
        found = await store.read(partial(bodies, tenant=named), tenant=bound)
        assert len(found) == (sizes[named] if bound == named else 0)
        assert all(f"of {bound}" in body for body in found)
        sweep = await store.read(lambda reader: reader.all("log.tenants_to_verify"), tenant=bound)
        assert [text(row, "tenant") for row in sweep] == [bound]
    assert refused > 50
    await store.close()


def bodies(reader: Reader, tenant: str) -> list[str]:
    """All bodies of a tenant's log."""
    rows = reader.all("log.bodies", tenant=tenant, from_seq=0, limit=1000)
    return [text(row, "body") for row in rows]


async def test_an_unbound_unit_is_held_to_the_tenant_that_each_statement_names(
    postgres_url: str,
) -> None:
    """The tenant follows the statements, also after a unit before it was undone."""
    store = PostgresStore(postgres_url)

    def both(tx: Transaction) -> tuple[int, int]:
        insert_entry(tx, "a", 0)
        insert_entry(tx, "b", 0)
        assert len(tx.all("log.tenants_to_verify")) == 2
        return len(bodies(tx, "a")), len(bodies(tx, "b"))

    with pytest.raises(LookupError):
        await store.write(fail_as_c)
    assert await store.write(both) == (1, 1)
    await store.close()


def fail_as_c(tx: Transaction) -> None:
    """A unit that is undone after it has set its tenant."""
    insert_entry(tx, "c", 0)
    raise LookupError


async def test_a_state_without_an_entry_is_refused_and_fails_alone(postgres_url: str) -> None:
    """The deferred key to the log is checked at the end of the unit, not of the group."""
    store = PostgresStore(postgres_url)
    values: dict[str, SqlValue] = dict.fromkeys(numbered_queries()["token.insert"].parameters)
    values |= {
        "tenant": "a",
        "id": "t",
        "hash": b"h",
        "kind": "k",
        "holder": "h",
        "scopes": "",
        "created_at": 1,
        "expires_at": 2,
        "last_seq": 0,
    }
    with pytest.raises(IntegrityError) as caught:
        await store.write(lambda tx: tx.run("token.insert", **values))
    assert caught.value.code is Code.TAMPERED

    def entry_last(tx: Transaction) -> None:
        tx.run("token.insert", **values)
        insert_entry(tx, "a", 0)

    await store.write(entry_last)
    await store.close()


async def test_a_nul_in_a_text_is_refused_before_it_is_sent(postgres_url: str) -> None:
    """PostgreSQL cannot store it, and cutting the text there would change what is asked."""
    store = PostgresStore(postgres_url)
    with pytest.raises(RefusedError) as caught:
        await store.write(lambda tx: tx.run("log.meta_insert", key="a\0b", value=""))
    assert caught.value.code is Code.INVALID_INPUT
    await store.close()


async def test_an_escaped_nul_in_a_body_is_kept_to_the_byte(postgres_url: str) -> None:
    """jsonb knows no NUL; the body is text, and the columns beside it come from the rest."""
    store = PostgresStore(postgres_url)
    body = '{"data":{"q":"a\\u0000b"},"kind":"k"}'
    await store.write(lambda tx: tx.run("log.append", tenant="a", seq=0, body=body))
    rows = await store.read(
        lambda reader: reader.all("log.rows_to_verify", tenant="a", seq=0, limit=1)
    )
    assert (rows[0]["body"], rows[0]["kind"]) == (body, "k")
    await store.close()
