-- What models cost, by day and by whose budget it is: `tenant`, `customer:` and a digest, `request:`
-- and its id (whose day is empty). What is set aside for a call that is under way counts as taken.
create table spending (
    tenant text not null,
    day text not null,
    scope text not null,
    micro_usd integer not null,
    primary key (tenant, day, scope)
) strict;
