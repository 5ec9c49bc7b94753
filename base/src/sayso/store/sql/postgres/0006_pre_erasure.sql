-- Erasure and retention.

-- A row whose personal part is gone names the entry that tells of it; its ids and its digests stay.
-- `subject_id` then holds the pseudonym, and `idempotency_key` a hash of what it was.
alter table action add column erased_seq bigint;
alter table approval add column erased_seq bigint;
alter table request add column erased_seq bigint;
alter table stop add column erased_seq bigint;

-- Erasures: the customer's id stands here only while one is under way, to find what is left.
create table erasure (
    tenant text collate "C" not null,
    id text collate "C" not null,
    pseudonym text collate "C" not null,
    subject_id text collate "C",
    reason text collate "C" not null,
    asked_by text collate "C" not null,
    key_sha256 text collate "C" not null,
    begun_seq bigint not null,
    begun_at bigint not null,
    done_seq bigint,
    done_at bigint,
    primary key (tenant, id),
    unique (tenant, pseudonym),
    unique (tenant, key_sha256),
    foreign key (tenant, begun_seq) references log_entry (tenant, seq)
        deferrable initially deferred,
    check ((done_seq is null) = (subject_id is not null)),
    check ((done_seq is null) = (done_at is null))
);

create unique index erasure_under_way on erasure (tenant, subject_id)
    where subject_id is not null;

create trigger erasure_is_never_taken_back before update on erasure
    for each row when (old.done_seq is not null or new.pseudonym is distinct from old.pseudonym
        or new.begun_seq is distinct from old.begun_seq)
    execute function refuse('erasure: what is erased stays erased');
create trigger erasure_is_never_deleted before delete on erasure
    for each row execute function refuse('erasure: erasures are never deleted');
create trigger erasure_is_never_emptied before truncate on erasure
    for each statement execute function refuse('erasure: erasures are never deleted');

-- Legal holds: nothing of the subject is erased or swept while one is in force. It ends by two
-- people: one asks, another one confirms.
create table hold (
    tenant text collate "C" not null,
    id text collate "C" not null,
    pseudonym text collate "C" not null,
    reason text collate "C" not null,
    placed_by text collate "C" not null,
    placed_at bigint not null,
    asked_by text collate "C",
    asked_at bigint,
    released_by text collate "C",
    released_at bigint,
    last_seq bigint not null,
    primary key (tenant, id),
    foreign key (tenant, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred,
    check ((released_at is null) = (released_by is null)),
    check (released_by is null or (asked_by is not null and asked_by <> released_by))
);

create index hold_in_force on hold (tenant, pseudonym) where released_at is null;

create trigger hold_moves_with_an_entry before update on hold
    for each row when (new.last_seq <= old.last_seq or old.released_at is not null
        or new.pseudonym is distinct from old.pseudonym)
    execute function
        refuse('hold: a change needs its own audit entry, and a released one stays so');
create trigger hold_is_never_deleted before delete on hold
    for each row execute function refuse('hold: holds are never deleted');
create trigger hold_is_never_emptied before truncate on hold
    for each statement execute function refuse('hold: holds are never deleted');

-- What has been there for longer than it is kept. `created_at` never changes, so that no move of a
-- row touches these.
create index action_by_age on action (tenant, created_at) where erased_seq is null;
create index request_by_age on request (tenant, created_at) where erased_seq is null;
create index request_by_subject on request (tenant, subject_id, id);
create index stop_by_target on stop (tenant, target) where scope = 'customer';

-- A snapshot changes with an entry of the action's own, or goes with one of an erasure.
drop trigger action_moves_with_an_entry on action;
create trigger action_moves_with_an_entry before update of status, revision, snapshot on action
    for each row when (new.last_seq <= old.last_seq
        and (new.status is distinct from old.status or new.revision is distinct from old.revision
            or (new.snapshot is distinct from old.snapshot
                and new.erased_seq is not distinct from old.erased_seq)))
    execute function refuse('action: a change of state needs its own audit entry');

-- Refuses a mark that no entry of an erasure stands behind. The argument is the message.
create function erased_with_an_entry() returns trigger language plpgsql as $$
begin
    if old.erased_seq is not null or not exists (
        select from sayso.log_entry where tenant = new.tenant and seq = new.erased_seq
            and kind in ('subject.erasing', 'retention.swept'))
    then
        raise exception '%', tg_argv[0] using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end
$$;

create trigger action_is_erased_with_an_entry before update of erased_seq on action
    for each row execute function erased_with_an_entry(
        'action: an erasure needs its audit entry, and is never taken back');
create trigger approval_is_erased_with_an_entry before update of erased_seq on approval
    for each row execute function erased_with_an_entry(
        'approval: an erasure needs its audit entry, and is never taken back');
create trigger request_is_erased_with_an_entry before update of erased_seq on request
    for each row execute function erased_with_an_entry(
        'request: an erasure needs its audit entry, and is never taken back');

-- INVARIANT: what is erased never runs, and gets nothing personal again.
create trigger action_stays_erased before update of status, args, snapshot, subject_id on action
    for each row when (old.erased_seq is not null)
    execute function refuse('action: what is erased is never changed');

create function stop_moves() returns trigger language plpgsql as $$
begin
    if (new.last_seq <= old.last_seq or old.released_at is not null)
        and not (old.released_at is not null and old.erased_seq is null and exists (
            select from sayso.log_entry where tenant = new.home and seq = new.erased_seq
                and kind = 'subject.erasing'))
    then
        raise exception 'stop: a change needs its own audit entry, and a released one stays so'
            using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end
$$;
drop trigger stop_moves_with_an_entry on stop;
create trigger stop_moves_with_an_entry before update on stop
    for each row execute function stop_moves();

grant select, insert, update on erasure, hold to sayso_app;
grant delete on subject, personal to sayso_app;
grant select on erasure, hold to sayso_auditor;

select guard_tables();
