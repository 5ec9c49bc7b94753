-- How far a process has followed a log, and what it said of who may do what, sealed with a key that
-- is not in the database. It only saves the next process some reading: what it goes by is the log.
create table authority (
    tenant text collate "C" not null primary key,
    size bigint not null,
    note text collate "C" not null,
    seal bytea not null
);

grant select, insert, update on authority to sayso_app;

-- Customers' keys are wrapped by a key outside, which is exchanged now and then.
grant update (key) on subject to sayso_app;

select guard_tables();
