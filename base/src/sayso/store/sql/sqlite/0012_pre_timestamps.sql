-- Time stamps (RFC 3161) of published heads: when they existed. `token` is over the exact bytes of
-- `note`. The first one of a size stays, since it says the earliest time.
create table log_timestamp (
    tenant text not null,
    place text not null,
    size integer not null,
    note text not null,
    token blob not null,
    at integer not null,
    primary key (tenant, place, size),
    check (length(note) between 1 and 16384 and length(token) between 1 and 65536)
) strict;

-- NOTE: `insert or replace` deletes without asking the trigger below.
create trigger log_timestamp_is_given_once before insert on log_timestamp
when exists (select 1 from log_timestamp
    where tenant = new.tenant and place = new.place and size = new.size)
begin
    select raise(ignore);
end;

create trigger log_timestamp_is_never_changed before update on log_timestamp
begin
    select raise(abort, 'log_timestamp: time stamps are never changed');
end;

create trigger log_timestamp_is_never_deleted before delete on log_timestamp
begin
    select raise(abort, 'log_timestamp: time stamps are never deleted');
end;
