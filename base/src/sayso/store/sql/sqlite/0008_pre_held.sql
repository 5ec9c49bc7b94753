-- What waits for one action is looked for at the end of every call, so the tenant stands in it, too:
-- else SQLite takes an index that begins with the tenant, and walks all of its actions.
drop index action_held;
create index action_held on action (held_by, tenant) where held_by is not null and due_at is null;
