-- name: actions
select status, count(*) as count from action where tenant = :tenant group by status order by status;

-- name: pending
select count(*) as count from approval where tenant = :tenant and status = 'pending';
