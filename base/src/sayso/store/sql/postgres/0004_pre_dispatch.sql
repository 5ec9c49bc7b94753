-- Dispatch: priorities, rates and timers.

-- `priority` is 0 to 9. `wakes` counts what was handed to the fleet's engine, and makes the ids of
-- its deliveries; `nudge_at` is when a worker's sweep may take the row itself, and `nudges` how
-- often one has since it became due.
alter table request
    add column priority bigint not null default 5,
    add column wakes bigint not null default 0,
    add column nudges bigint not null default 0,
    add column nudge_at bigint not null default 0;
alter table action
    add column priority bigint not null default 5,
    add column wakes bigint not null default 0,
    add column nudges bigint not null default 0,
    add column nudge_at bigint not null default 0;

-- What is due is taken in this order: each step of priority counts as 30 s of waiting, so that
-- nothing waits for ever. NOTE: a query uses the index only with this very expression.
create index request_rank on request ((due_at - priority * 30000000)) where due_at is not null;
create index action_rank on action ((due_at - priority * 30000000)) where due_at is not null;

-- Token buckets that all workers share: when the next call would be on time (GCRA), in µs.
create table rate (
    bucket text collate "C" primary key,
    next_at bigint not null
);

-- The entries that say that people were reminded of the present revision, or somebody else asked.
alter table approval
    add column reminded_seq bigint,
    add column escalated_seq bigint;

-- Hands what becomes due to the fleet's engine (DBOS), in the very transaction that makes it due.
-- Only sessions of a fleet do (`app.dispatch`); elsewhere it costs the test of one setting.
-- What is due later, and what the engine does not take, is found by the workers' sweep: the row is
-- the truth, and a delivery only a hint to look at it.
-- SOURCE: docs.dbos.dev, System Database: `dbos.enqueue_workflow`, changed compatibly only.
create function hand_over() returns trigger language plpgsql as $$
declare
    now_us bigint;
    delivered bigint := 0;
begin
    if tg_op = 'UPDATE' then
        if new.due_at is not distinct from old.due_at then
            return new;
        end if;
        delivered := old.wakes;
    end if;
    new.nudges := 0;
    new.nudge_at := 0;
    now_us := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
    -- The caller's clock follows this one by a few milliseconds.
    if new.due_at is null or new.due_at > now_us + 50000 then
        return new;
    end if;
    new.wakes := delivered + 1;
    begin
        perform dbos.enqueue_workflow(
            workflow_name => 'sayso.advance',
            queue_name => 'sayso',
            positional_args => array[
                to_json(tg_table_name::text), to_json(new.tenant), to_json(new.id)],
            -- INVARIANT: a new id for each wake: the engine runs each id once.
            workflow_id => format('sayso:%s:%s:%s', new.tenant, new.id, new.wakes),
            app_version => 'sayso-1',
            -- Lower is earlier: the rank in whole seconds, since the end of 2023.
            priority => greatest(1, least(2147483647,
                (new.due_at - new.priority * 30000000) / 1000000 - 1700000000))::integer,
            application_name => 'sayso');
        -- From 7 on somebody waits for it, so whichever worker has heard of the commit takes it
        -- without waiting for the engine's next poll.
        if new.priority < 7 then
            new.nudge_at := now_us + 3000000;
        end if;
    exception when others then
        null;  -- INVARIANT: an engine that is not there stops nothing; the sweep has it at once.
    end;
    return new;
end
$$;

create trigger action_is_handed_over before insert or update of due_at on action
    for each row when (current_setting('app.dispatch', true) = 'fleet')
    execute function hand_over();
create trigger request_is_handed_over before insert or update of due_at on request
    for each row when (current_setting('app.dispatch', true) = 'fleet')
    execute function hand_over();

grant select, insert, update on rate to sayso_app;

select guard_tables();
