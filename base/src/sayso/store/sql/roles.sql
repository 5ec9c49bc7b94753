-- Run before the migrations by whoever migrates; does nothing where it has been done.
-- Roles belong to the whole server: nobody logs in as these, logins are made members of them.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['sayso_owner', 'sayso_app', 'sayso_auditor'] loop
        begin
            if not exists (select from pg_roles where rolname = wanted) then
                execute format('create role %I nologin', wanted);
            end if;
        exception when duplicate_object or unique_violation then
            null;  -- another database of the same server made it just now
        end;
    end loop;
    foreach wanted in array array['sayso_owner', 'sayso_app'] loop
        if not pg_has_role(current_user, wanted, 'member') then
            execute format('grant %I to current_user', wanted);
        end if;
    end loop;
end
$$;

create schema if not exists sayso authorization sayso_owner;
set role sayso_owner;
grant usage on schema sayso to sayso_app, sayso_auditor;

create table if not exists sayso.migration (
    number integer primary key,
    name text not null,
    applied_at timestamptz not null default now()
);
grant select on sayso.migration to sayso_app, sayso_auditor;
reset role;
