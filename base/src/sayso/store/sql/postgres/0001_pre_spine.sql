-- The first schema. A tenant stands in every table and every key.
-- Times are whole microseconds since 1970 (UTC); JSON is text.
-- Text is compared by its bytes ("C"), as SQLite does it.

create table meta (
    key text collate "C" primary key,
    value text collate "C" not null
);

-- What rows and entries mean here, by the release that first wrote them so. A release that gives
-- them another meaning adds the next number in a file of its own; see `FORMAT`.
insert into meta (key, value) values ('format/000001', '0.1.0');

-- The audit log: one RFC 6962 tree per tenant; the bytes of `body` are what is hashed.
create table log_entry (
    tenant text collate "C" not null,
    seq bigint not null,
    body text collate "C" not null,
    at bigint,
    kind text collate "C",
    actor text collate "C",
    action_id text collate "C",
    request_id text collate "C",
    approval_id text collate "C",
    subject text collate "C",
    name text collate "C",
    status text collate "C",
    rule text collate "C",
    digest text collate "C",
    amount_minor bigint,
    currency text collate "C",
    primary key (tenant, seq)
);

create index log_entry_by_action on log_entry (tenant, action_id, seq) where action_id is not null;
create index log_entry_by_request on log_entry (tenant, request_id, seq)
    where request_id is not null;
create index log_entry_by_subject on log_entry (tenant, subject, seq) where subject is not null;
create index log_entry_by_kind on log_entry (tenant, kind, seq);

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

-- The newest signed head of each tenant's tree, written with the entries it covers.
create table log_head (
    tenant text collate "C" primary key,
    size bigint not null,
    frontier bytea not null,
    note text collate "C" not null
);

create table log_key (
    tenant text collate "C" not null,
    vkey text collate "C" not null,
    from_size bigint not null,
    to_size bigint,
    primary key (tenant, vkey)
);

-- Who the subjects are, and the keys of their personal text. Erasing a subject deletes this row.
create table subject (
    tenant text collate "C" not null,
    id text collate "C" not null,
    pseudonym text collate "C" not null,
    key bytea not null,
    created_at bigint not null,
    primary key (tenant, id),
    unique (tenant, pseudonym)
);

-- Personal text, encrypted with its subject's key; entries name it by digest of the ciphertext.
create table personal (
    tenant text collate "C" not null,
    ref text collate "C" not null,
    pseudonym text collate "C" not null,
    nonce bytea not null,
    ciphertext bytea not null,
    primary key (tenant, ref)
);

create index personal_by_subject on personal (tenant, pseudonym);

