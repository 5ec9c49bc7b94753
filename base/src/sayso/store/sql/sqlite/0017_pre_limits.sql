-- How much of each limit is used. `held` is reserved by what is approved, running or unknown;
-- `settled` has been moved. A counter is the sum of its uses that are not released.

-- `tenant` is `*` where all tenants count together. A key of a customer or an instrument is hashed.
-- `currency` is empty for a limit on how many, and `bucket` is when its time begins.
create table limit_counter (
    tenant text not null,
    limit_id text not null,
    key text not null,
    currency text not null,
    bucket integer not null,
    count integer not null check (count >= 0),
    held_minor integer not null check (held_minor >= 0),
    settled_minor integer not null check (settled_minor >= 0),
    told integer not null default 0,
    primary key (tenant, limit_id, key, currency, bucket)
) strict;

-- What one revision of an action uses of a limit. `home` is the action's tenant.
-- `returned` was settled and taken back: its amount is free again, and its count stays.
-- `why`: it `fits`; people `agreed` beyond it; it came `late`, when it had ended as not done; or it
-- was there `before` the limit.
create table limit_use (
    tenant text not null,
    home text not null,
    action_id text not null,
    revision integer not null,
    limit_id text not null,
    key text not null,
    currency text not null,
    bucket integer not null,
    count integer not null,
    minor integer not null check (minor >= 0),
    state text not null check (state in ('held', 'settled', 'returned', 'released')),
    why text not null check (why in ('fits', 'agreed', 'late', 'before')),
    last_seq integer not null,
    primary key (home, action_id, revision, limit_id, key, currency),
    foreign key (home, action_id) references action (tenant, id)
) strict;

create index limit_use_by_counter on limit_use (tenant, limit_id, key, currency, bucket);
