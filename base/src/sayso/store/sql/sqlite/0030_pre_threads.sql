-- What a planner remembers is gone with its run (docs/decisions/0104): these tables were a library's,
-- which read its rows as code, and held plans of customers who may be erased by now.
drop table if exists checkpoints;
drop table if exists writes;
