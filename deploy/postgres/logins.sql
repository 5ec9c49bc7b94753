-- Run by a superuser in each new database of Sayso, before `sayso migrate` or `pg_restore`.
-- The login that migrates owns the tables; the one that serves reads and writes rows, and changes
-- no table. Roles belong to the whole server; where they are there already they stay.
--   psql -d sayso -v migrate_password=… -v server_password=… -f deploy/postgres/logins.sql
-- Without the passwords those that there are stay; in deploy/compose.yaml they are variables.
\set ON_ERROR_STOP on
\if :{?migrate_password}
\else
\getenv migrate_password SAYSO_MIGRATE_PASSWORD
\getenv server_password SAYSO_SERVER_PASSWORD
\endif
begin;
set local client_min_messages = warning;
select format('create role %I %s', name, kind)
from (values
    ('sayso_owner', 'nologin'),
    ('sayso_app', 'nologin'),
    ('sayso_auditor', 'nologin'),
    ('sayso_migrate', 'login'),
    ('sayso_server', 'login')
) as wanted (name, kind)
where not exists (select from pg_roles where rolname = name) \gexec
\if :{?migrate_password}
alter role sayso_migrate password :'migrate_password';
alter role sayso_server password :'server_password';
\endif
grant sayso_owner, sayso_app to sayso_migrate;
grant sayso_app to sayso_server;
-- For the schemas `sayso` and, with [dispatch] engine = "fleet", `dbos`.
select format('grant create on database %I to sayso_owner, sayso_migrate', current_database()) \gexec
select format('revoke connect on database %I from public', current_database()) \gexec
select format(
    'grant connect on database %I to sayso_migrate, sayso_server, sayso_auditor',
    current_database()
) \gexec
commit;
