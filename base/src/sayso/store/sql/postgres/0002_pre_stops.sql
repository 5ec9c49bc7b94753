-- The stop switch: what must not be carried out now, and what waits for it or for its own object.

-- `tenant` is `*` for a stop of every tenant; `home` is the tenant whose log tells of it.
-- A stop ends by two people: one asks, another one confirms.
create table stop (
    tenant text collate "C" not null,
    id text collate "C" not null,
    home text collate "C" not null,
    scope text collate "C" not null
        check (scope in ('all', 'tenant', 'connector', 'action', 'customer')),
    target text collate "C" not null,
    reason text collate "C" not null,
    engaged_by text collate "C" not null,
    engaged_at bigint not null,
    asked_by text collate "C",
    asked_at bigint,
    asked_key text collate "C",
    released_by text collate "C",
    released_at bigint,
    released_key text collate "C",
    idempotency_key text collate "C" not null,
    last_seq bigint not null,
    primary key (tenant, id),
    unique (tenant, idempotency_key),
    foreign key (home, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred,
    check ((scope = 'all') = (tenant = '*')),
    check (tenant in (home, '*')),
    check ((released_at is null) = (released_by is null)),
    check (released_by is null or (asked_by is not null and asked_by <> released_by))
);

create index stop_in_force on stop (tenant) where released_at is null;

create trigger stop_moves_with_an_entry before update on stop
    for each row when (new.last_seq <= old.last_seq or old.released_at is not null)
    execute function
        refuse('stop: a change needs its own audit entry, and a released one stays so');
create trigger stop_is_never_deleted before delete on stop
    for each row execute function refuse('stop: stops are never deleted');
create trigger stop_is_never_emptied before truncate on stop
    for each statement execute function refuse('stop: stops are never deleted');

-- What an approved action waits for while it is off the due index: a stop, or another action.
alter table action add column held_by text collate "C";
-- The object at the provider that the action has in its hands: set while its call may be under way
-- or its outcome is unknown, and null else.
alter table action add column occupies text collate "C";

create index action_held on action (held_by) where held_by is not null and due_at is null;
create index action_occupies on action (tenant, occupies) where occupies is not null;

-- Puts every table that has a tenant under row security, and every trigger on ALWAYS, as the first
-- schema did for its own. For the end of each later file; doing it again changes nothing.
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

grant select, insert, update on stop to sayso_app;
grant select on stop to sayso_auditor;

-- A stop of every tenant holds each of them, so each may read it; only a unit of `*` writes it.
create policy of_every_tenant on stop for select using (tenant = '*');

select guard_tables();
