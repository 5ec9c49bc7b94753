-- Desks: where customers write and colleagues sit (docs/decisions/0145). No words stand here: what
-- customers wrote is sealed with their requests, and what they were told with the actions.
-- A desk's place in what it tells of changes, and in the log.
create table desk (
    tenant text not null,
    name text not null,
    cursor text not null default '',
    begun_at integer not null,
    read_to integer not null,
    due_at integer not null,
    swept_at integer,
    failing_since integer,
    problem text,
    primary key (tenant, name)
);

-- `due_at`: something may be to be read or said. `rung` and `woken` count what has told so, so that
-- what tells while somebody has the thread in hand is not lost. `silent`: why Sayso says nothing in
-- it any more.
create table desk_thread (
    tenant text not null,
    desk text not null,
    id text not null,
    rung integer not null default 0,
    read_rung integer not null default 0,
    woken integer not null default 0,
    due_at integer,
    leased_until integer not null default 0,
    attempts integer not null default 0,
    silent text,
    silent_at integer,
    created_at integer not null,
    primary key (tenant, desk, id)
);
create index desk_thread_due on desk_thread (tenant, desk, due_at) where due_at is not null;

-- What became of each message of a customer, once.
create table desk_message (
    tenant text not null,
    desk text not null,
    account text not null,
    id text not null,
    thread text not null,
    at integer not null,
    state text not null check (state in ('asked', 'left')),
    request_id text,
    why text,
    primary key (tenant, desk, account, id)
);
create index desk_message_of_thread on desk_message (tenant, desk, thread, at);
create index desk_message_of_request on desk_message (tenant, request_id)
    where request_id is not null;

-- What Sayso does in a thread, in its order: each an action of the desk by the key.
create table desk_said (
    tenant text not null,
    desk text not null,
    thread text not null,
    n integer not null,
    kind text not null check (kind in ('reply', 'note', 'hand_over', 'close')),
    about text not null,
    request_id text not null,
    digest text not null,
    idempotency_key text not null,
    action_id text,
    state text not null default 'open'
        check (state in ('open', 'sent', 'overtaken', 'left')),
    why text,
    at integer not null,
    primary key (tenant, desk, thread, n)
);
create index desk_said_of_action on desk_said (tenant, action_id) where action_id is not null;
create index desk_said_open on desk_said (tenant, desk) where state = 'open';

grant select, insert, update on desk, desk_thread, desk_message, desk_said to sayso_app;

-- postgres:
select guard_tables();
