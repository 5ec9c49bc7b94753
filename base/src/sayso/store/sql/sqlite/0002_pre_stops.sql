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
    primary key (tenant, id),
    unique (tenant, idempotency_key),
    foreign key (home, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred,
    check ((scope = 'all') = (tenant = '*')),
    check (tenant in (home, '*')),
    check ((released_at is null) = (released_by is null)),
    check (released_by is null or (asked_by is not null and asked_by <> released_by))
) strict;

create index stop_in_force on stop (tenant) where released_at is null;

create trigger stop_moves_with_an_entry before update on stop
when new.last_seq <= old.last_seq or old.released_at is not null
begin
    select raise(abort, 'stop: a change needs its own audit entry, and a released one stays so');
end;

create trigger stop_is_never_deleted before delete on stop
begin
    select raise(abort, 'stop: stops are never deleted');
end;

-- What an approved action waits for while it is off the due index: a stop, or another action.
alter table action add column held_by text;
-- The object at the provider that the action has in its hands: set while its call may be under way
-- or its outcome is unknown, and null else.
alter table action add column occupies text;

create index action_held on action (held_by) where held_by is not null and due_at is null;
create index action_occupies on action (tenant, occupies) where occupies is not null;
