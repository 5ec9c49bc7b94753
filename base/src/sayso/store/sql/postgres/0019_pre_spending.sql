-- What models cost, by day and by whose budget it is: `tenant`, `customer:` and a digest, `request:`
-- and its id (whose day is empty). What is set aside for a call that is under way counts as taken.
create table spending (
    tenant text collate "C" not null,
    day text collate "C" not null,
    scope text collate "C" not null,
    micro_usd bigint not null,
    primary key (tenant, day, scope)
);
grant select, insert, update, delete on spending to sayso_app;

select guard_tables();
