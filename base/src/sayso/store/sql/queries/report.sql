-- What was asked in words, oldest first.
-- name: requests
select id, status, created_at, cost_micro_usd from request
where tenant = :tenant and id > :after and created_at >= :since order by id limit :limit;

-- What was to be done, oldest first.
-- name: actions
select a.id, a.request_id, a.name, a.status, a.judgement, a.error, a.amount_minor, a.currency,
    a.created_at, a.updated_at, w.how
from action a left join action_wrong w on w.tenant = a.tenant and w.action_id = a.id
where a.tenant = :tenant and a.id > :after and a.created_at >= :since and a.undoes is null
order by a.id limit :limit;

-- The cards, oldest first, each with its last word.
-- name: cards
select p.id, p.action_id, p.status, p.created_at, max(v.at) as decided_at,
    cast(max(case when v.decision = 'reject' then 1 else 0 end) as bigint) as rejected
from approval p left join vote v on v.tenant = p.tenant and v.approval_id = p.id
where p.tenant = :tenant and p.id > :after and p.created_at >= :since
group by p.id, p.action_id, p.status, p.created_at order by p.id limit :limit;

-- What people lowered; entries that were pruned tell no more.
-- name: edited
select action_id from log_entry where tenant = :tenant and kind = 'action.edited'
    and action_id is not null;
