-- What people did where shadow would have done something: one row for each proposal whose time is
-- over. `class`: same, less, more, other, nothing; or unseen, which no share counts.
create table shadow_comparison (
    tenant text not null,
    action_id text not null,
    dial text not null,
    class text not null
        check (class in ('same', 'less', 'more', 'other', 'nothing', 'unseen')),
    seen_minor integer,
    compared_at integer not null,
    primary key (tenant, action_id),
    foreign key (tenant, action_id) references action (tenant, id)
) strict;

-- What turned out to be wrong: somebody said so.
create table action_wrong (
    tenant text not null,
    action_id text not null,
    dial text not null,
    how text not null check (how in ('reversed', 'disputed', 'mistaken')),
    told_by text not null,
    told_at integer not null,
    last_seq integer not null,
    primary key (tenant, action_id),
    foreign key (tenant, action_id) references action (tenant, id)
) strict;

create index action_wrong_by_dial on action_wrong (told_at, dial);

-- A dial that went back to `suggest` by itself, until a version says that this brake is released.
create table rollout_brake (
    tenant text not null,
    dial text not null,
    number integer not null,
    engaged_at integer not null,
    last_seq integer not null,
    primary key (tenant, dial, number)
) strict;
