-- What people have to take: who has taken it, and what they have noted. What it is about is a row of
-- its own (a request or an action); without a row here nobody has taken it yet.
create table work (
    tenant text collate "C" not null,
    about text collate "C" not null,
    assignee text collate "C",
    ended_at bigint,
    updated_at bigint not null,
    last_seq bigint not null,
    primary key (tenant, about)
);
create table work_note (
    tenant text collate "C" not null,
    about text collate "C" not null,
    seq bigint not null,
    person text collate "C" not null,
    at bigint not null,
    ref text collate "C" not null,
    primary key (tenant, about, seq)
);
create index request_for_people on request (tenant, id)
    where status in ('handed_over', 'needs_customer');
grant select, insert, update on work to sayso_app;
grant select, insert on work_note to sayso_app;

select guard_tables();
