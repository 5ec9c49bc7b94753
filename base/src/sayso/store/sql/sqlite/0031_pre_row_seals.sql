-- What a caller's idempotency key stands for is said by the log, as a MAC in the first entry about
-- it: whoever changes or deletes the row has a retry refused, and not done once more.
create index log_entry_by_caller_key
    on log_entry (tenant, substr(body, instr(body, '"caller_key":"') + 14, 48))
    where instr(body, '"caller_key":"') > 0;

-- Makes `read_to` the server's own; null until an endpoint from before is moved.
alter table webhook add column read_seal text;
