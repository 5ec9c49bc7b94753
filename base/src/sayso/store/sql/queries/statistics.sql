-- What came of actions since a moment: ids are in the order of time, so each walks only that part.
-- name: days
select (action.created_at / cast(86400000000 as bigint)) as day,
    case when action.status in ('refused', 'rejected', 'expired', 'withdrawn') then 'refused'
        when exists (
            select 1 from approval where approval.tenant = action.tenant
                and approval.action_id = action.id) then 'asked'
        else 'automatic' end as how,
    count(*) as count
from action where action.tenant = :tenant and action.id >= :since
group by 1, 2 order by 1;

-- `before`: of the ones that began before a moment, which an id of that moment stands for.
-- name: money
select action.name, action.currency,
    cast(case when action.id < :first then 1 else 0 end as bigint) as before,
    case when exists (
        select 1 from approval where approval.tenant = action.tenant
            and approval.action_id = action.id) then 'asked' else 'automatic' end as how,
    count(*) as count, cast(sum(action.amount_minor) as bigint) as minor
from action where action.tenant = :tenant and action.id >= :since
    and action.status = 'succeeded' and action.amount_minor is not null
group by 1, 2, 3, 4 order by 2, 6 desc;

-- What was refused, the newest first, with what each was judged by.
-- name: refused
select action.judgement, action.error, action.currency, action.amount_minor,
    cast(case when action.id < :first then 1 else 0 end as bigint) as before
from action where action.tenant = :tenant and action.id >= :since and action.status = 'refused'
order by action.id desc limit :limit;

-- What was done, the newest first: how long it took since it was asked for, and whether it was
-- wrong; nobody waited for a person where there is no approval.
-- name: done
select cast(case when action.id < :first then 1 else 0 end as bigint) as before,
    action.updated_at - action.created_at as took,
    cast(case when exists (
        select 1 from approval where approval.tenant = action.tenant
            and approval.action_id = action.id) then 1 else 0 end as bigint) as asked,
    cast(case when action.status = 'compensated' or exists (
        select 1 from action_wrong as wrong
        where wrong.tenant = action.tenant and wrong.action_id = action.id) then 1 else 0 end
        as bigint) as wrong
from action where action.tenant = :tenant and action.id >= :since
    and (action.status = 'succeeded' or action.status = 'compensated')
    and action.undoes is null
order by action.id desc limit :limit;

-- What people answered; a yes that was taken back, or whose card is another by now, is no answer.
-- name: votes
select vote.person, vote.decision, vote.at - approval.created_at as took, action.judgement,
    cast(case when approval.id < :first then 1 else 0 end as bigint) as before,
    cast(case when vote.decision <> 'reject' and (action.status = 'compensated' or exists (
        select 1 from action_wrong as wrong
        where wrong.tenant = action.tenant and wrong.action_id = action.id)) then 1 else 0 end
        as bigint) as reversed
from vote join approval on approval.tenant = vote.tenant and approval.id = vote.approval_id
join action on action.tenant = approval.tenant and action.id = approval.action_id
where vote.tenant = :tenant and vote.approval_id >= :since
    and (vote.decision = 'reject' or vote.revision = approval.revision)
order by vote.approval_id desc limit :limit;

-- The cards since a moment: which roles each asked, and by which judgement; a plan is one card.
-- name: cards
select approval.roles, action.judgement
from approval join action on action.tenant = approval.tenant and action.id = approval.action_id
where approval.tenant = :tenant and approval.id >= :since
    and (approval.request_id is null or not exists (
        select 1 from approval as earlier
        where earlier.tenant = approval.tenant and earlier.request_id = approval.request_id
            and earlier.id < approval.id))
order by approval.id desc limit :limit;

-- name: requests
select (request.created_at / cast(86400000000 as bigint)) as day, count(*) as count,
    sum(case when request.status = 'handed_over' then 1 else 0 end) as handed_over,
    cast(sum(request.cost_micro_usd) as bigint) as cost
from request where request.tenant = :tenant and request.id >= :since
group by 1 order by 1;
