-- Sealed segments: parts of a log that stand in a file as well, and may then be pruned from here.

-- `root` is the segment's root in the tree and `tile` the roots of each 256 of its entries: they
-- stay when the entries go, so the tree and its proofs go on. `rotations` are the changes of keys
-- among the entries. Entries go by raising `pruned_to`, the lowest index that is left, and in no
-- other way.
create table log_segment (
    tenant text not null,
    first integer not null,
    count integer not null,
    root blob not null,
    tile blob not null,
    rotations text not null,
    file text not null,
    bytes integer not null,
    sha256 text not null,
    sealed_seq integer not null,
    pruned_to integer not null,
    pruned_seq integer,
    primary key (tenant, first),
    check (count >= 256 and first % count = 0),
    check (pruned_to between first and first + count and pruned_to % 256 = 0),
    check ((pruned_to = first) = (pruned_seq is null)),
    check (length(root) = 32 and length(tile) = count / 256 * 32)
) strict;

create trigger log_segment_is_sealed before insert on log_segment
when new.pruned_to is not new.first
    or new.first is not (
        select coalesce(max(first + count), 0) from log_segment where tenant = new.tenant)
    or not exists (select 1 from log_entry where tenant = new.tenant and seq = new.sealed_seq
        and kind = 'log.sealed' and body ->> '$.data.first' = new.first
        and body ->> '$.data.sha256' = new.sha256)
begin
    select raise(abort, 'log_segment: the next segment has to be sealed by an entry of its own');
end;

create trigger log_segment_is_never_deleted before delete on log_segment
begin
    select raise(abort, 'log_segment: segments are never deleted');
end;

-- Two changes are let through: another file in the place of a lost one, before anything of the
-- segment is pruned, and the pruning, a part at a time; each with its entry.
create trigger log_segment_keeps_what_it_says before update on log_segment
when (new.tenant, new.first, new.count, new.root, new.tile, new.rotations)
        is not (old.tenant, old.first, old.count, old.root, old.tile, old.rotations)
    or (new.pruned_to is old.pruned_to and (
        old.pruned_seq is not null or new.pruned_seq is not null
        or not exists (select 1 from log_entry where tenant = new.tenant
            and seq = new.sealed_seq and kind = 'log.sealed'
            and body ->> '$.data.first' = new.first and body ->> '$.data.sha256' = new.sha256)))
    or (new.pruned_to is not old.pruned_to and (
        new.pruned_to < old.pruned_to
        or (new.file, new.bytes, new.sha256, new.sealed_seq)
            is not (old.file, old.bytes, old.sha256, old.sealed_seq)
        or not exists (select 1 from log_entry where tenant = new.tenant
            and seq = new.pruned_seq and seq >= new.first + new.count
            and kind = 'log.pruned' and body ->> '$.data.size' = new.pruned_to)
        or exists (select 1 from log_segment where tenant = new.tenant and first < new.first
            and pruned_to < first + count)
        or exists (select 1 from hold where tenant = new.tenant and released_at is null)))
begin
    select raise(abort, 'log_segment: it is pruned in order, with an entry, and under no hold');
end;

create trigger log_segment_is_pruned after update of pruned_to on log_segment
when new.pruned_to > old.pruned_to
begin
    delete from log_entry where tenant = new.tenant
        and seq >= old.pruned_to and seq < new.pruned_to;
end;

-- Entries go with their segment, and none that is younger than 183 days by this machine's clock.
drop trigger log_entry_is_never_deleted;
create trigger log_entry_is_only_pruned before delete on log_entry
when old.at is null or old.at > (unixepoch() - 183 * 86400) * 1000000
    or not exists (select 1 from log_segment where tenant = old.tenant
        and old.seq >= first and old.seq < pruned_to)
begin
    select raise(abort, 'log_entry: entries are deleted only with their sealed segment');
end;

-- What has ended points at the entry that tells of the pruning, once its own is gone.
drop trigger stop_moves_with_an_entry;
create trigger stop_moves_with_an_entry before update on stop
when (new.last_seq <= old.last_seq or old.released_at is not null)
    and not (old.released_at is not null and old.erased_seq is null and exists (
        select 1 from log_entry where tenant = new.home and seq = new.erased_seq
            and kind = 'subject.erasing'))
    and not (old.released_at is not null and new.last_seq > old.last_seq
        and (new.tenant, new.id, new.home, new.scope, new.target, new.reason, new.engaged_by,
            new.engaged_at, new.asked_by, new.asked_at, new.asked_key, new.released_by,
            new.released_at, new.released_key, new.idempotency_key, new.erased_seq)
        is (old.tenant, old.id, old.home, old.scope, old.target, old.reason, old.engaged_by,
            old.engaged_at, old.asked_by, old.asked_at, old.asked_key, old.released_by,
            old.released_at, old.released_key, old.idempotency_key, old.erased_seq)
        and exists (select 1 from log_entry where tenant = new.home and seq = new.last_seq
            and kind = 'log.pruned'))
begin
    select raise(abort, 'stop: a change needs its own audit entry, and a released one stays so');
end;

drop trigger hold_moves_with_an_entry;
create trigger hold_moves_with_an_entry before update on hold
when (new.last_seq <= old.last_seq or old.released_at is not null
        or new.pseudonym is not old.pseudonym)
    and not (old.released_at is not null and new.last_seq > old.last_seq
        and (new.tenant, new.id, new.pseudonym, new.reason, new.placed_by, new.placed_at,
            new.asked_by, new.asked_at, new.released_by, new.released_at)
        is (old.tenant, old.id, old.pseudonym, old.reason, old.placed_by, old.placed_at,
            old.asked_by, old.asked_at, old.released_by, old.released_at)
        and exists (select 1 from log_entry where tenant = new.tenant and seq = new.last_seq
            and kind = 'log.pruned'))
begin
    select raise(abort, 'hold: a change needs its own audit entry, and a released one stays so');
end;

drop trigger erasure_is_never_taken_back;
create trigger erasure_is_never_taken_back before update on erasure
when (old.done_seq is not null or new.pseudonym is not old.pseudonym
        or new.begun_seq is not old.begun_seq)
    and not (old.done_seq is not null and new.begun_seq > old.begun_seq
        and (new.tenant, new.id, new.pseudonym, new.subject_id, new.reason, new.asked_by,
            new.key_sha256, new.begun_at, new.done_seq, new.done_at)
        is (old.tenant, old.id, old.pseudonym, old.subject_id, old.reason, old.asked_by,
            old.key_sha256, old.begun_at, old.done_seq, old.done_at)
        and exists (select 1 from log_entry where tenant = new.tenant and seq = new.begun_seq
            and kind = 'log.pruned'))
begin
    select raise(abort, 'erasure: what is erased stays erased');
end;

-- An entry that goes is looked for in each table that may point at it.
create index action_by_entry on action (tenant, last_seq);
create index approval_by_entry on approval (tenant, last_seq);
create index request_by_entry on request (tenant, last_seq);
create index token_by_entry on token (tenant, last_seq);
create index stop_by_entry on stop (home, last_seq);
create index hold_by_entry on hold (tenant, last_seq);
create index erasure_by_entry on erasure (tenant, begun_seq);
