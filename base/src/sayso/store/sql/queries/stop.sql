-- name: insert
insert into stop (tenant, id, home, scope, target, reason, engaged_by, engaged_at, idempotency_key,
    last_seq)
values (:tenant, :id, :home, :scope, :target, :reason, :engaged_by, :engaged_at, :idempotency_key,
    :last_seq);

-- name: by_id
select * from stop where tenant in (:tenant, '*') and id = :id;

-- name: by_key
select * from stop
where tenant = :tenant and idempotency_key in (:idempotency_key, :erased_key);

-- name: page
select * from stop
where tenant in (:tenant, '*')
    and (cast(:after as text) is null or id < :after)
    and (cast(:released as bigint) is null or (:released = 1) = (released_at is not null))
order by id desc limit :limit;

-- What keeps an action from being called now: a stop that holds it, or another action that has the
-- same object in its hands. A scope that this program does not know holds everything. A query for
-- each scope: there may be a stop for each of many customers, and each finds its own by the index;
-- and one for each tenant, since SQLite makes a table of its own of a list.
-- name: obstacles
select id, 'stopped' as code, engaged_at from stop
where tenant = :tenant and released_at is null and scope not in ('connector', 'action', 'customer')
union all
select id, 'stopped' as code, engaged_at from stop
where tenant = '*' and released_at is null and scope not in ('connector', 'action', 'customer')
union all
select id, 'stopped' as code, engaged_at from stop
where tenant = :tenant and released_at is null and scope = 'connector' and target = :connector
union all
select id, 'stopped' as code, engaged_at from stop
where tenant = '*' and released_at is null and scope = 'connector' and target = :connector
union all
select id, 'stopped' as code, engaged_at from stop
where tenant = :tenant and released_at is null and scope = 'action' and target = :name
union all
select id, 'stopped' as code, engaged_at from stop
where tenant = '*' and released_at is null and scope = 'action' and target = :name
union all
select id, 'stopped' as code, engaged_at from stop
where tenant = :tenant and released_at is null and scope = 'customer' and target = :subject_id
union all
select id, 'stopped' as code, engaged_at from stop
where tenant = '*' and released_at is null and scope = 'customer' and target = :subject_id
union all
select id, 'object_locked' as code, created_at from action
where tenant = :tenant and occupies = :occupies and id <> :action_id;

-- name: ask
update stop set asked_by = :by, asked_at = :at, asked_key = :key, last_seq = :last_seq
where tenant = :tenant and id = :id and last_seq = :was_seq;

-- name: release
update stop set released_by = :by, released_at = :at, released_key = :key, last_seq = :last_seq
where tenant = :tenant and id = :id and last_seq = :was_seq;

-- name: held
select count(*) as count from action
where tenant = :tenant and held_by = :id and due_at is null;

-- Whether anything was asked or proposed for a customer, by the id that a stop names.
-- name: knows_customer
select id from request where tenant = :tenant and subject_id = :subject_id
union all
select id from action where tenant = :tenant and subject_id = :subject_id
limit 1;

-- name: wake_held
update action set due_at = :now
where (tenant, id) in (
    select tenant, id from action where held_by = :id and due_at is null limit :limit);
