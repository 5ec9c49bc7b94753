-- What a new database is made of, in one transaction. A tenant stands in every table and every key.
-- Times are whole microseconds since 1970 (UTC); JSON is text, compared by its bytes.
--
-- Written once for SQLite and PostgreSQL (docs/decisions/0121): `sayso.store.dialect` puts each
-- store's types, refusals and rights in. What only one of them has stands between `-- sqlite:` or
-- `-- postgres:` and `-- both:`. This file is never changed again; a change is the next number.

-- postgres:
-- Refusals. The message is the trigger's argument.
create function refuse() returns trigger language plpgsql as $$
begin
    raise exception '%', tg_argv[0] using errcode = 'integrity_constraint_violation';
end
$$;

-- Refuses a change unless it is part of a repair: rows that somebody changed by hand are written
-- again as the log says, under `audit.repaired`, which is the newest entry of the tenant's log then.
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

-- As in SQLite, so that both stores run the same queries.
create function instr(whole text, part text) returns integer
    language sql immutable parallel safe return strpos(whole, part);

-- Which group of units a writer has committed last: asked when the answer to a commit was lost.
create table commit_mark (
    writer text primary key,
    number integer not null,
    at timestamptz not null default now()
);

-- both:
create table meta (
    key text primary key,
    value text not null
);

-- Whose database it is, and the keys that new logs may begin with.
create trigger meta_keeps_what_it_says before update on meta
    when (old.key = 'deployment' or old.key like 'signing_key/%')
    refuse 'meta: this is never changed';

-- What rows and entries mean here, by the release that first wrote them so. A release that gives
-- them another meaning adds the next number in a file of its own; see `FORMAT`.
insert into meta (key, value) values ('format/000001', '0.1.0');

-- # The log

-- The audit log: one RFC 6962 tree per tenant; the bytes of `body` are what is hashed.
-- sqlite:
create table log_entry (
    id integer primary key,
    tenant text not null,
    seq integer not null,
    body text not null,
    at integer generated always as (body ->> '$.at') virtual,
    kind text generated always as (body ->> '$.kind') virtual,
    actor text generated always as (body ->> '$.actor.id') virtual,
    action_id text generated always as (body ->> '$.action') virtual,
    request_id text generated always as (body ->> '$.request') virtual,
    approval_id text generated always as (body ->> '$.approval') virtual,
    subject text generated always as (body ->> '$.subject') virtual,
    name text generated always as (body ->> '$.name') virtual,
    status text generated always as (body ->> '$.status') virtual,
    rule text generated always as (body ->> '$.rule') virtual,
    digest text generated always as (body ->> '$.digest') virtual,
    amount_minor integer generated always as (body ->> '$.amount.amount_minor') virtual,
    currency text generated always as (body ->> '$.amount.currency') virtual,
    unique (tenant, seq)
);

-- NOTE: delete triggers do not fire for INSERT OR REPLACE, so the insert trigger refuses every
-- index but the next one, which also leaves no gap.
create trigger log_entry_is_dense before insert on log_entry
when new.seq is not (select coalesce(max(seq), -1) + 1 from log_entry where tenant = new.tenant)
begin
    select raise(abort, 'log_entry: the next index of the tenant is another one');
end;

-- postgres:
create table log_entry (
    tenant text not null,
    seq integer not null,
    body text not null,
    at integer,
    kind text,
    actor text,
    action_id text,
    request_id text,
    approval_id text,
    subject text,
    name text,
    status text,
    rule text,
    digest text,
    amount_minor integer,
    currency text,
    primary key (tenant, seq)
);

-- Refuses every index but the tenant's next one, and fills the columns beside the body from it.
-- The one before must be there, and the key forbids a second: so there is no gap. Looking for the
-- highest instead would leave the choice of a plan, which a session keeps while the log grows.
-- NOTE: jsonb knows no NUL; none of the filled columns may hold one, and elsewhere it is skipped.
create function log_entry_is_dense() returns trigger language plpgsql as $$
declare
    said jsonb;
begin
    if new.seq is null or new.seq < 0 or (new.seq > 0 and not exists
        (select from sayso.log_entry where tenant = new.tenant and seq = new.seq - 1))
    then
        raise exception 'log_entry: the next index of the tenant is another one'
            using errcode = 'integrity_constraint_violation';
    end if;
    said := (case when strpos(new.body, '\u0000') = 0 then new.body
        else replace(new.body, '\u0000', '\ufffd') end)::jsonb;
    new.at := (said ->> 'at')::bigint;
    new.kind := said ->> 'kind';
    new.actor := said -> 'actor' ->> 'id';
    new.action_id := said ->> 'action';
    new.request_id := said ->> 'request';
    new.approval_id := said ->> 'approval';
    new.subject := said ->> 'subject';
    new.name := said ->> 'name';
    new.status := said ->> 'status';
    new.rule := said ->> 'rule';
    new.digest := said ->> 'digest';
    new.amount_minor := (said -> 'amount' ->> 'amount_minor')::bigint;
    new.currency := said -> 'amount' ->> 'currency';
    return new;
end
$$;

create trigger log_entry_is_dense before insert on log_entry
    for each row execute function log_entry_is_dense();

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
create trigger log_entry_is_never_emptied before truncate on log_entry
    for each statement execute function refuse('log_entry: entries are never deleted');

