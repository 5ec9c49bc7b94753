-- Whose a thread of a desk of your own is: any request in it says so.
create index request_of_desk_thread on request (tenant, conversation)
    where conversation like 'desk:%';

-- When a thread changed last, as its desk tells it, and when a sweep had it read for that.
alter table desk_thread add column changed_at integer;
alter table desk_thread add column named_at integer;

-- Until when one process alone reads what has changed at the desk.
alter table desk add column leased_until integer not null default 0;
