-- The policy's versions: what decides about money, as somebody put it in force. The highest number
-- is the one in force; each was activated by an entry of `home`'s log, at `last_seq`.
-- There is one policy for the whole database, so each row's tenant is `*`, as a stop's of all.
create table policy_version (
    tenant text not null check (tenant = '*'),
    number integer not null check (number >= 1),
    home text not null,
    sha256 text not null check (length(sha256) = 64),
    parent integer,
    direction text not null check (direction in ('first', 'same', 'looser', 'tighter')),
    activated_by text not null,
    asked_by text,
    via text not null,
    note text not null,
    activated_at integer not null,
    last_seq integer not null,
    content text not null,
    primary key (tenant, number),
    check (parent is null or parent = number - 1),
    check ((parent is null) = (number = 1))
) strict;

-- NOTE: `insert or replace` deletes without asking the trigger below.
create trigger policy_version_is_the_next before insert on policy_version
when new.number is not (select coalesce(max(number), 0) + 1 from policy_version)
    or not exists (select 1 from log_entry e where e.tenant = new.home and e.seq = new.last_seq
        and e.kind = 'policy.activated' and e.body ->> '$.data.version' = new.number
        and e.body ->> '$.data.sha256' = new.sha256)
begin
    select raise(abort, 'policy_version: the next version has to be activated by an entry');
end;

create trigger policy_version_is_never_changed before update on policy_version
begin
    select raise(abort, 'policy_version: versions are never changed');
end;

create trigger policy_version_is_never_deleted before delete on policy_version
begin
    select raise(abort, 'policy_version: versions are never deleted');
end;

-- Changes that wait for a second person. Each is about one digest on one parent, and nothing else.
create table policy_change (
    tenant text not null check (tenant = '*'),
    id text not null,
    home text not null,
    sha256 text not null check (length(sha256) = 64),
    parent integer not null,
    direction text not null check (direction in ('same', 'looser', 'tighter')),
    asked_by text not null,
    asked_at integer not null,
    via text not null,
    note text not null,
    ended text check (ended in ('activated', 'moved', 'withdrawn')),
    ended_at integer,
    ended_by text,
    last_seq integer not null,
    content text not null,
    primary key (tenant, id),
    check ((ended is null) = (ended_at is null))
) strict;

create index policy_change_open on policy_change (tenant, id) where ended is null;

create trigger policy_change_moves_with_an_entry before update on policy_change
when old.ended is not null or new.sha256 is not old.sha256 or new.parent is not old.parent
    or new.content is not old.content or new.asked_by is not old.asked_by
    or new.last_seq <= old.last_seq
begin
    select raise(abort, 'policy_change: only its end is written, with its own audit entry');
end;

create trigger policy_change_is_never_deleted before delete on policy_change
begin
    select raise(abort, 'policy_change: changes are never deleted');
end;
