-- The stop switch: what must not be carried out now.

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

select guard_tables();
