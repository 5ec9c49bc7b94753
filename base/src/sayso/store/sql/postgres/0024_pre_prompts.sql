-- Which prompt models get, and the candidate that a part of the requests gets: the newest row holds.
create table prompt_choice (
    tenant text collate "C" not null,
    number bigint not null,
    current_name text collate "C" not null,
    current_text text collate "C" not null,
    current_sha256 text collate "C" not null,
    candidate_name text collate "C",
    candidate_text text collate "C",
    percent bigint not null,
    seq bigint not null,
    primary key (tenant, number)
);
grant select, insert on prompt_choice to sayso_app;

select guard_tables();
