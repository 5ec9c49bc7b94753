-- Erasure and retention.

-- A row whose personal part is gone names the entry that tells of it; its ids and its digests stay.
-- `subject_id` then holds the pseudonym, and `idempotency_key` a hash of what it was.
alter table action add column erased_seq integer;
alter table approval add column erased_seq integer;
alter table request add column erased_seq integer;
alter table stop add column erased_seq integer;

-- Erasures: the customer's id stands here only while one is under way, to find what is left.
create table erasure (
    tenant text not null,
    id text not null,
    pseudonym text not null,
    subject_id text,
    reason text not null,
    asked_by text not null,
    key_sha256 text not null,
    begun_seq integer not null,
    begun_at integer not null,
    done_seq integer,
    done_at integer,
    primary key (tenant, id),
    unique (tenant, pseudonym),
    unique (tenant, key_sha256),
    foreign key (tenant, begun_seq) references log_entry (tenant, seq)
        deferrable initially deferred,
    check ((done_seq is null) = (subject_id is not null)),
    check ((done_seq is null) = (done_at is null))
) strict;

create unique index erasure_under_way on erasure (tenant, subject_id)
    where subject_id is not null;

create trigger erasure_is_never_taken_back before update on erasure
when old.done_seq is not null or new.pseudonym is not old.pseudonym
    or new.begun_seq is not old.begun_seq
begin
    select raise(abort, 'erasure: what is erased stays erased');
end;

create trigger erasure_is_never_deleted before delete on erasure
begin
    select raise(abort, 'erasure: erasures are never deleted');
end;

-- Legal holds: nothing of the subject is erased or swept while one is in force. It ends by two
-- people: one asks, another one confirms.
create table hold (
    tenant text not null,
    id text not null,
    pseudonym text not null,
    reason text not null,
    placed_by text not null,
    placed_at integer not null,
    asked_by text,
    asked_at integer,
    released_by text,
    released_at integer,
    last_seq integer not null,
    primary key (tenant, id),
    foreign key (tenant, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred,
    check ((released_at is null) = (released_by is null)),
    check (released_by is null or (asked_by is not null and asked_by <> released_by))
) strict;

create index hold_in_force on hold (tenant, pseudonym) where released_at is null;

create trigger hold_moves_with_an_entry before update on hold
when new.last_seq <= old.last_seq or old.released_at is not null
    or new.pseudonym is not old.pseudonym
begin
    select raise(abort, 'hold: a change needs its own audit entry, and a released one stays so');
end;

create trigger hold_is_never_deleted before delete on hold
begin
    select raise(abort, 'hold: holds are never deleted');
end;

-- What has been there for longer than it is kept. `created_at` never changes, so that no move of a
-- row touches these.
create index action_by_age on action (tenant, created_at) where erased_seq is null;
create index request_by_age on request (tenant, created_at) where erased_seq is null;
create index request_by_subject on request (tenant, subject_id, id);
create index stop_by_target on stop (tenant, target) where scope = 'customer';

-- A snapshot changes with an entry of the action's own, or goes with one of an erasure.
drop trigger action_moves_with_an_entry;
create trigger action_moves_with_an_entry before update of status, revision, snapshot on action
when new.last_seq <= old.last_seq
    and (new.status is not old.status or new.revision is not old.revision
        or (new.snapshot is not old.snapshot and new.erased_seq is old.erased_seq))
begin
    select raise(abort, 'action: a change of state needs its own audit entry');
end;

create trigger action_is_erased_with_an_entry before update of erased_seq on action
when old.erased_seq is not null or not exists (
    select 1 from log_entry where tenant = new.tenant and seq = new.erased_seq
        and kind in ('subject.erasing', 'retention.swept'))
begin
    select raise(abort, 'action: an erasure needs its audit entry, and is never taken back');
end;

create trigger approval_is_erased_with_an_entry before update of erased_seq on approval
when old.erased_seq is not null or not exists (
    select 1 from log_entry where tenant = new.tenant and seq = new.erased_seq
        and kind in ('subject.erasing', 'retention.swept'))
begin
    select raise(abort, 'approval: an erasure needs its audit entry, and is never taken back');
end;

create trigger request_is_erased_with_an_entry before update of erased_seq on request
when old.erased_seq is not null or not exists (
    select 1 from log_entry where tenant = new.tenant and seq = new.erased_seq
        and kind in ('subject.erasing', 'retention.swept'))
begin
    select raise(abort, 'request: an erasure needs its audit entry, and is never taken back');
end;

-- INVARIANT: what is erased never runs, and gets nothing personal again.
create trigger action_stays_erased before update of status, args, snapshot, subject_id on action
when old.erased_seq is not null
begin
    select raise(abort, 'action: what is erased is never changed');
end;

drop trigger stop_moves_with_an_entry;
create trigger stop_moves_with_an_entry before update on stop
when (new.last_seq <= old.last_seq or old.released_at is not null)
    and not (old.released_at is not null and old.erased_seq is null and exists (
        select 1 from log_entry where tenant = new.home and seq = new.erased_seq
            and kind = 'subject.erasing'))
begin
    select raise(abort, 'stop: a change needs its own audit entry, and a released one stays so');
end;
