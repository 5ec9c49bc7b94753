-- Sealed segments: parts of a log that stand in a file as well, and may then be pruned from here.

-- `root` is the segment's root in the tree and `tile` the roots of each 256 of its entries: they
-- stay when the entries go, so the tree and its proofs go on. `rotations` are the changes of keys
-- among the entries. Entries go by raising `pruned_to`, the lowest index that is left, and in no
-- other way.
create table log_segment (
    tenant text collate "C" not null,
    first bigint not null,
    count bigint not null,
    root bytea not null,
    tile bytea not null,
    rotations text collate "C" not null,
    file text collate "C" not null,
    bytes bigint not null,
    sha256 text collate "C" not null,
    sealed_seq bigint not null,
    pruned_to bigint not null,
    pruned_seq bigint,
    primary key (tenant, first),
    check (count >= 256 and first % count = 0),
    check (pruned_to between first and first + count and pruned_to % 256 = 0),
    check ((pruned_to = first) = (pruned_seq is null)),
    check (length(root) = 32 and length(tile) = count / 256 * 32)
);

-- Whether such an entry is there, and its data has this number and this text.
create function entry_says(of_tenant text, at_seq bigint, of_kind text, field text, number bigint,
    digest text) returns boolean language sql stable as $$
    select exists (select from sayso.log_entry e where e.tenant = of_tenant and e.seq = at_seq
        and e.kind = of_kind
        and (e.body::jsonb -> 'data' ->> field)::bigint = number
        and (digest is null or e.body::jsonb -> 'data' ->> 'sha256' = digest))
$$;

create function log_segment_is_sealed() returns trigger language plpgsql as $$
begin
    if new.pruned_to <> new.first
        or new.first <> (select coalesce(max(first + count), 0) from sayso.log_segment
            where tenant = new.tenant)
        or not sayso.entry_says(
            new.tenant, new.sealed_seq, 'log.sealed', 'first', new.first, new.sha256)
    then
        raise exception 'log_segment: the next segment has to be sealed by an entry of its own'
            using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end
$$;
create trigger log_segment_is_sealed before insert on log_segment
    for each row execute function log_segment_is_sealed();

create trigger log_segment_is_never_deleted before delete on log_segment
    for each row execute function refuse('log_segment: segments are never deleted');
create trigger log_segment_is_never_emptied before truncate on log_segment
    for each statement execute function refuse('log_segment: segments are never deleted');

-- Two changes are let through: another file in the place of a lost one, before anything of the
-- segment is pruned, and the pruning, a part at a time; each with its entry.
create function log_segment_keeps_what_it_says() returns trigger language plpgsql as $$
begin
    if (new.tenant, new.first, new.count, new.root, new.tile, new.rotations)
            is distinct from
            (old.tenant, old.first, old.count, old.root, old.tile, old.rotations)
        or (new.pruned_to = old.pruned_to and (
            old.pruned_seq is not null or new.pruned_seq is not null
            or not sayso.entry_says(
                new.tenant, new.sealed_seq, 'log.sealed', 'first', new.first, new.sha256)))
        or (new.pruned_to <> old.pruned_to and (
            new.pruned_to < old.pruned_to
            or (new.file, new.bytes, new.sha256, new.sealed_seq)
                is distinct from (old.file, old.bytes, old.sha256, old.sealed_seq)
            or new.pruned_seq < new.first + new.count
            or not sayso.entry_says(
                new.tenant, new.pruned_seq, 'log.pruned', 'size', new.pruned_to, null)
            or exists (select from sayso.log_segment where tenant = new.tenant
                and first < new.first and pruned_to < first + count)
            or exists (select from sayso.hold
                where tenant = new.tenant and released_at is null)))
    then
        raise exception 'log_segment: it is pruned in order, with an entry, and under no hold'
            using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end
$$;
create trigger log_segment_keeps_what_it_says before update on log_segment
    for each row execute function log_segment_keeps_what_it_says();

-- The only thing that deletes entries, with the owner's rights: no login has them.
create function log_segment_is_pruned() returns trigger language plpgsql
    security definer set search_path = sayso, pg_temp as $$
begin
    delete from sayso.log_entry where tenant = new.tenant
        and seq >= old.pruned_to and seq < new.pruned_to;
    return null;
