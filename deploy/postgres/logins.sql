-- Run once by a superuser in the database of Sayso, before `sayso migrate`.
-- The login that migrates owns the tables; the one that serves reads and writes rows, and changes
-- no table. Roles belong to the whole server.
--   psql -d sayso -v migrate_password=… -v server_password=… -f deploy/postgres/logins.sql
-- In deploy/compose.yaml the passwords are variables of the container.
\set ON_ERROR_STOP on
\if :{?migrate_password}
\else
\getenv migrate_password SAYSO_MIGRATE_PASSWORD
\getenv server_password SAYSO_SERVER_PASSWORD
\endif
begin;
select format('create role %I nologin', name)
from unnest(array['sayso_owner', 'sayso_app', 'sayso_auditor']) as name
where not exists (select from pg_roles where rolname = name) \gexec
create role sayso_migrate login password :'migrate_password' in role sayso_owner, sayso_app;
create role sayso_server login password :'server_password' in role sayso_app;
-- For the schemas `sayso` and, with [dispatch] engine = "fleet", `dbos`.
select format('grant create on database %I to sayso_owner, sayso_migrate', current_database()) \gexec
select format('revoke connect on database %I from public', current_database()) \gexec
select format(
    'grant connect on database %I to sayso_migrate, sayso_server, sayso_auditor', current_database()
) \gexec
commit;
