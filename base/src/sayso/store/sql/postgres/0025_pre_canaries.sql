-- Test cards: made of a solution that was decided, with a mistake in it. None of them is an action or
-- an approval, so that nothing can be carried out by one; what is shown of it is made of its source.
create table canary (
    tenant text collate "C" not null,
    id text collate "C" not null,
    number bigint not null,
    source_id text collate "C" not null,
    step text collate "C" not null,
    mistake text collate "C" not null,
    roles text collate "C" not null,
    digest text collate "C" not null,
    status text collate "C" not null,
    person text collate "C",
    answer text collate "C",
    via text collate "C",
    expires_at bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    last_seq bigint not null,
    primary key (tenant, id)
);
create unique index canary_number on canary (tenant, number);
create index canary_open on canary (tenant, expires_at, id) where status = 'open';
grant select, insert, update on canary to sayso_app;
grant select on canary to sayso_auditor;

select guard_tables();