create table request (
    tenant text collate "C" not null,
    id text collate "C" not null,
    idempotency_key text collate "C" not null,
    fingerprint text collate "C" not null,
    requester text collate "C" not null,
    subject_id text collate "C" not null,
    assurance text collate "C" not null,
    messages_ref text collate "C" not null,
    words_ref text collate "C" not null,
    status text collate "C" not null,
    planner text collate "C",
    plan text collate "C",
    reply_ref text collate "C",
    tokens bigint not null default 0,
    cost_micro_usd bigint not null default 0,
    traceparent text collate "C",
    fence bigint not null default 0,
    attempts bigint not null default 0,
    due_at bigint,
    created_at bigint not null,
    updated_at bigint not null,
    last_seq bigint not null,
    primary key (tenant, id),
    unique (tenant, idempotency_key),
    foreign key (tenant, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred
);

create index request_due on request (due_at) where due_at is not null;

create table action (
    tenant text collate "C" not null,
    id text collate "C" not null,
    idempotency_key text collate "C" not null,
    fingerprint text collate "C" not null,
    requester text collate "C" not null,
    request_id text collate "C",
    step text collate "C",
    after text collate "C" not null default '[]',
    name text collate "C" not null,
    subject_id text collate "C" not null,
    assurance text collate "C" not null,
    args text collate "C" not null,
    reason_ref text collate "C",
    planner text collate "C" not null,
    status text collate "C" not null,
    revision bigint not null default 1,
    snapshot text collate "C",
    digest text collate "C",
    amount_minor bigint,
    currency text collate "C",
    judgement text collate "C",
    error text collate "C",
    receipt text collate "C",
    call_key text collate "C",
    call_key_until bigint,
    called_at bigint,
    fence bigint not null default 0,
    attempts bigint not null default 0,
    due_at bigint,
    traceparent text collate "C",
    created_at bigint not null,
    updated_at bigint not null,
    last_seq bigint not null,
    primary key (tenant, id),
    unique (tenant, idempotency_key),
    foreign key (tenant, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred
);

create index action_due on action (due_at) where due_at is not null;
create index action_by_request on action (tenant, request_id, id) where request_id is not null;
create index action_by_subject on action (tenant, subject_id, name, created_at);
create index action_by_status on action (tenant, status, id);

create table approval (
    tenant text collate "C" not null,
    id text collate "C" not null,
    action_id text collate "C" not null,
    revision bigint not null,
    status text collate "C" not null,
    digest text collate "C" not null,
    view text collate "C" not null,
    roles text collate "C" not null,
    requester text collate "C" not null,
    expires_at bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    last_seq bigint not null,
    primary key (tenant, id),
    foreign key (tenant, action_id) references action (tenant, id),
    foreign key (tenant, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred
);

create index approval_by_status on approval (tenant, status, id);
create index approval_by_action on approval (tenant, action_id, id);

-- One row per person and revision: the primary key is what makes a quorum count people.
create table vote (
    tenant text collate "C" not null,
    approval_id text collate "C" not null,
    revision bigint not null,
    person text collate "C" not null,
    decision text collate "C" not null,
    digest text collate "C" not null,
    via text collate "C" not null,
    at bigint not null,
    primary key (tenant, approval_id, revision, person),
    foreign key (tenant, approval_id) references approval (tenant, id)
);

-- Messages to the outside that are sent after the commit, at least once, newest version per key.
create table outbox (
    id bigint generated always as identity primary key,
    tenant text collate "C" not null,
    topic text collate "C" not null,
    key text collate "C" not null,
    version bigint not null,
    state text collate "C" not null default '{}',
    sent_version bigint not null default 0,
    attempts bigint not null default 0,
    due_at bigint,
    unique (tenant, topic, key)
);

create index outbox_due on outbox (topic, due_at) where due_at is not null;

create table token (
    tenant text collate "C" not null,
    id text collate "C" not null,
    hash bytea not null,
    kind text collate "C" not null,
    holder text collate "C" not null,
    scopes text collate "C" not null,
    created_at bigint not null,
    expires_at bigint not null,
    revoked_at bigint,
    last_seq bigint not null,
    primary key (tenant, id),
    unique (hash),
    foreign key (tenant, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred
);

-- OAuth tokens of connections, sealed by the vault; the lease keeps refreshes single.
-- `sealed` is null while the first token is fetched; only a person takes a row away.
create table connection_token (
    tenant text collate "C" not null,
    connection text collate "C" not null,
    version bigint not null,
    state text collate "C" not null check (state in ('active', 'needs_reauth')),
    sealed bytea,
    refresh_started_at bigint,
    lease_owner text collate "C",
    lease_until bigint,
    primary key (tenant, connection),
    check ((lease_owner is null) = (lease_until is null))
);

-- Which group of units a writer has committed last: asked when the answer to a commit was lost.
create table commit_mark (
    writer text collate "C" primary key,
    number bigint not null,
    at timestamptz not null default now()
);

-- Refusals. The message is the trigger's argument.
create function refuse() returns trigger language plpgsql as $$
begin
    raise exception '%', tg_argv[0] using errcode = 'integrity_constraint_violation';
end
$$;

create trigger log_entry_is_never_changed before update on log_entry
    for each row execute function refuse('log_entry: entries are never changed');
create trigger log_entry_is_never_deleted before delete on log_entry
    for each row execute function refuse('log_entry: entries are never deleted');
create trigger log_entry_is_never_emptied before truncate on log_entry
    for each statement execute function refuse('log_entry: entries are never deleted');

create trigger log_head_never_shrinks before update on log_head
    for each row when (new.size < old.size or new.tenant is distinct from old.tenant)
    execute function refuse('log_head: a tree never shrinks');
create trigger log_head_is_never_deleted before delete on log_head
    for each row execute function refuse('log_head: heads are never deleted');
create trigger log_head_is_never_emptied before truncate on log_head
    for each statement execute function refuse('log_head: heads are never deleted');

create trigger action_moves_with_an_entry before update of status, revision, snapshot on action
    for each row when (new.last_seq <= old.last_seq
        and (new.status is distinct from old.status or new.revision is distinct from old.revision
            or new.snapshot is distinct from old.snapshot))
    execute function refuse('action: a change of state needs its own audit entry');
create trigger action_is_never_deleted before delete on action
    for each row execute function refuse('action: actions are never deleted');
create trigger action_is_never_emptied before truncate on action
    for each statement execute function refuse('action: actions are never deleted');

create trigger approval_moves_with_an_entry before update of status, revision, digest on approval
    for each row when (new.last_seq <= old.last_seq
        and (new.status is distinct from old.status or new.revision is distinct from old.revision
            or new.digest is distinct from old.digest))
    execute function refuse('approval: a change of state needs its own audit entry');

-- ALWAYS: a superuser could else step over them with session_replication_role = replica.
do $$
declare
    guard record;
begin
    for guard in
        select c.relname, t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid
        where c.relnamespace = 'sayso'::regnamespace and not t.tgisinternal
    loop
        execute format('alter table sayso.%I enable always trigger %I',
            guard.relname, guard.tgname);
    end loop;
end
$$;

-- Rows of a tenant are seen and written only while `app.tenant` names it. `*` is for the sweeps,
-- whose queries name no tenant. Never set at all, it is an error; FORCE holds the owner to it too.
-- NOTE: the `case` is for the planner, which else takes the check for one that few rows pass, and
-- sorts a whole tenant rather than walk an index backwards for one page.
do $$
declare
    known text;
begin
    for known in
        select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid
        where c.relnamespace = 'sayso'::regnamespace and c.relkind = 'r' and a.attname = 'tenant'
    loop
        execute format('alter table sayso.%I enable row level security', known);
        execute format('alter table sayso.%I force row level security', known);
        execute format('create policy of_the_tenant on sayso.%I using (case '
            || 'when current_setting(''app.tenant'') in (tenant, ''*'') then true else false end)',
            known);
    end loop;
end
$$;

grant select, insert on meta, log_entry, log_key, vote, personal, subject to sayso_app;
grant select, insert, update on log_head, request, action, approval, outbox, token,
    connection_token to sayso_app;
grant select, insert, update, delete on commit_mark to sayso_app;
grant select on meta, log_entry, log_head, log_key, action, approval to sayso_auditor;