-- Whether such an entry is there, and its data has this number and this text.
create function entry_says(of_tenant text, at_seq bigint, of_kind text, field text, number bigint,
    digest text) returns boolean language sql stable as $$
    select exists (select from sayso.log_entry e where e.tenant = of_tenant and e.seq = at_seq
        and e.kind = of_kind
        and (e.body::jsonb -> 'data' ->> field)::bigint = number
        and (digest is null or e.body::jsonb -> 'data' ->> 'sha256' = digest))
$$;

-- both:
create index log_entry_by_action on log_entry (tenant, action_id, seq) where action_id is not null;
create index log_entry_by_request on log_entry (tenant, request_id, seq)
    where request_id is not null;
create index log_entry_by_subject on log_entry (tenant, subject, seq) where subject is not null;
create index log_entry_by_kind on log_entry (tenant, kind, seq);
-- What a caller's idempotency key stands for is said by the log, as a MAC in the first entry about
-- it: whoever changes or deletes the row has a retry refused, and not done once more.
create index log_entry_by_caller_key
    on log_entry (tenant, substr(body, instr(body, '"caller_key":"') + 14, 48))
    where instr(body, '"caller_key":"') > 0;

create trigger log_entry_is_never_changed before update on log_entry
    refuse 'log_entry: entries are never changed';

-- The newest signed head of each tenant's tree, written with the entries it covers.
create table log_head (
    tenant text primary key,
    size integer not null,
    frontier blob not null,
    note text not null
);

create trigger log_head_never_shrinks before update on log_head
    when (new.size < old.size or new.tenant is not old.tenant)
    refuse 'log_head: a tree never shrinks';
create trigger log_head_is_never_deleted before delete on log_head
    refuse 'log_head: heads are never deleted';

-- A key is valid until the next one begins, so no row is ever changed.
create table log_key (
    tenant text not null,
    vkey text not null,
    from_size integer not null,
    to_size integer,
    primary key (tenant, vkey)
);

create trigger log_key_is_never_changed before update on log_key
    refuse 'log_key: keys are never changed';
create trigger log_key_is_never_deleted before delete on log_key
    refuse 'log_key: keys are never deleted';

grant select, insert on meta, log_entry, log_key to sayso_app;
grant select, insert, update on log_head to sayso_app;
grant select on meta, log_entry, log_head, log_key to sayso_auditor;

-- The newest checkpoint that each place took, with the cosignatures it got there.
create table publication (
    tenant text not null,
    place text not null,
    size integer not null,
    frontier blob not null,
    note text not null,
    at integer not null,
    primary key (tenant, place)
);

create trigger publication_never_shrinks before update on publication
    when (new.size < old.size or new.tenant is not old.tenant or new.place is not old.place)
    refuse 'publication: what was published is not taken back';

grant select, insert, update on publication to sayso_app;
grant select on publication to sayso_auditor;

-- Time stamps (RFC 3161) of published heads: when they existed. `token` is over the exact bytes of
-- `note`. The first one of a size stays, since it says the earliest time.
create table log_timestamp (
    tenant text not null,
    place text not null,
    size integer not null,
    note text not null,
    token blob not null,
    at integer not null,
    primary key (tenant, place, size),
    check (length(note) between 1 and 16384 and length(token) between 1 and 65536)
);

-- sqlite:
-- NOTE: `insert or replace` deletes without asking the trigger below.
create trigger log_timestamp_is_given_once before insert on log_timestamp
when exists (select 1 from log_timestamp
    where tenant = new.tenant and place = new.place and size = new.size)
begin
    select raise(ignore);
end;

-- both:
create trigger log_timestamp_is_never_changed before update on log_timestamp
    refuse 'log_timestamp: time stamps are never changed';
create trigger log_timestamp_is_never_deleted before delete on log_timestamp
    refuse 'log_timestamp: time stamps are never deleted';

grant select, insert on log_timestamp to sayso_app;
grant select on log_timestamp to sayso_auditor;

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
);

create trigger log_segment_is_never_deleted before delete on log_segment
    refuse 'log_segment: segments are never deleted';

grant select, insert, update on log_segment to sayso_app;
grant select on log_segment to sayso_auditor;

-- Two changes of a segment are let through: another file in the place of a lost one, before anything
-- of it is pruned, and the pruning, a part at a time; each with its entry. Entries go with their
-- segment, and none that is younger than 183 days by this machine's clock.
-- sqlite:
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

create trigger log_entry_is_only_pruned before delete on log_entry
when old.at is null or old.at > (unixepoch() - 183 * 86400) * 1000000
    or not exists (select 1 from log_segment where tenant = old.tenant
        and old.seq >= first and old.seq < pruned_to)
begin
    select raise(abort, 'log_entry: entries are deleted only with their sealed segment');
end;

-- postgres:
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
create trigger log_entry_is_only_pruned before delete on log_entry
    for each row execute function log_entry_is_only_pruned();

-- What has ended points at the entry that tells of the pruning, once its own is gone. Whether a
-- change does only that: the name of the column, and of the column with the tenant of the log.
create function only_repointed(was jsonb, becomes jsonb, field text, home text)
returns boolean language sql stable as $$
    select (becomes ->> field)::bigint > (was ->> field)::bigint
        and becomes - field = was - field
        and exists (select from sayso.log_entry where tenant = becomes ->> home
            and seq = (becomes ->> field)::bigint and kind = 'log.pruned')
$$;

