-- What people have to take: who has taken it, and what they have noted. What it is about is a row of
-- its own (a request or an action); without a row here nobody has taken it yet.
create table work (
    tenant text not null,
    about text not null,
    assignee text,
    ended_at integer,
    updated_at integer not null,
    last_seq integer not null,
    primary key (tenant, about)
) strict;
create table work_note (
    tenant text not null,
    about text not null,
    seq integer not null,
    person text not null,
    at integer not null,
    ref text not null,
    primary key (tenant, about, seq)
) strict;
create index request_for_people on request (tenant, id)
    where status in ('handed_over', 'needs_customer');
