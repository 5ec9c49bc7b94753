-- Test cards: made of a solution that was decided, with a mistake in it. None of them is an action or
-- an approval, so that nothing can be carried out by one; what is shown of it is made of its source.
create table canary (
    tenant text not null,
    id text not null,
    number integer not null,
    source_id text not null,
    step text not null,
    mistake text not null,
    roles text not null,
    digest text not null,
    status text not null,
    person text,
    answer text,
    via text,
    expires_at integer not null,
    created_at integer not null,
    updated_at integer not null,
    last_seq integer not null,
    primary key (tenant, id)
) strict;
create unique index canary_number on canary (tenant, number);
create index canary_open on canary (tenant, expires_at, id) where status = 'open';