-- both:
-- How far a process has followed a log, and what it said of who may do what, sealed with a key that
-- is not in the database. It only saves the next process some reading: what it goes by is the log.
create table authority (
    tenant text not null primary key,
    size integer not null,
    note text not null,
    seal blob not null
);

grant select, insert, update on authority to sayso_app;

-- # Customers

-- Who the subjects are, and the keys of their personal text. Erasing a subject deletes this row.
create table subject (
    tenant text not null,
    id text not null,
    pseudonym text not null,
    key blob not null,
    created_at integer not null,
    primary key (tenant, id),
    unique (tenant, pseudonym)
);

-- Personal text, encrypted with its subject's key; entries name it by digest of the ciphertext.
create table personal (
    tenant text not null,
    ref text not null,
    pseudonym text not null,
    nonce blob not null,
    ciphertext blob not null,
    primary key (tenant, ref)
);

create index personal_by_subject on personal (tenant, pseudonym);

grant select, insert, delete on personal, subject to sayso_app;
-- Customers' keys are wrapped by a key outside, which is exchanged now and then.
grant update (key) on subject to sayso_app;

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
);

create unique index erasure_under_way on erasure (tenant, subject_id)
    where subject_id is not null;

-- sqlite:
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

-- postgres:
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
create trigger erasure_is_never_taken_back before update on erasure
    for each row when (old.done_seq is not null or new.pseudonym is distinct from old.pseudonym
        or new.begun_seq is distinct from old.begun_seq)
    execute function erasure_moves();

-- both:
create trigger erasure_is_never_deleted before delete on erasure
    refuse 'erasure: erasures are never deleted';

-- Legal holds: nothing of the subject is erased or swept while one is in force. It ends by two
-- people: one asks, another one confirms. `key_sha256` and its like are of the calls by which it was
-- placed and each word about its end was said, so that the same call sent again finds them; hashes,
-- since a caller's key may name the customer.
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
    key_sha256 text,
    asked_key_sha256 text,
    released_key_sha256 text,
    primary key (tenant, id),
    foreign key (tenant, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred,
    check ((released_at is null) = (released_by is null)),
    check (released_by is null or (asked_by is not null and asked_by <> released_by))
);

create index hold_in_force on hold (tenant, pseudonym) where released_at is null;
create unique index hold_by_key on hold (tenant, key_sha256) where key_sha256 is not null;

-- sqlite:
create trigger hold_moves_with_an_entry before update on hold
when (new.last_seq <= old.last_seq or old.released_at is not null
        or new.pseudonym is not old.pseudonym or new.key_sha256 is not old.key_sha256)
    and not (old.released_at is not null and new.last_seq > old.last_seq
        and (new.tenant, new.id, new.pseudonym, new.reason, new.placed_by, new.placed_at,
            new.asked_by, new.asked_at, new.released_by, new.released_at, new.key_sha256,
            new.asked_key_sha256, new.released_key_sha256)
        is (old.tenant, old.id, old.pseudonym, old.reason, old.placed_by, old.placed_at,
            old.asked_by, old.asked_at, old.released_by, old.released_at, old.key_sha256,
            old.asked_key_sha256, old.released_key_sha256)
        and exists (select 1 from log_entry where tenant = new.tenant and seq = new.last_seq
            and kind = 'log.pruned'))
begin
    select raise(abort, 'hold: a change needs its own audit entry, and a released one stays so');
end;

-- postgres:
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
create trigger hold_moves_with_an_entry before update on hold
    for each row when (new.last_seq <= old.last_seq or old.released_at is not null
        or new.pseudonym is distinct from old.pseudonym)
    execute function hold_moves();

-- both:
create trigger hold_is_never_deleted before delete on hold
    refuse 'hold: holds are never deleted';

grant select, insert, update on erasure, hold to sayso_app;
grant select on erasure, hold to sayso_auditor;

-- # Requests and actions

-- A row whose personal part is gone names the entry that tells of it (`erased_seq`); its ids and its
-- digests stay. `subject_id` then holds the pseudonym, and `idempotency_key` a hash of what it was.

