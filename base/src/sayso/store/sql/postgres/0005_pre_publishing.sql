-- Publishing: where checkpoints went, and who witnessed them. The keys that sign.

-- The newest checkpoint that each place took, with the cosignatures it got there.
create table publication (
    tenant text collate "C" not null,
    place text collate "C" not null,
    size bigint not null,
    frontier bytea not null,
    note text collate "C" not null,
    at bigint not null,
    primary key (tenant, place)
);

create trigger publication_never_shrinks before update on publication
    for each row when (new.size < old.size or new.tenant is distinct from old.tenant
        or new.place is distinct from old.place)
    execute function refuse('publication: what was published is not taken back');

-- A key is valid until the next one begins, so no row is ever changed.
create trigger log_key_is_never_changed before update on log_key
    for each row execute function refuse('log_key: keys are never changed');
create trigger log_key_is_never_deleted before delete on log_key
    for each row execute function refuse('log_key: keys are never deleted');
create trigger log_key_is_never_emptied before truncate on log_key
    for each statement execute function refuse('log_key: keys are never deleted');

-- Whose database it is, and the keys that new logs may begin with.
create trigger meta_keeps_what_it_says before update on meta
    for each row when (old.key = 'deployment' or old.key like 'signing_key/%')
    execute function refuse('meta: this is never changed');

grant select, insert, update on publication to sayso_app;
grant select on publication to sayso_auditor;

select guard_tables();
