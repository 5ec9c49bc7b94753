-- name: actions
select status, count(*) as count from action where tenant = :tenant group by status order by status;

-- name: left
select count(*) as count from action
where tenant = :tenant and status = 'unknown' and due_at is null and held_by is null;

-- name: stops
select count(*) as count from stop where tenant in (:tenant, '*') and released_at is null;

-- name: pending
select count(*) as count from approval where tenant = :tenant and status = 'pending';
