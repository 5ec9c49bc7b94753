-- Rows that somebody changed by hand are written again as the log says, under an entry of its own:
-- `audit.repaired` is the newest entry of the tenant's log while they are.

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
