-- The way to `0033_pre_base` from what 0.1.0 has made, in one transaction; `0033_post_unused` is its
-- end, once no server of 0.1.0 runs any more.

-- # Repairs

-- Rows that somebody changed by hand are written again as the log says, under an entry of its own:
-- `audit.repaired` is the newest entry of the tenant's log while they are.

-- sqlite:
drop trigger action_moves_with_an_entry;
create trigger action_moves_with_an_entry before update of status, revision, snapshot on action
when new.last_seq <= old.last_seq
    and (new.status is not old.status or new.revision is not old.revision
        or (new.snapshot is not old.snapshot and new.erased_seq is old.erased_seq))
    and (new.snapshot is not old.snapshot or 'audit.repaired' is not (select kind from log_entry
        where tenant = new.tenant order by seq desc limit 1))
begin
    select raise(abort, 'action: a change of state needs its own audit entry');
end;

drop trigger approval_moves_with_an_entry;
create trigger approval_moves_with_an_entry before update of status, revision, digest on approval
when new.last_seq <= old.last_seq
    and (new.status is not old.status or new.revision is not old.revision
        or new.digest is not old.digest)
    and 'audit.repaired' is not (select kind from log_entry
        where tenant = new.tenant order by seq desc limit 1)
begin
    select raise(abort, 'approval: a change of state needs its own audit entry');
end;

create trigger vote_is_only_repaired before update on vote
when 'audit.repaired' is not (select kind from log_entry
    where tenant = new.tenant order by seq desc limit 1)
begin
    select raise(abort, 'vote: votes are never changed');
end;

create trigger vote_is_only_taken_back_by_a_repair before delete on vote
when 'audit.repaired' is not (select kind from log_entry
    where tenant = old.tenant order by seq desc limit 1)
begin
    select raise(abort, 'vote: votes are never deleted');
end;

-- postgres:
create function refuse_but_repair() returns trigger language plpgsql as $$
declare
    newest text;
begin
    select kind into newest from sayso.log_entry
        where tenant = old.tenant order by seq desc limit 1;
    if newest is distinct from 'audit.repaired' then
        raise exception '%', tg_argv[0] using errcode = 'integrity_constraint_violation';
    end if;
    return coalesce(new, old);
end
$$;

drop trigger action_moves_with_an_entry on action;
create trigger action_moves_with_an_entry before update of status, revision, snapshot on action
    for each row when (new.last_seq <= old.last_seq
        and (new.status is distinct from old.status or new.revision is distinct from old.revision
            or (new.snapshot is distinct from old.snapshot
                and new.erased_seq is not distinct from old.erased_seq)))
    execute function refuse_but_repair('action: a change of state needs its own audit entry');

drop trigger approval_moves_with_an_entry on approval;
create trigger approval_moves_with_an_entry before update of status, revision, digest on approval
    for each row when (new.last_seq <= old.last_seq
        and (new.status is distinct from old.status or new.revision is distinct from old.revision
            or new.digest is distinct from old.digest))
    execute function refuse_but_repair('approval: a change of state needs its own audit entry');

create trigger vote_is_only_repaired before update on vote
    for each row execute function refuse_but_repair('vote: votes are never changed');
create trigger vote_is_only_taken_back_by_a_repair before delete on vote
    for each row execute function refuse_but_repair('vote: votes are never deleted');

-- both:
grant update, delete on vote to sayso_app;

-- # A planner's threads

-- What a planner remembers is gone with its run (docs/decisions/0104): these tables were a library's,
-- which read its rows as code, and held plans of customers who may be erased by now.
-- sqlite:
drop table if exists checkpoints;
drop table if exists writes;
-- postgres:
-- Emptied, and not dropped, since workers of before go on with them until they are replaced.
do $$
declare
    name text;
begin
    foreach name in array array['checkpoints', 'checkpoint_blobs', 'checkpoint_writes'] loop
        if to_regclass(name) is not null then
            execute format('truncate %I', name);
        end if;
    end loop;
end
$$;

create function instr(whole text, part text) returns integer
    language sql immutable parallel safe return strpos(whole, part);

-- both:

-- # What a row lacked

create index log_entry_by_caller_key
    on log_entry (tenant, substr(body, instr(body, '"caller_key":"') + 14, 48))
    where instr(body, '"caller_key":"') > 0;
alter table webhook add column read_seal text;
grant select on work, work_note to sayso_auditor;

create table process (
    id text primary key,
    kind text not null check (kind in ('serve', 'worker', 'mcp')),
    host text not null,
    pid integer not null,
    started_at integer not null,
    beat_at integer not null,
    version text not null,
    settings text not null,
    connectors text not null,
    actions text not null,
    policy integer not null,
    policy_sha256 text not null,
    not_reloaded text not null
);
grant select, insert, update, delete on process to sayso_app;

-- postgres:
select guard_tables();
