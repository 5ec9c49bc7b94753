-- Dispatch: priorities, rates and timers.

-- `priority` is 0 to 9. `wakes`, `nudges` and `nudge_at` are used on PostgreSQL only, where the
-- same names stand for how work is handed to a fleet of workers.
alter table request add column priority integer not null default 5;
alter table request add column wakes integer not null default 0;
alter table request add column nudges integer not null default 0;
alter table request add column nudge_at integer not null default 0;
alter table action add column priority integer not null default 5;
alter table action add column wakes integer not null default 0;
alter table action add column nudges integer not null default 0;
alter table action add column nudge_at integer not null default 0;

-- What is due is taken in this order: each step of priority counts as 30 s of waiting, so that
-- nothing waits for ever. NOTE: a query uses the index only with this very expression.
create index request_rank on request (due_at - priority * 30000000) where due_at is not null;
create index action_rank on action (due_at - priority * 30000000) where due_at is not null;

-- Token buckets that all workers share: when the next call would be on time (GCRA), in µs.
create table rate (
    bucket text not null primary key,
    next_at integer not null
) strict;

-- The entries that say that people were reminded of the present revision, or somebody else asked.
alter table approval add column reminded_seq integer;
alter table approval add column escalated_seq integer;
