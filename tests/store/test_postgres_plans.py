"""What PostgreSQL plans on an empty table does not last."""

from __future__ import annotations

from sayso.store.base import Row, integer
from sayso.store.postgres.connection import connect, connect_plainly
from sayso.store.postgres.session import PostgresSession
from sayso.store.queries import Statement, numbered_queries

BY_ID = numbered_queries()["action.by_id"]
BEGIN = Statement(name="~begin", sql="begin")
TENANT = Statement(name="~tenant", sql="select set_config('app.tenant', 'main', true)")
ROLLBACK = Statement(name="~rollback", sql="rollback")
READ = Statement(
    name="~read",
    sql="select sum(pg_stat_get_xact_tuples_fetched(indexrelid))::bigint as fetched"
    " from pg_index where indrelid = 'sayso.action'::regclass",
)
FILL = """
    set session_replication_role = replica;
    insert into sayso.action (tenant, id, idempotency_key, fingerprint, requester, name, subject_id,
        assurance, args, planner, status, created_at, updated_at, last_seq)
    select 'main', 'act_' || n, 'k' || n, '', '', '', 's' || n, '', '{}', '', 'succeeded', n, n, n
    from generate_series(1, 2000) n
"""


def fetched_by(session: PostgresSession) -> int:
    """How many rows a read of one action looks at."""
    session.begin(BEGIN)
    session.send(TENANT)
    before = integer(session.rows(session.send(READ))[0], "fetched")
    rows: list[Row] = session.rows(session.send(BY_ID, {"tenant": "main", "id": "act_7"}))
    fetched = integer(session.rows(session.send(READ))[0], "fetched") - before
    session.send(ROLLBACK)
    session.sync()
    assert len(rows) <= 1
    return fetched


def test_a_plan_of_an_empty_table_is_made_again_when_it_has_grown(postgres_url: str) -> None:
    """Else each read of one row would walk all of its tenant until statistics are gathered."""
    session = PostgresSession(connect(postgres_url))
    with connect_plainly(postgres_url) as owner:
        owner.execute("alter table sayso.action set (autovacuum_enabled = off)")
        for _ in range(8):
            assert fetched_by(session) == 0
        owner.execute(FILL)
    fetched = [fetched_by(session) for _ in range(8)]
    session.close()
    assert fetched[0] > 1000, "the plan that was made first would do"
    assert fetched[-1] == 1
