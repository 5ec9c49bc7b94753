-- The policy's versions: what decides about money, as somebody put it in force. The highest number
-- is the one in force; each was activated by an entry of `home`'s log, at `last_seq`.
-- There is one policy for the whole database, so each row's tenant is `*`, as a stop's of all.
create table policy_version (
    tenant text collate "C" not null check (tenant = '*'),
    number bigint not null check (number >= 1),
    home text collate "C" not null,
    sha256 text collate "C" not null check (length(sha256) = 64),
    parent bigint,
    direction text collate "C" not null
        check (direction in ('first', 'same', 'looser', 'tighter')),
    activated_by text collate "C" not null,
    asked_by text collate "C",
    via text collate "C" not null,
    note text collate "C" not null,
    activated_at bigint not null,
    last_seq bigint not null,
    content text collate "C" not null,
    primary key (tenant, number),
    check (parent is null or parent = number - 1),
    check ((parent is null) = (number = 1))
);

create function policy_version_is_the_next() returns trigger language plpgsql as $$
begin
    if new.number <> (select coalesce(max(number), 0) + 1 from sayso.policy_version)
        or not sayso.entry_says(
            new.home, new.last_seq, 'policy.activated', 'version', new.number, new.sha256)
    then
        raise exception 'policy_version: the next version has to be activated by an entry'
            using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end
$$;
create trigger policy_version_is_the_next before insert on policy_version
    for each row execute function policy_version_is_the_next();
create trigger policy_version_is_never_changed before update on policy_version
    for each row execute function refuse('policy_version: versions are never changed');
create trigger policy_version_is_never_deleted before delete on policy_version
    for each row execute function refuse('policy_version: versions are never deleted');
create trigger policy_version_is_never_emptied before truncate on policy_version
    for each statement execute function refuse('policy_version: versions are never deleted');

-- Changes that wait for a second person. Each is about one digest on one parent, and nothing else.
create table policy_change (
    tenant text collate "C" not null check (tenant = '*'),
    id text collate "C" not null,
    home text collate "C" not null,
    sha256 text collate "C" not null check (length(sha256) = 64),
    parent bigint not null,
    direction text collate "C" not null check (direction in ('same', 'looser', 'tighter')),
    asked_by text collate "C" not null,
    asked_at bigint not null,
    via text collate "C" not null,
    note text collate "C" not null,
    ended text collate "C" check (ended in ('activated', 'moved', 'withdrawn')),
    ended_at bigint,
    ended_by text collate "C",
    last_seq bigint not null,
    content text collate "C" not null,
    primary key (tenant, id),
    check ((ended is null) = (ended_at is null))
);

create index policy_change_open on policy_change (tenant, id) where ended is null;

create trigger policy_change_moves_with_an_entry before update on policy_change
    for each row when (old.ended is not null or (new.sha256, new.parent, new.content, new.asked_by)
        is distinct from (old.sha256, old.parent, old.content, old.asked_by)
        or new.last_seq <= old.last_seq)
    execute function
        refuse('policy_change: only its end is written, with its own audit entry');
create trigger policy_change_is_never_deleted before delete on policy_change
    for each row execute function refuse('policy_change: changes are never deleted');
create trigger policy_change_is_never_emptied before truncate on policy_change
    for each statement execute function refuse('policy_change: changes are never deleted');

grant select, insert on policy_version to sayso_app;
grant select, insert, update on policy_change to sayso_app;
grant select on policy_version, policy_change to sayso_auditor;

-- Each tenant is judged by it, so each may read it; only a unit of `*` writes it.
create policy of_every_tenant on policy_version for select using (tenant = '*');

select guard_tables();
