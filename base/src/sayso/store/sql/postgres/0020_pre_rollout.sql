-- What people did where shadow would have done something: one row for each proposal whose time is
-- over. `class`: same, less, more, other, nothing; or unseen, which no share counts.
create table shadow_comparison (
    tenant text collate "C" not null,
    action_id text collate "C" not null,
    dial text collate "C" not null,
    class text collate "C" not null
        check (class in ('same', 'less', 'more', 'other', 'nothing', 'unseen')),
    seen_minor bigint,
    compared_at bigint not null,
    primary key (tenant, action_id),
    foreign key (tenant, action_id) references action (tenant, id)
);

-- What turned out to be wrong: somebody said so.
create table action_wrong (
    tenant text collate "C" not null,
    action_id text collate "C" not null,
    dial text collate "C" not null,
    how text collate "C" not null check (how in ('reversed', 'disputed', 'mistaken')),
    told_by text collate "C" not null,
    told_at bigint not null,
    last_seq bigint not null,
    primary key (tenant, action_id),
    foreign key (tenant, action_id) references action (tenant, id)
);

create index action_wrong_by_dial on action_wrong (told_at, dial);

-- A dial that went back to `suggest` by itself, until a version says that this brake is released.
create table rollout_brake (
    tenant text collate "C" not null,
    dial text collate "C" not null,
    number bigint not null,
    engaged_at bigint not null,
    last_seq bigint not null,
    primary key (tenant, dial, number)
);

grant select, insert on shadow_comparison, action_wrong, rollout_brake to sayso_app;
grant select on shadow_comparison, action_wrong, rollout_brake to sayso_auditor;

select guard_tables();
