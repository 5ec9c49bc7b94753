-- name: actions
select status, count(*) as count from action where tenant = :tenant group by status order by status;

-- name: requests
select status, count(*) as count, cast(sum(tokens) as bigint) as tokens,
    cast(sum(cost_micro_usd) as bigint) as micro_usd
from request where tenant = :tenant group by status order by status;

-- name: left
select count(*) as count from action
where tenant = :tenant and status in ('unknown', 'accepted') and due_at is null and held_by is null;

-- name: stops
select count(*) as count from stop where tenant in (:tenant, '*') and released_at is null;

-- name: pending
select count(*) as count, min(created_at) as oldest from approval
where tenant = :tenant and status = 'pending';

-- Differs whenever what people have to answer or to take may have changed: the newest entry of each
-- kind that says so, and the newest answer. Each is one look at the end of an index.
-- name: inbox_mark
select max(mark) as mark from (
    select max(seq) as mark from log_entry where tenant = :tenant and kind = 'action.pending'
    union all
    select max(seq) as mark from log_entry where tenant = :tenant and kind = 'action.rejected'
    union all
    select max(seq) as mark from log_entry where tenant = :tenant and kind = 'action.edited'
    union all
    select max(seq) as mark from log_entry where tenant = :tenant and kind = 'action.expired'
    union all
    select max(seq) as mark from log_entry where tenant = :tenant and kind = 'action.unknown'
    union all
    select max(seq) as mark from log_entry where tenant = :tenant and kind = 'action.reconciled'
    union all
    select max(seq) as mark from log_entry where tenant = :tenant and kind = 'action.resolved'
    union all
    select max(seq) as mark from log_entry where tenant = :tenant and kind = 'request.handed_over'
    union all
    select max(seq) as mark from log_entry where tenant = :tenant and kind = 'request.questioned'
    union all
    select max(seq) as mark from log_entry where tenant = :tenant and kind = 'stop.engaged'
    union all
    select max(seq) as mark from log_entry where tenant = :tenant and kind = 'stop.released'
    union all
    select max(seq) as mark from log_entry where tenant = :tenant and kind = 'approval.escalated'
    union all
    select max(seq) as mark from log_entry where tenant = :tenant and kind = 'action.failed'
    union all
    select max(seq) as mark from log_entry where tenant = :tenant and kind = 'work.taken'
    union all
    select max(seq) as mark from log_entry where tenant = :tenant and kind = 'work.ended'
) as marks;

-- name: newest_answer
select updated_at, id from approval where tenant = :tenant and status <> 'pending'
order by updated_at desc, id desc limit 1;
