-- What a caller's key stands for is asked at each proposal. Under row security PostgreSQL uses no
-- index over an expression whose functions are not proven to leak nothing, and would read the whole
-- log of the tenant; it uses one over a column.

-- sqlite:
alter table log_entry add column caller_key text generated always as (
    case when instr(body, '"caller_key":"') > 0
    then substr(body, instr(body, '"caller_key":"') + 14, 48) end) virtual;

-- postgres:
-- NOTE: this writes the table anew, while nobody reads or writes it.
alter table log_entry add column caller_key text generated always as (
    case when strpos(body, '"caller_key":"') > 0
    then substr(body, strpos(body, '"caller_key":"') + 14, 48) end) stored;

-- both:
create index log_entry_by_key on log_entry (tenant, caller_key) where caller_key is not null;