end
$$;
revoke all on function log_segment_is_pruned() from public;
create trigger log_segment_is_pruned after update of pruned_to on log_segment
    for each row when (new.pruned_to > old.pruned_to) execute function log_segment_is_pruned();

-- Entries go with their segment, and none that is younger than 183 days by the server's clock.
create function log_entry_is_only_pruned() returns trigger language plpgsql as $$
begin
    if old.at is null
        or old.at > (extract(epoch from clock_timestamp() - interval '183 days') * 1000000)::bigint
        or not exists (select from sayso.log_segment where tenant = old.tenant
            and old.seq >= first and old.seq < pruned_to)
    then
        raise exception 'log_entry: entries are deleted only with their sealed segment'
            using errcode = 'integrity_constraint_violation';
    end if;
    return old;
end
$$;
drop trigger log_entry_is_never_deleted on log_entry;
create trigger log_entry_is_only_pruned before delete on log_entry
    for each row execute function log_entry_is_only_pruned();

-- The first index is free again once it is pruned, and must not be taken a second time.
create function log_entry_begins_once() returns trigger language plpgsql as $$
begin
    if exists (select from sayso.log_segment where tenant = new.tenant) then
        raise exception 'log_entry: the next index of the tenant is another one'
            using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end
$$;
create trigger log_entry_begins_once before insert on log_entry
    for each row when (new.seq = 0) execute function log_entry_begins_once();

-- What has ended points at the entry that tells of the pruning, once its own is gone. Whether a
-- change does only that: the name of the column, and of the column with the tenant of the log.
create function only_repointed(was jsonb, becomes jsonb, field text, home text)
returns boolean language sql stable as $$
    select (becomes ->> field)::bigint > (was ->> field)::bigint
        and becomes - field = was - field
        and exists (select from sayso.log_entry where tenant = becomes ->> home
            and seq = (becomes ->> field)::bigint and kind = 'log.pruned')
$$;

create or replace function stop_moves() returns trigger language plpgsql as $$
begin
    if (new.last_seq <= old.last_seq or old.released_at is not null)
        and not (old.released_at is not null and old.erased_seq is null and exists (
            select from sayso.log_entry where tenant = new.home and seq = new.erased_seq
                and kind = 'subject.erasing'))
        and not (old.released_at is not null
            and sayso.only_repointed(to_jsonb(old), to_jsonb(new), 'last_seq', 'home'))
    then
        raise exception 'stop: a change needs its own audit entry, and a released one stays so'
            using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end
$$;

create function hold_moves() returns trigger language plpgsql as $$
begin
    if not (old.released_at is not null
        and sayso.only_repointed(to_jsonb(old), to_jsonb(new), 'last_seq', 'tenant'))
    then
        raise exception 'hold: a change needs its own audit entry, and a released one stays so'
            using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end
$$;
drop trigger hold_moves_with_an_entry on hold;
create trigger hold_moves_with_an_entry before update on hold
    for each row when (new.last_seq <= old.last_seq or old.released_at is not null
        or new.pseudonym is distinct from old.pseudonym)
    execute function hold_moves();

create function erasure_moves() returns trigger language plpgsql as $$
begin
    if not (old.done_seq is not null
        and sayso.only_repointed(to_jsonb(old), to_jsonb(new), 'begun_seq', 'tenant'))
    then
        raise exception 'erasure: what is erased stays erased'
            using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end
$$;
drop trigger erasure_is_never_taken_back on erasure;
create trigger erasure_is_never_taken_back before update on erasure
    for each row when (old.done_seq is not null or new.pseudonym is distinct from old.pseudonym
        or new.begun_seq is distinct from old.begun_seq)
    execute function erasure_moves();

-- An entry that goes is looked for in each table that may point at it.
create index action_by_entry on action (tenant, last_seq);
create index approval_by_entry on approval (tenant, last_seq);
create index request_by_entry on request (tenant, last_seq);
create index token_by_entry on token (tenant, last_seq);
create index stop_by_entry on stop (home, last_seq);
create index hold_by_entry on hold (tenant, last_seq);
create index erasure_by_entry on erasure (tenant, begun_seq);

grant select, insert, update on log_segment to sayso_app;
grant select on log_segment to sayso_auditor;

select guard_tables();
