-- name: due_action
select tenant, id, due_at, updated_at from action
where due_at - priority * 30000000 <= :now and due_at <= :now
order by due_at - priority * 30000000 limit :limit;

-- name: due_request
select tenant, id, due_at, updated_at from request
where due_at - priority * 30000000 <= :now and due_at <= :now
order by due_at - priority * 30000000 limit :limit;

-- name: next_action
select min(due_at) as due_at from action where due_at > :now;

-- name: next_request
select min(due_at) as due_at from request where due_at > :now;

-- What a clock put far ahead that has gone back since: a lease is extended by seconds, and whatever
-- else waits by itself was written by that same clock. Rates and people may take longer than that.
-- Asked before anything is locked: many wait for people, all of whose times are far ahead.
-- name: put_off_action
select id from action
where due_at > :latest and (status = 'executing'
    or (status in ('planned', 'stale', 'approved', 'unknown', 'accepted', 'succeeded', 'refused',
        'rejected', 'expired', 'withdrawn', 'failed') and updated_at > :latest))
limit 1;

-- name: bring_forward_action
update action set due_at = :now
where due_at > :latest and (status = 'executing'
    or (status in ('planned', 'stale', 'approved', 'unknown', 'accepted', 'succeeded', 'refused',
        'rejected', 'expired', 'withdrawn', 'failed') and updated_at > :latest));

-- name: bring_forward_request
update request set due_at = :now where due_at > :latest;

-- What changed since, or is sent at this moment, is sent once more: a card is found again first.
-- name: bring_forward_card
update outbox set due_at = :now where id in (
    select id from outbox
    where tenant in (select tenant from log_head) and topic in (
            select 'approval' union all select key from outbox
            where tenant in (select tenant from log_head) and topic = 'consumers'
                and substr(key, 1, 9) = 'approval.')
        and due_at > :latest and state = '{}'
    union all
    select id from outbox
    where tenant in (select tenant from log_head) and topic in (
            select 'approval' union all select key from outbox
            where tenant in (select tenant from log_head) and topic = 'consumers'
                and substr(key, 1, 9) = 'approval.')
        and due_at > :latest and state <> '{}');

-- The lease of a token's refresh, which whoever wants the token waits for.
-- name: bring_forward_refresh
update connection_token set lease_until = :now where lease_until > :latest;

-- Due, and not to be taken before a moment that a worker's clock put far ahead.
-- name: bring_forward_nudged_action
update action set nudge_at = :now where due_at <= :now and nudge_at > :latest;

-- name: bring_forward_nudged_request
update request set nudge_at = :now where due_at <= :now and nudge_at > :latest;

-- A hundred of them begin; each that goes on puts back others that waited with it.
-- name: put_back
update action set due_at = :now where (tenant, id) in (
    select tenant, id from action as held
    where held.held_by is not null and held.due_at is null
        and not exists (select 1 from stop where stop.id = held.held_by and released_at is null)
        and not exists (
            select 1 from action as holder
            where holder.tenant = held.tenant and holder.id = held.held_by
                and holder.status in ('executing', 'unknown'))
    limit 100);

-- name: left
select * from (
    select 'action' as noun, tenant, id, nudges, nudge_at, name, status from action
    where due_at - priority * 30000000 <= :now and due_at <= :now and nudge_at <= :now
    order by due_at - priority * 30000000 limit :limit) as actions
union all
select * from (
    select 'request' as noun, tenant, id, nudges, nudge_at, null as name, status from request
    where due_at - priority * 30000000 <= :now and due_at <= :now and nudge_at <= :now
    order by due_at - priority * 30000000 limit :limit) as requests;

-- name: nudge_action
update action set nudges = nudges + 1, nudge_at = :until
where tenant = :tenant and id = :id and nudge_at = :was and due_at <= :now;

-- name: nudge_request
update request set nudges = nudges + 1, nudge_at = :until
where tenant = :tenant and id = :id and nudge_at = :was and due_at <= :now;

-- name: state_of_action
select due_at, status, last_seq from action where tenant = :tenant and id = :id;

-- name: state_of_request
select due_at, status, last_seq from request where tenant = :tenant and id = :id;

-- name: told
update approval set reminded_seq = :reminded_seq, escalated_seq = :escalated_seq
where tenant = :tenant and id = :id and status = 'pending';
