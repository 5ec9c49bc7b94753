-- Where the primary is in its own journal, and what it is: its cluster and its database.
-- name: primary (postgres)
select
    pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint as flushed,
    (extract(epoch from clock_timestamp()) * 1000000)::bigint as at,
    (select system_identifier::text from pg_control_system()) || '/' || (
        select oid::text from pg_database where datname = current_database()
    ) as identity;

-- The same of a standby: how far it has got, and when what it replayed last was committed, by the
-- primary's clock. The snapshot is older than what the functions say by an instant.
-- name: standby (postgres)
select
    pg_is_in_recovery()::int::bigint as follows,
    coalesce(pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0'), 0)::bigint as replayed,
    (extract(epoch from pg_last_xact_replay_timestamp()) * 1000000)::bigint as committed_at,
    (select system_identifier::text from pg_control_system()) || '/' || (
        select oid::text from pg_database where datname = current_database()
    ) as identity;

-- name: newest_entries (postgres)
select log_entry.tenant, log_entry.seq, log_entry.body
from log_head join log_entry
    on log_entry.tenant = log_head.tenant and log_entry.seq = log_head.size - 1
order by log_entry.tenant limit :limit;
