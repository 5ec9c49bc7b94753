-- Rows that somebody changed by hand are written again as the log says, under an entry of its own:
-- `audit.repaired` is the newest entry of the tenant's log while they are.

-- Refuses a change unless it is part of a repair. The argument is the message.
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

-- What the trigger lets through, and nothing else.
grant update, delete on vote to sayso_app;

select guard_tables();
