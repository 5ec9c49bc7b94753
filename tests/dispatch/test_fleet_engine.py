"""What is relied upon of the fleet's engine: its documented function, its schema, its grants."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from importlib import import_module

import psycopg
import pytest
from dispatch.fleet_workspace import Fleet, refund

from sayso.dispatch.fleet import contract
from sayso.dispatch.fleet.contract import open_pool
from sayso.dispatch.fleet.engine import DbosEngine
from sayso.dispatch.fleet.schema import migrate_fleet
from sayso.errors import Code, ConfigError
from sayso.store.base import Transaction
from sayso.store.migrations import migration_steps, read_migrations
from sayso.store.postgres.connection import connect, connect_plainly


def test_the_schema_and_the_code_hand_over_by_the_same_names() -> None:
    """The trigger is SQL and the worker Python: what both say is compared here."""
    sql = "".join(one.sql for one in migration_steps(read_migrations("postgres"), 0))
    given = dict(re.findall(r"(\w+) => '([^']*)'", sql))
    assert given == {
        "workflow_name": contract.WORKFLOW,
        "queue_name": contract.QUEUE,
        "app_version": contract.APPLICATION_VERSION,
        "application_name": contract.APPLICATION,
    }
    assert set(re.findall(r"^ +(\w+) =>", sql, re.MULTILINE)) == set(contract.ARGUMENTS)


@pytest.mark.promise("fleet:contract")
def test_the_installed_engine_takes_what_is_handed_over(fleet_url: str) -> None:
    """Its documented function, called in a transaction that is taken back: nothing is left."""
    with connect(fleet_url) as worker:
        contract.check_schema(worker)
        for _ in range(2):
            with worker.transaction(force_rollback=True):
                worker.execute(
                    "select dbos.enqueue_workflow(workflow_name => 'w', queue_name => 'q',"
                    " positional_args => array['1'::json], workflow_id => 'i',"
                    " app_version => 'v', priority => 5, application_name => 'a')"
                )
        assert worker.execute("select count(*) from dbos.workflow_status").fetchone() == (0,)


_CHANGED = """
do $$ declare known regprocedure; begin
    select oid into known from pg_proc where proname = 'enqueue_workflow';
    execute 'drop function ' || known;
end $$;
create function dbos.enqueue_workflow(workflow_name text) returns text
    language sql as 'select 1::text';
