-- Publishing: where checkpoints went, and who witnessed them. The keys that sign.

-- The newest checkpoint that each place took, with the cosignatures it got there.
create table publication (
    tenant text not null,
    place text not null,
    size integer not null,
    frontier blob not null,
    note text not null,
    at integer not null,
    primary key (tenant, place)
) strict;

create trigger publication_never_shrinks before update on publication
when new.size < old.size or new.tenant is not old.tenant or new.place is not old.place
begin
    select raise(abort, 'publication: what was published is not taken back');
end;

-- A key is valid until the next one begins, so no row is ever changed.
create trigger log_key_is_never_changed before update on log_key
begin
    select raise(abort, 'log_key: keys are never changed');
end;

create trigger log_key_is_never_deleted before delete on log_key
begin
    select raise(abort, 'log_key: keys are never deleted');
end;

-- Whose database it is, and the keys that new logs may begin with.
create trigger meta_keeps_what_it_says before update on meta
when old.key = 'deployment' or old.key like 'signing_key/%'
begin
    select raise(abort, 'meta: this is never changed');
end;
