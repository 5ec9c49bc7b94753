-- What a caller's idempotency key stands for is said by the log, as a MAC in the first entry about
-- it: whoever changes or deletes the row has a retry refused, and not done once more.

-- As in SQLite, so that both stores run the same queries.
create function instr(whole text, part text) returns integer
    language sql immutable parallel safe return strpos(whole, part);

create index log_entry_by_caller_key
    on log_entry (tenant, substr(body, instr(body, '"caller_key":"') + 14, 48))
    where instr(body, '"caller_key":"') > 0;

-- Makes `read_to` the server's own; null until an endpoint from before is moved.
alter table webhook add column read_seal text collate "C";

-- What people have taken and noted is held against the log, by an auditor as well.
grant select on work, work_note to sayso_auditor;
