-- The first schema. A tenant stands in every table and every key.
-- Times are whole microseconds since 1970 (UTC); JSON is text.

create table meta (
    key text primary key,
    value text not null
) strict;

-- What rows and entries mean here, by the release that first wrote them so. A release that gives
-- them another meaning adds the next number in a file of its own; see `FORMAT`.
insert into meta (key, value) values ('format/000001', '0.1.0');

-- The audit log: one RFC 6962 tree per tenant; the bytes of `body` are what is hashed.
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
) strict;

create index log_entry_by_action on log_entry (tenant, action_id, seq) where action_id is not null;
create index log_entry_by_request on log_entry (tenant, request_id, seq)
    where request_id is not null;
create index log_entry_by_subject on log_entry (tenant, subject, seq) where subject is not null;
create index log_entry_by_kind on log_entry (tenant, kind, seq);

-- NOTE: delete triggers do not fire for INSERT OR REPLACE, so the insert trigger refuses every
-- index but the next one, which also leaves no gap.
create trigger log_entry_is_dense before insert on log_entry
when new.seq is not (select coalesce(max(seq), -1) + 1 from log_entry where tenant = new.tenant)
begin
    select raise(abort, 'log_entry: the next index of the tenant is another one');
end;

create trigger log_entry_is_never_changed before update on log_entry
begin
    select raise(abort, 'log_entry: entries are never changed');
end;

create trigger log_entry_is_never_deleted before delete on log_entry
begin
    select raise(abort, 'log_entry: entries are never deleted');
end;

-- The newest signed head of each tenant's tree, written with the entries it covers.
create table log_head (
    tenant text primary key,
    size integer not null,
    frontier blob not null,
    note text not null
) strict;

create trigger log_head_never_shrinks before update on log_head
when new.size < old.size or new.tenant is not old.tenant
begin
    select raise(abort, 'log_head: a tree never shrinks');
end;

create trigger log_head_is_never_deleted before delete on log_head
begin
    select raise(abort, 'log_head: heads are never deleted');
end;

create table log_key (
    tenant text not null,
    vkey text not null,
    from_size integer not null,
    to_size integer,
    primary key (tenant, vkey)
) strict;

-- Who the subjects are, and the keys of their personal text. Erasing a subject deletes this row.
create table subject (
    tenant text not null,
    id text not null,
    pseudonym text not null,
    key blob not null,
    created_at integer not null,
    primary key (tenant, id),
    unique (tenant, pseudonym)
) strict;

-- Personal text, encrypted with its subject's key; entries name it by digest of the ciphertext.
create table personal (
    tenant text not null,
    ref text not null,
    pseudonym text not null,
    nonce blob not null,
    ciphertext blob not null,
    primary key (tenant, ref)
) strict;

create index personal_by_subject on personal (tenant, pseudonym);

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
    primary key (tenant, id),
    unique (tenant, idempotency_key),
    foreign key (tenant, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred
) strict;

create index request_due on request (due_at) where due_at is not null;

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
    primary key (tenant, id),
    unique (tenant, idempotency_key),
    foreign key (tenant, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred
) strict;

create index action_due on action (due_at) where due_at is not null;
create index action_by_request on action (tenant, request_id, id) where request_id is not null;
create index action_by_subject on action (tenant, subject_id, name, created_at);
create index action_by_status on action (tenant, status, id);

create trigger action_moves_with_an_entry before update of status, revision, snapshot on action
when new.last_seq <= old.last_seq
    and (new.status is not old.status or new.revision is not old.revision
        or new.snapshot is not old.snapshot)
begin
    select raise(abort, 'action: a change of state needs its own audit entry');
end;

create trigger action_is_never_deleted before delete on action
begin
    select raise(abort, 'action: actions are never deleted');
end;

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
    primary key (tenant, id),
    foreign key (tenant, action_id) references action (tenant, id),
    foreign key (tenant, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred
) strict;

create index approval_by_status on approval (tenant, status, id);
create index approval_by_action on approval (tenant, action_id, id);

create trigger approval_moves_with_an_entry before update of status, revision, digest on approval
when new.last_seq <= old.last_seq
    and (new.status is not old.status or new.revision is not old.revision
        or new.digest is not old.digest)
begin
    select raise(abort, 'approval: a change of state needs its own audit entry');
end;

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
) strict;

-- Messages to the outside that are sent after the commit, at least once, newest version per key.
create table outbox (
    id integer primary key,
    tenant text not null,
    topic text not null,
    key text not null,
    version integer not null,
    state text not null default '{}',
    sent_version integer not null default 0,
    attempts integer not null default 0,
    due_at integer,
    unique (tenant, topic, key)
) strict;

create index outbox_due on outbox (topic, due_at) where due_at is not null;

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
    primary key (tenant, id),
    unique (hash),
    foreign key (tenant, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred
) strict;

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
) strict;
