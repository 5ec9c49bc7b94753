-- Time stamps (RFC 3161) of published heads: when they existed. `token` is over the exact bytes of
-- `note`. The first one of a size stays, since it says the earliest time.
create table log_timestamp (
    tenant text collate "C" not null,
    place text collate "C" not null,
    size bigint not null,
    note text collate "C" not null,
    token bytea not null,
    at bigint not null,
    primary key (tenant, place, size),
    check (length(note) between 1 and 16384 and length(token) between 1 and 65536)
);

create trigger log_timestamp_is_never_changed before update on log_timestamp
    for each row execute function refuse('log_timestamp: time stamps are never changed');
create trigger log_timestamp_is_never_deleted before delete on log_timestamp
    for each row execute function refuse('log_timestamp: time stamps are never deleted');
create trigger log_timestamp_is_never_emptied before truncate on log_timestamp
    for each statement execute function refuse('log_timestamp: time stamps are never deleted');

grant select, insert on log_timestamp to sayso_app;
grant select on log_timestamp to sayso_auditor;

select guard_tables();
