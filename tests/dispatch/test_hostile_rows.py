"""Nothing that the fleet's engine reads back is code, whatever its rows say they hold."""

from __future__ import annotations

import pytest
from audit.hostile_rows import Canary
from dispatch.fleet_workspace import Fleet, refund
from psycopg import sql

from sayso.store.postgres.connection import connect_plainly

pytestmark = pytest.mark.promise("store:no-code")

_FOUND_BY = frozenset(
    {
        *("workflow_uuid", "workflow_id", "destination_uuid", "status", "name", "queue_name"),
        *("application_version", "application_name", "executor_id", "class_name", "config_name"),
        *("schedule", "schedule_id", "schedule_name", "workflow_name", "workflow_class_name"),
        *("queue_id", "message_uuid", "version_id", "version_name", "deduplication_id"),
        *("queue_partition_key", "parent_workflow_id", "forked_from", "shard_key", "owner_xid"),
        "cron_timezone",
    }
)
"""By which the engine finds a row, and takes it for its own; the others hold what was written."""
_SCHEDULE = """
insert into dbos.workflow_schedules (schedule_id, schedule_name, workflow_name, schedule, context)
values ('s', 's', 'sayso.advance', '* * * * * *', '')
"""
_BESIDE = """
insert into dbos.notifications (destination_uuid, topic, message)
    select workflow_uuid, 't', '' from dbos.workflow_status;
insert into dbos.workflow_events (workflow_uuid, key, value)
    select workflow_uuid, 'k', '' from dbos.workflow_status;
insert into dbos.workflow_events_history (workflow_uuid, function_id, key, value)
    select workflow_uuid, 1, 'k', '' from dbos.workflow_status;
insert into dbos.streams (workflow_uuid, key, value, "offset")
    select workflow_uuid, 'k', '', 0 from dbos.workflow_status;
insert into dbos.operation_outputs (workflow_uuid, function_id, function_name)
    select workflow_uuid, 1, 'f' from dbos.workflow_status;
"""


def write_everywhere(fleet: Fleet, value: str, serialization: str) -> int:
    """Put a value into every column of text of the engine's that holds values; how many."""
    columns = fleet.sql(
        "select table_name, column_name from information_schema.columns where table_schema = 'dbos'"
        " and data_type in ('text', 'character varying') and table_name != 'dbos_migrations'"
        " and is_updatable = 'YES' order by 1, 2"
    )
    hostile = [(table, column) for table, column in columns if column not in _FOUND_BY]
    with connect_plainly(fleet.url) as admin:
        for table, column in hostile:
            statement = sql.SQL("update dbos.{} set {} = %s").format(
                sql.Identifier(table), sql.Identifier(column)
            )
            admin.execute(statement, [serialization if column == "serialization" else value])
    return len(hostile)


@pytest.mark.parametrize("serialization", ["py_pickle", "portable_json", "custom_serializer"])
async def test_a_row_of_the_engine_that_is_no_json_runs_no_code(
    fleet: Fleet, serialization: str
) -> None:
    """DBOS unpickles by its default, and whatever its setting is where a row says so."""
    canary = Canary(fleet.folder / "canary")
    async with fleet.open() as sayso:
        views = [await refund(sayso, f"m{at}", priority=5) for at in range(3)]
        fleet.sql(_SCHEDULE)
        with connect_plainly(fleet.url) as admin:
            admin.execute(_BESIDE.encode())
        values = list(canary.texts())
        assert write_everywhere(fleet, values[0], serialization) > 15
        fleet.quick_worker()
        await fleet.settled(sayso, [view.id for view in views])
        for value in values[1:] if serialization == "portable_json" else []:
            views = [await refund(sayso, f"n{at}", priority=5) for at in range(2)]
            write_everywhere(fleet, value, serialization)
            await fleet.settled(sayso, [view.id for view in views])
    assert not canary.sings, fleet.log()
    assert [line[1:] for line in fleet.lines("effects")], fleet.log()
