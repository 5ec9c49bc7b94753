-- Browsers in which a person is told by web push (docs/decisions/0173). Where it is pushed to, by
-- which keys, and in which language, is JSON that the vault's key has sealed for this very row and
-- person: whoever can only write the database has nothing sent elsewhere.
create table push_browser (
    tenant text not null,
    id text not null,
    person text not null,
    endpoint_sha256 text not null,
    sealed blob not null,
    created_at integer not null,
    primary key (tenant, id),
    unique (tenant, endpoint_sha256)
);

create index push_browser_of_person on push_browser (tenant, person);

grant select, insert, delete on push_browser to sayso_app;

-- postgres:
select guard_tables();