-- `priority` is 0 to 9. `wakes` counts what was handed to the fleet's engine, and makes the ids of
-- its deliveries; `nudge_at` is when a worker's sweep may take the row itself, and `nudges` how
-- often one has since it became due. These three are used on PostgreSQL only.
-- `question` is what the request waits for an answer to, as typed data; `turns` lists the sealed
-- turns that came after the first message; `conversation` is the caller's own name for the thread,
-- by which a later message finds the request that waits for it.
create table request (
    tenant text not null,
    id text not null,
    idempotency_key text not null,
    fingerprint text not null,
    requester text not null,
    subject_id text not null,
    assurance text not null,
    messages_ref text not null,
    words_ref text not null,
    status text not null,
    planner text,
    plan text,
    reply_ref text,
    tokens integer not null default 0,
    cost_micro_usd integer not null default 0,
    traceparent text,
    fence integer not null default 0,
    attempts integer not null default 0,
    due_at integer,
    created_at integer not null,
    updated_at integer not null,
    last_seq integer not null,
    priority integer not null default 5,
    wakes integer not null default 0,
    nudges integer not null default 0,
    nudge_at integer not null default 0,
    erased_seq integer,
    question text,
    turns text,
    conversation text,
    primary key (tenant, id),
    unique (tenant, idempotency_key),
    foreign key (tenant, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred
);

-- `after` names the steps that this one waits for, and `on_failure` says what happens to the others
-- when one fails; `undoes` is the action that this one takes back; null for a step of its own.
-- `held_by` is what an approved action waits for while it is off the due index: a stop, or another
-- action. `occupies` is the object at the provider that the action has in its hands: set while its
-- call may be under way or its outcome is unknown, and null else.
create table action (
    tenant text not null,
    id text not null,
    idempotency_key text not null,
    fingerprint text not null,
    requester text not null,
    request_id text,
    step text,
    after text not null default '[]',
    name text not null,
    subject_id text not null,
    assurance text not null,
    args text not null,
    reason_ref text,
    planner text not null,
    status text not null,
    revision integer not null default 1,
    snapshot text,
    digest text,
    amount_minor integer,
    currency text,
    judgement text,
    error text,
    receipt text,
    call_key text,
    call_key_until integer,
    called_at integer,
    fence integer not null default 0,
    attempts integer not null default 0,
    due_at integer,
    traceparent text,
    created_at integer not null,
    updated_at integer not null,
    last_seq integer not null,
    held_by text,
    occupies text,
    on_failure text not null default 'continue',
    undoes text,
    priority integer not null default 5,
    wakes integer not null default 0,
    nudges integer not null default 0,
    nudge_at integer not null default 0,
    erased_seq integer,
    primary key (tenant, id),
    unique (tenant, idempotency_key),
    foreign key (tenant, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred
);

create index request_due on request (due_at) where due_at is not null;
create index request_by_subject on request (tenant, subject_id, id);
create index request_waiting on request (tenant, subject_id, id) where status = 'needs_customer';
create index request_for_people on request (tenant, id)
    where status in ('handed_over', 'needs_customer');
create index action_due on action (due_at) where due_at is not null;
create index action_by_request on action (tenant, request_id, id) where request_id is not null;
create index action_by_subject on action (tenant, subject_id, name, created_at);
create index action_by_status on action (tenant, status, id);
create index action_occupies on action (tenant, occupies) where occupies is not null;
-- What waits for one action is looked for at the end of every call, so the tenant stands in it, too:
-- else SQLite takes an index that begins with the tenant, and walks all of its actions.
create index action_held on action (held_by, tenant) where held_by is not null and due_at is null;
-- Holds all that is asked about a customer's past, so that no row is read for it; what a provider
-- has taken on counts as what it has done.
-- NOTE: a query uses the index only with these very states.
create index action_history on action (tenant, subject_id, name, created_at, id, currency,
    amount_minor)
    where status in ('pending_approval', 'approved', 'executing', 'accepted', 'unknown', 'succeeded',
        'stale');
-- Each claim asks what was settled for its customer since the provider was read.
create index action_settled on action (tenant, subject_id, updated_at) where call_key is not null;
-- What an amount is compared with before people see it.
create index action_amounts on action (tenant, name, currency, id, amount_minor)
    where status = 'succeeded' and amount_minor is not null;
-- What was done otherwise than was approved is found without reading all that was done.
create index action_unfitting on action (tenant, id)
    where status = 'succeeded' and error is not null;
-- What has been there for longer than it is kept. `created_at` never changes, so that no move of a
-- row touches these.
create index action_by_age on action (tenant, created_at) where erased_seq is null;
create index request_by_age on request (tenant, created_at) where erased_seq is null;

-- What is due is taken in this order: each step of priority counts as 30 s of waiting, so that
-- nothing waits for ever. NOTE: a query uses the index only with this very expression.
-- sqlite:
create index request_rank on request (due_at - priority * 30000000) where due_at is not null;
create index action_rank on action (due_at - priority * 30000000) where due_at is not null;
-- postgres:
create index request_rank on request ((due_at - priority * 30000000)) where due_at is not null;
create index action_rank on action ((due_at - priority * 30000000)) where due_at is not null;

-- both:
create trigger action_is_never_deleted before delete on action
    refuse 'action: actions are never deleted';
-- INVARIANT: what is erased never runs, and gets nothing personal again.
create trigger action_stays_erased before update of status, args, snapshot, subject_id on action
    when (old.erased_seq is not null)
    refuse 'action: what is erased is never changed';

-- A snapshot changes with an entry of the action's own, or goes with one of an erasure.
-- sqlite:
create trigger action_moves_with_an_entry before update of status, revision, snapshot on action
when new.last_seq <= old.last_seq
    and (new.status is not old.status or new.revision is not old.revision
        or (new.snapshot is not old.snapshot and new.erased_seq is old.erased_seq))
    and (new.snapshot is not old.snapshot or 'audit.repaired' is not (select kind from log_entry
        where tenant = new.tenant order by seq desc limit 1))
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

create trigger request_is_erased_with_an_entry before update of erased_seq on request
when old.erased_seq is not null or not exists (
    select 1 from log_entry where tenant = new.tenant and seq = new.erased_seq
        and kind in ('subject.erasing', 'retention.swept'))
begin
    select raise(abort, 'request: an erasure needs its audit entry, and is never taken back');
end;

-- postgres:
create trigger action_moves_with_an_entry before update of status, revision, snapshot on action
    for each row when (new.last_seq <= old.last_seq
        and (new.status is distinct from old.status or new.revision is distinct from old.revision
            or (new.snapshot is distinct from old.snapshot
                and new.erased_seq is not distinct from old.erased_seq)))
    execute function refuse_but_repair('action: a change of state needs its own audit entry');
create trigger action_is_erased_with_an_entry before update of erased_seq on action
    for each row execute function erased_with_an_entry(
        'action: an erasure needs its audit entry, and is never taken back');
create trigger request_is_erased_with_an_entry before update of erased_seq on request
    for each row execute function erased_with_an_entry(
        'request: an erasure needs its audit entry, and is never taken back');

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

-- both:
-- The keys of customers' answers (their SHA-256), so that one that is sent again is no second answer.
create table request_answer (
    tenant text not null,
    key_sha256 text not null,
    request_id text not null,
    fingerprint text not null,
    primary key (tenant, key_sha256),
    foreign key (tenant, request_id) references request (tenant, id)
);

create index request_answer_of on request_answer (tenant, request_id);

grant select, insert, update on request, action, request_answer to sayso_app;
grant select on action to sayso_auditor;

-- # Approvals

-- `reminded_seq` and `escalated_seq` are the entries that say that people were reminded of the present
-- revision, or somebody else asked. `request_id` is of the approval's action; null for an action of
-- its own: all approvals of one plan are answered together, and an inbox shows them as one.
create table approval (
    tenant text not null,
    id text not null,
    action_id text not null,
    revision integer not null,
    status text not null,
    digest text not null,
    view text not null,
    roles text not null,
    requester text not null,
    expires_at integer not null,
    created_at integer not null,
    updated_at integer not null,
    last_seq integer not null,
    reminded_seq integer,
    escalated_seq integer,
    erased_seq integer,
    request_id text,
    primary key (tenant, id),
    foreign key (tenant, action_id) references action (tenant, id),
    foreign key (tenant, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred
);

create index approval_by_status on approval (tenant, status, id);
create index approval_by_action on approval (tenant, action_id, id);
create index approval_by_request on approval (tenant, request_id, id)
    where request_id is not null;
-- What waits, by who is asked, the soonest first.
-- NOTE: queries use these only with the very same conditions.
create index approval_waiting on approval (tenant, roles, expires_at, id)
    where status = 'pending';
create index approval_escalated on approval (tenant, expires_at, id)
    where status = 'pending' and escalated_seq is not null;
create index approval_decided on approval (tenant, updated_at, id)
    where status <> 'pending';

-- One row per person and revision: the primary key is what makes a quorum count people.
create table vote (
    tenant text not null,
    approval_id text not null,
    revision integer not null,
    person text not null,
    decision text not null,
    digest text not null,
    via text not null,
    at integer not null,
    primary key (tenant, approval_id, revision, person),
    foreign key (tenant, approval_id) references approval (tenant, id)
);

-- sqlite:
create trigger approval_moves_with_an_entry before update of status, revision, digest on approval
when new.last_seq <= old.last_seq
    and (new.status is not old.status or new.revision is not old.revision
        or new.digest is not old.digest)
    and 'audit.repaired' is not (select kind from log_entry
        where tenant = new.tenant order by seq desc limit 1)
begin
    select raise(abort, 'approval: a change of state needs its own audit entry');
end;

create trigger approval_is_erased_with_an_entry before update of erased_seq on approval
when old.erased_seq is not null or not exists (
    select 1 from log_entry where tenant = new.tenant and seq = new.erased_seq
        and kind in ('subject.erasing', 'retention.swept'))
begin
    select raise(abort, 'approval: an erasure needs its audit entry, and is never taken back');
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
create trigger approval_moves_with_an_entry before update of status, revision, digest on approval
    for each row when (new.last_seq <= old.last_seq
        and (new.status is distinct from old.status or new.revision is distinct from old.revision
            or new.digest is distinct from old.digest))
    execute function refuse_but_repair('approval: a change of state needs its own audit entry');
create trigger approval_is_erased_with_an_entry before update of erased_seq on approval
    for each row execute function erased_with_an_entry(
        'approval: an erasure needs its audit entry, and is never taken back');
create trigger vote_is_only_repaired before update on vote
    for each row execute function refuse_but_repair('vote: votes are never changed');
create trigger vote_is_only_taken_back_by_a_repair before delete on vote
    for each row execute function refuse_but_repair('vote: votes are never deleted');

-- both:
grant select, insert, update on approval to sayso_app;
grant select on approval to sayso_auditor;
-- Votes: what the triggers let through, and nothing else.
grant select, insert, update, delete on vote to sayso_app;

-- Test cards: made of a solution that was decided, with a mistake in it. None of them is an action or
-- an approval, so that nothing can be carried out by one; what is shown of it is made of its source.
create table canary (
    tenant text not null,
    id text not null,
    number integer not null,
    source_id text not null,
    step text not null,
    mistake text not null,
    roles text not null,
    digest text not null,
    status text not null,
    person text,
    answer text,
    via text,
    expires_at integer not null,
    created_at integer not null,
    updated_at integer not null,
    last_seq integer not null,
    primary key (tenant, id)
);

create unique index canary_number on canary (tenant, number);
create index canary_open on canary (tenant, expires_at, id) where status = 'open';

grant select, insert, update on canary to sayso_app;
grant select on canary to sayso_auditor;

-- What people have to take: who has taken it, and what they have noted. What it is about is a row of
-- its own (a request or an action); without a row here nobody has taken it yet.
create table work (
    tenant text not null,
    about text not null,
    assignee text,
    ended_at integer,
    updated_at integer not null,
    last_seq integer not null,
    primary key (tenant, about)
);

create table work_note (
    tenant text not null,
    about text not null,
    seq integer not null,
    person text not null,
    at integer not null,
    ref text not null,
    primary key (tenant, about, seq)
);

grant select, insert, update on work to sayso_app;
grant select, insert on work_note to sayso_app;
-- What people have taken and noted is held against the log, by an auditor as well.
grant select on work, work_note to sayso_auditor;

-- # What holds actions back

-- The stop switch: what must not be carried out now, and what waits for it or for its own object.
-- `tenant` is `*` for a stop of every tenant; `home` is the tenant whose log tells of it.
-- A stop ends by two people: one asks, another one confirms.
create table stop (
    tenant text not null,
    id text not null,
    home text not null,
    scope text not null
        check (scope in ('all', 'tenant', 'connector', 'action', 'customer')),
    target text not null,
    reason text not null,
    engaged_by text not null,
    engaged_at integer not null,
    asked_by text,
    asked_at integer,
    asked_key text,
    released_by text,
    released_at integer,
    released_key text,
    idempotency_key text not null,
    last_seq integer not null,
    erased_seq integer,
    primary key (tenant, id),
    unique (tenant, idempotency_key),
    foreign key (home, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred,
    check ((scope = 'all') = (tenant = '*')),
    check (tenant in (home, '*')),
    check ((released_at is null) = (released_by is null)),
    check (released_by is null or (asked_by is not null and asked_by <> released_by))
);

create index stop_by_target on stop (tenant, target) where scope = 'customer';
-- The stops in force by what they hold, and apart from them those that hold everything.
create index stop_in_force on stop (tenant, scope, target) where released_at is null;
create index stop_of_all on stop (tenant)
    where released_at is null and scope not in ('connector', 'action', 'customer');

-- sqlite:
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

-- postgres:
create function stop_moves() returns trigger language plpgsql as $$
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
create trigger stop_moves_with_an_entry before update on stop
    for each row execute function stop_moves();

-- both:
create trigger stop_is_never_deleted before delete on stop
    refuse 'stop: stops are never deleted';

grant select, insert, update on stop to sayso_app;
grant select on stop to sayso_auditor;
-- A stop of every tenant holds each of them, so each may read it; only a unit of `*` writes it.
create policy of_every_tenant on stop for select using (tenant = '*');

-- How much of each limit is used. `held` is reserved by what is approved, running or unknown;
-- `settled` has been moved. A counter is the sum of its uses that are not released.
-- `tenant` is `*` where all tenants count together. A key of a customer or an instrument is hashed.
-- `currency` is empty for a limit on how many, and `bucket` is when its time begins.
create table limit_counter (
    tenant text not null,
    limit_id text not null,
    key text not null,
    currency text not null,
    bucket integer not null,
    count integer not null check (count >= 0),
    held_minor integer not null check (held_minor >= 0),
    settled_minor integer not null check (settled_minor >= 0),
    told integer not null default 0,
    primary key (tenant, limit_id, key, currency, bucket)
);

-- What one revision of an action uses of a limit. `home` is the action's tenant.
-- `returned` was settled and taken back: its amount is free again, and its count stays.
-- `why`: it `fits`; people `agreed` beyond it; it came `late`, when it had ended as not done; or it
-- was there `before` the limit.
create table limit_use (
    tenant text not null,
    home text not null,
    action_id text not null,
    revision integer not null,
    limit_id text not null,
    key text not null,
    currency text not null,
    bucket integer not null,
    count integer not null,
    minor integer not null check (minor >= 0),
    state text not null check (state in ('held', 'settled', 'returned', 'released')),
    why text not null check (why in ('fits', 'agreed', 'late', 'before')),
    last_seq integer not null,
    primary key (home, action_id, revision, limit_id, key, currency),
    foreign key (home, action_id) references action (tenant, id)
);

create index limit_use_by_counter on limit_use (tenant, limit_id, key, currency, bucket);

grant select, insert, update, delete on limit_counter, limit_use to sayso_app;
grant select on limit_counter, limit_use to sayso_auditor;
-- Each log is judged by what is used of the limits that all tenants share, so each may read its own.
create policy of_the_home on limit_use for select using (home = current_setting('app.tenant'));

-- What models cost, by day and by whose budget it is: `tenant`, `customer:` and a digest, `request:`
-- and its id (whose day is empty). What is set aside for a call that is under way counts as taken.
create table spending (
    tenant text not null,
    day text not null,
    scope text not null,
    micro_usd integer not null,
    primary key (tenant, day, scope)
);

grant select, insert, update, delete on spending to sayso_app;

-- Token buckets that all workers share: when the next call would be on time (GCRA), in µs.
create table rate (
    bucket text not null primary key,
    next_at integer not null
);

grant select, insert, update on rate to sayso_app;

-- # Policy and roll-out

-- The policy's versions: what decides about money, as somebody put it in force. The highest number
-- is the one in force; each was activated by an entry of `home`'s log, at `last_seq`.
-- There is one policy for the whole database, so each row's tenant is `*`, as a stop's of all.
create table policy_version (
    tenant text not null check (tenant = '*'),
    number integer not null check (number >= 1),
    home text not null,
    sha256 text not null check (length(sha256) = 64),
    parent integer,
    direction text not null check (direction in ('first', 'same', 'looser', 'tighter')),
    activated_by text not null,
    asked_by text,
    via text not null,
    note text not null,
    activated_at integer not null,
    last_seq integer not null,
    content text not null,
    primary key (tenant, number),
    check (parent is null or parent = number - 1),
    check ((parent is null) = (number = 1))
);

-- sqlite:
-- NOTE: `insert or replace` deletes without asking the trigger below.
create trigger policy_version_is_the_next before insert on policy_version
when new.number is not (select coalesce(max(number), 0) + 1 from policy_version)
    or not exists (select 1 from log_entry e where e.tenant = new.home and e.seq = new.last_seq
        and e.kind = 'policy.activated' and e.body ->> '$.data.version' = new.number
        and e.body ->> '$.data.sha256' = new.sha256)
begin
    select raise(abort, 'policy_version: the next version has to be activated by an entry');
end;

-- postgres:
create function policy_version_is_the_next() returns trigger language plpgsql as $$
begin
    if new.number <> (select coalesce(max(number), 0) + 1 from sayso.policy_version)
        or not sayso.entry_says(
            new.home, new.last_seq, 'policy.activated', 'version', new.number, new.sha256)
    then
        raise exception 'policy_version: the next version has to be activated by an entry'
            using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end
$$;
create trigger policy_version_is_the_next before insert on policy_version
    for each row execute function policy_version_is_the_next();

-- both:
create trigger policy_version_is_never_changed before update on policy_version
    refuse 'policy_version: versions are never changed';
create trigger policy_version_is_never_deleted before delete on policy_version
    refuse 'policy_version: versions are never deleted';

-- Changes that wait for a second person. Each is about one digest on one parent, and nothing else.
create table policy_change (
    tenant text not null check (tenant = '*'),
    id text not null,
    home text not null,
    sha256 text not null check (length(sha256) = 64),
    parent integer not null,
    direction text not null check (direction in ('same', 'looser', 'tighter')),
    asked_by text not null,
    asked_at integer not null,
    via text not null,
    note text not null,
    ended text check (ended in ('activated', 'moved', 'withdrawn')),
    ended_at integer,
    ended_by text,
    last_seq integer not null,
    content text not null,
    primary key (tenant, id),
    check ((ended is null) = (ended_at is null))
);

create index policy_change_open on policy_change (tenant, id) where ended is null;

create trigger policy_change_moves_with_an_entry before update on policy_change
    when (old.ended is not null or new.sha256 is not old.sha256 or new.parent is not old.parent
        or new.content is not old.content or new.asked_by is not old.asked_by
        or new.last_seq <= old.last_seq)
    refuse 'policy_change: only its end is written, with its own audit entry';
create trigger policy_change_is_never_deleted before delete on policy_change
    refuse 'policy_change: changes are never deleted';

grant select, insert on policy_version to sayso_app;
grant select, insert, update on policy_change to sayso_app;
grant select on policy_version, policy_change to sayso_auditor;
-- Each tenant is judged by it, so each may read it; only a unit of `*` writes it.
create policy of_every_tenant on policy_version for select using (tenant = '*');
create policy of_every_tenant on policy_change for select using (tenant = '*');

-- What people did where shadow would have done something: one row for each proposal whose time is
-- over. `class`: same, less, more, other, nothing; or unseen, which no share counts.
create table shadow_comparison (
    tenant text not null,
    action_id text not null,
    dial text not null,
    class text not null
        check (class in ('same', 'less', 'more', 'other', 'nothing', 'unseen')),
    seen_minor integer,
    compared_at integer not null,
    primary key (tenant, action_id),
    foreign key (tenant, action_id) references action (tenant, id)
);

-- What turned out to be wrong: somebody said so.
create table action_wrong (
    tenant text not null,
    action_id text not null,
    dial text not null,
    how text not null check (how in ('reversed', 'disputed', 'mistaken')),
    told_by text not null,
    told_at integer not null,
    last_seq integer not null,
    primary key (tenant, action_id),
    foreign key (tenant, action_id) references action (tenant, id)
);

create index action_wrong_by_dial on action_wrong (told_at, dial);

-- A dial that went back to `suggest` by itself, until a version says that this brake is released.
create table rollout_brake (
    tenant text not null,
    dial text not null,
    number integer not null,
    engaged_at integer not null,
    last_seq integer not null,
    primary key (tenant, dial, number)
);

grant select, insert on shadow_comparison, action_wrong, rollout_brake to sayso_app;
grant select on shadow_comparison, action_wrong, rollout_brake to sayso_auditor;

-- Which prompt models get, and the candidate that a part of the requests gets: the newest row holds.
create table prompt_choice (
    tenant text not null,
    number integer not null,
    current_name text not null,
    current_text text not null,
    current_sha256 text not null,
    candidate_name text,
    candidate_text text,
    percent integer not null,
    seq integer not null,
    primary key (tenant, number)
);

grant select, insert on prompt_choice to sayso_app;

-- # Who comes in, and who is told

-- `seen_at` is when a token was used last, to the minute; it opens nothing, and no entry tells of it.
create table token (
    tenant text not null,
    id text not null,
    hash blob not null,
    kind text not null,
    holder text not null,
    scopes text not null,
    created_at integer not null,
    expires_at integer not null,
    revoked_at integer,
    last_seq integer not null,
    seen_at integer,
    primary key (tenant, id),
    unique (hash),
    foreign key (tenant, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred
);

-- People who are signed in to the console. What opens it is the token; this is only how long it was
-- used lately, and by what the person signed in.
create table session (
    tenant text not null,
    token_id text not null,
    via text not null,
    started_at integer not null,
    seen_at integer not null,
    primary key (tenant, token_id)
);

-- OAuth tokens of connections, sealed by the vault; the lease keeps refreshes single.
-- `sealed` is null while the first token is fetched; only a person takes a row away.
create table connection_token (
    tenant text not null,
    connection text not null,
    version integer not null,
    state text not null check (state in ('active', 'needs_reauth')),
    sealed blob,
    refresh_started_at integer,
    lease_owner text,
    lease_until integer,
    primary key (tenant, connection),
    check ((lease_owner is null) = (lease_until is null))
);

-- Messages to the outside that are sent after the commit, at least once, newest version per key.
create table outbox (
    id integer primary key,
    tenant text not null,
    topic text not null,
    key text not null,
    version integer not null,
    state text not null default '{}',
    attempts integer not null default 0,
    due_at integer,
    unique (tenant, topic, key)
);

-- Cards that are due: those that stand in a channel apart from those that do not, so that however
-- many of one kind wait are not walked to find the other.
-- NOTE: a query uses them only with these very states.
create index outbox_shown on outbox (tenant, topic, due_at)
    where due_at is not null and state <> '{}';
create index outbox_unsent on outbox (tenant, topic, due_at)
    where due_at is not null and state = '{}';

grant select, insert, update on token, session, connection_token, outbox to sayso_app;

-- Webhooks: programs that are called with every change.
create table webhook (
    tenant text not null,
    id text not null,
    -- The address, which changes are told, and the secrets that sign, as JSON that the vault's key
    -- has sealed for this very row: whoever can only write the database cannot send them elsewhere.
    sealed blob not null,
    idempotency_key text not null,
    -- How its last change was asked for, by whom: a repeated call finds its own mark.
    via text not null,
    created_at integer not null,
    disabled_at integer,
    disabled_why text,
    -- Up to which entry of the log its changes stand in webhook_delivery, or are delivered.
    read_to integer not null,
    -- It is not called before this moment.
    due_at integer not null,
    -- Deliveries that failed since the last one that arrived, since when, and what was wrong.
    failures integer not null default 0,
    failing_since integer,
    problem text,
    last_seq integer not null,
    -- Makes `read_to` the server's own; null until an endpoint from before is moved.
    read_seal text,
    primary key (tenant, id),
    unique (tenant, idempotency_key)
);

-- What is still to be told of one request, or of one action that came of none: the entries about it
-- behind after_seq, up to to_seq, in their order. A row is gone once all of it has arrived.
create table webhook_delivery (
    tenant text not null,
    webhook_id text not null,
    item_id text not null,
    after_seq integer not null,
    to_seq integer not null,
    -- How often somebody has begun since the last one that arrived, and whether somebody is at it.
    attempts integer not null default 0,
    leased integer not null default 0,
    due_at integer not null,
    primary key (tenant, webhook_id, item_id)
);

create index webhook_delivery_due on webhook_delivery (tenant, webhook_id, due_at);

grant select, insert, update, delete on webhook, webhook_delivery to sayso_app;

-- The processes that serve or work, as each says of itself (docs/decisions/0112). Nothing is decided
-- by it, and nothing signs it.
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

-- An entry that goes is looked for in each table that may point at it.
create index action_by_entry on action (tenant, last_seq);
create index approval_by_entry on approval (tenant, last_seq);
create index request_by_entry on request (tenant, last_seq);
create index token_by_entry on token (tenant, last_seq);
create index stop_by_entry on stop (home, last_seq);
create index hold_by_entry on hold (tenant, last_seq);
create index erasure_by_entry on erasure (tenant, begun_seq);

-- postgres:
grant select, insert, update, delete on commit_mark to sayso_app;

-- Puts every table that has a tenant under row security, and every trigger on ALWAYS. For the end of
-- each file; doing it again changes nothing.
-- Rows of a tenant are seen and written only while `app.tenant` names it. `*` is for the sweeps,
-- whose queries name no tenant. Never set at all, it is an error; FORCE holds the owner to it too.
-- NOTE: the `case` is for the planner, which else takes the check for one that few rows pass, and
-- sorts a whole tenant rather than walk an index backwards for one page.
-- ALWAYS: a superuser could else step over them with session_replication_role = replica.
create function guard_tables() returns void language plpgsql as $$
declare
    known text;
    guard record;
begin
    for known in
        select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid
        where c.relnamespace = 'sayso'::regnamespace and c.relkind = 'r' and a.attname = 'tenant'
            and not exists (select from pg_policy p
                where p.polrelid = c.oid and p.polname = 'of_the_tenant')
    loop
        execute format('alter table sayso.%I enable row level security', known);
        execute format('alter table sayso.%I force row level security', known);
        execute format('create policy of_the_tenant on sayso.%I using (case '
            || 'when current_setting(''app.tenant'') in (tenant, ''*'') then true else false end)',
            known);
    end loop;
    for guard in
        select c.relname, t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid
        where c.relnamespace = 'sayso'::regnamespace and not t.tgisinternal and t.tgenabled <> 'A'
    loop
        execute format('alter table sayso.%I enable always trigger %I',
            guard.relname, guard.tgname);
    end loop;
end
$$;

select guard_tables();
