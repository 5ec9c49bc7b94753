-- NOTE: a dial is of the whole database, as the policy is, so brakes name no tenant.

-- name: braked
select dial, cast(max(number) as bigint) as number from rollout_brake group by dial;

-- The entries that tell of brakes, whatever became of the rows: one look into the index of each log.
-- name: braked_entries
select log_entry.body from log_head
cross join log_entry
where log_entry.tenant = log_head.tenant and log_entry.kind = 'rollout.braked';

-- name: brake
insert into rollout_brake (tenant, dial, number, engaged_at, last_seq)
values ('*', :dial, :number, :engaged_at, :last_seq);

-- name: wrong
insert into action_wrong (tenant, action_id, dial, how, told_by, told_at, last_seq)
values (:tenant, :action_id, :dial, :how, :told_by, :told_at, :last_seq)
on conflict (tenant, action_id) do nothing;

-- name: wrong_of_action
select how, told_by from action_wrong where tenant = :tenant and action_id = :action_id;

-- name: count_wrong
select count(*) as count from action_wrong where dial = :dial and told_at >= :since;

-- name: wrong_since
select dial, cast(count(*) as bigint) as count, max(told_at) as newest from action_wrong
where told_at >= :since group by dial order by dial;

-- What shadow would have proposed, whose time is over and that nobody compared yet.
-- name: to_compare
select a.* from action a
left join shadow_comparison s on s.tenant = a.tenant and s.action_id = a.id
where a.tenant = :tenant and a.status = 'refused' and a.updated_at <= :until and a.id > :after
    and a.judgement like '%"stage":"shadow"%' and s.action_id is null
order by a.id limit :limit;

-- name: compared (count unread)
insert into shadow_comparison (tenant, action_id, dial, class, seen_minor, compared_at)
values (:tenant, :action_id, :dial, :class, :seen_minor, :compared_at)
on conflict (tenant, action_id) do nothing;

-- name: comparisons
select s.dial, s.class, s.seen_minor, s.action_id, a.subject_id, a.created_at, a.amount_minor,
    a.currency
from shadow_comparison s join action a on a.tenant = s.tenant and a.id = s.action_id
where s.tenant = :tenant and s.action_id > :after order by s.action_id limit :limit;

-- What went through a dial, for its figures.
-- name: done_since
select id, name, judgement, status, created_at from action
where tenant = :tenant and status = 'succeeded' and id > :after and created_at >= :since
order by id limit :limit;