"""


@pytest.mark.promise("fleet:contract")
@pytest.mark.parametrize(
    "change",
    [
        "drop schema dbos cascade",
        "revoke execute on all functions in schema dbos from public",
        _CHANGED,
    ],
    ids=["gone", "forbidden", "changed"],
)
def test_an_engine_that_takes_it_otherwise_is_not_used(fleet_url: str, change: str) -> None:
    """Checked before a worker uses it, with the next step in the message."""
    with connect_plainly(fleet_url) as admin:
        admin.execute(change.encode())
    with connect(fleet_url) as worker, pytest.raises(ConfigError) as caught:
        contract.check_schema(worker)
    assert caught.value.code is Code.ENGINE_UNAVAILABLE
    assert "sayso migrate" in caught.value.next_step


@pytest.mark.promise("fleet:contract")
@pytest.mark.parametrize("version", ["3.3.9", "4.0.0", "2.9.1", "weekly"])
def test_a_version_that_was_never_tried_is_not_used(version: str) -> None:
    """3.4 and later of 3; whatever else is installed is refused by its number."""
    with pytest.raises(ConfigError) as caught:
        contract.check_package(lambda name: version)
    assert caught.value.code is Code.ENGINE_UNAVAILABLE
    assert version in caught.value.message
    contract.check_package(lambda name: "3.11.0")


def test_the_url_says_how_long_the_engine_tries_to_connect(fleet_url: str) -> None:
    """As for our own connections: five seconds, unless the URL says otherwise."""
    for url, seconds in ((fleet_url, "60"), (f"{fleet_url}&connect_timeout=7", "7")):
        pool = open_pool(url)
        connection = pool.raw_connection()
        opened = connection.driver_connection
        assert isinstance(opened, psycopg.Connection)
        assert opened.info.get_parameters()["connect_timeout"] == seconds
        connection.close()
        pool.dispose()


@pytest.mark.promise("fleet:grants")
def test_a_worker_may_not_change_the_engines_schema(fleet_url: str) -> None:
    """Rows only: no tables, no version of the schema, no emptying."""
    with connect(fleet_url) as worker:
        for statement in (
            "create table dbos.mine (id int)",
            "drop table dbos.workflow_status",
            "alter table dbos.workflow_status add column mine int",
            "truncate dbos.workflow_status",
            "update dbos.dbos_migrations set version = 1",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                worker.execute(statement.encode())


def test_migrating_again_changes_nothing(fleet_url: str) -> None:
    """`sayso migrate` may be run at any time; a table that is held stops it within seconds."""
    with connect_plainly(fleet_url) as admin:
        count = "select count(*), max(version) from dbos.dbos_migrations"
        before = admin.execute(count).fetchone()
        migrate_fleet(fleet_url)
        assert admin.execute(count).fetchone() == before


@pytest.mark.promise("fleet:kept")
async def test_old_deliveries_are_deleted_whatever_became_of_them(fleet: Fleet) -> None:
    """Done, or left behind by a worker that died: the rows say what is still to be done."""

    async def deliver(noun: str, tenant: str, item_id: str) -> None:
        raise AssertionError("nothing is delivered here")

    fleet.sql("update dbos.queues set polling_interval_sec = 3600")
    async with fleet.open() as sayso:
        await asyncio.gather(*(refund(sayso, f"m{at}") for at in range(5)))
    fleet.sql(
        "update dbos.workflow_status set status = 'PENDING', created_at = 0,"
        " application_version = 'gone', executor_id = 'dead'"
        " where workflow_uuid in (select workflow_uuid from dbos.workflow_status limit 2)"
    )
    fleet.sql("update dbos.workflow_status set application_version = 'other'")
    engine = DbosEngine(fleet.url, deliver, 1)
    await engine.start()
    try:
        hour_ago = datetime.now(UTC) - timedelta(hours=1)
        assert await engine.delete_before(hour_ago) == 2
        assert await engine.delete_before(hour_ago) == 0
        assert fleet.sql("select count(*) from dbos.workflow_status") == [(3,)]
        assert fleet.sql("select count(*) from dbos.workflow_input") == [(3,)]
    finally:
        await engine.stop(0)


@pytest.mark.promise("dispatch:priority")
async def test_the_engine_is_told_the_same_order(fleet: Fleet) -> None:
    """Its queue is ordered by the rank in seconds: a step of priority is 30 s of waiting."""
    async with fleet.open() as sayso:
        for priority in (0, 9, 5, 7):
            await refund(sayso, f"m{priority}", priority=priority)
    rows = fleet.sql(
        "select a.priority, w.priority, a.due_at, a.nudge_at > a.due_at from sayso.action a"
        " join dbos.workflow_status w on w.workflow_uuid = 'sayso:main:' || a.id || ':1'"
        " order by w.priority"
    )
    assert [row[0] for row in rows] == [9, 7, 5, 0]
    for ours, theirs, due_at, _ in rows:
        assert theirs == (due_at - ours * 30_000_000) // 1_000_000 - 1_700_000_000
    assert {row[0]: row[3] for row in rows} == {9: False, 7: False, 5: True, 0: True}


@pytest.mark.promise("fleet:approved")
async def test_what_is_taken_back_is_not_handed_over(fleet: Fleet) -> None:
    """The delivery is part of the unit that makes it due, and of nothing else."""
    async with fleet.open() as sayso:
        view = await refund(sayso, "m1")
        ((view_seq,),) = fleet.sql("select last_seq from sayso.action")
        fleet.sql("delete from dbos.workflow_status")

        def work(tx: Transaction) -> None:
            row = {"tenant": "main", "id": view.id, "last_seq": view_seq}
            assert tx.run("action.due_again", **row, due_at=1) == 1
            raise LookupError("the unit fails")

        with pytest.raises(LookupError):
            await sayso.container.store.write(work)
    assert fleet.sql("select count(*) from dbos.workflow_status") == [(0,)]


@pytest.mark.promise("fleet:contract")
def test_the_installed_engine_has_what_is_slowed_down() -> None:
    """An idle worker stays below one per cent of a core; without these it would not."""
    from dbos import _workflow_commands as jobs
    from dbos._dbos import DBOSRegistry

    queue = DBOSRegistry().get_internal_queue()
    assert isinstance(vars(queue)["_polling_interval_sec"], float)
    assert isinstance(vars(jobs)["_BACKGROUND_JOBS_INTERVAL_SEC"], float)


@pytest.mark.promise("fleet:contract")
@pytest.mark.promise("store:no-code")
def test_an_engine_that_reads_its_rows_in_another_way_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What unpickles has to be where it is taken away; else the sweep carries everything."""
    values = import_module("dbos._serialization")
    monkeypatch.setattr(values, "DBOSDefaultSerializer", object())
    with pytest.raises(ConfigError) as caught:
        contract.only_json()
    assert caught.value.code is Code.ENGINE_UNAVAILABLE
