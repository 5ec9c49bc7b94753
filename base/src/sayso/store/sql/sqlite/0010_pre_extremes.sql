-- What is asked at each judgement and each claim, found as quickly where there is much of it.

-- Holds all that is asked about a customer's past, so that no row is read for it.
-- NOTE: a query uses the index only with these very states.
create index action_history on action (tenant, subject_id, name, created_at, id, currency,
    amount_minor)
    where status in ('pending_approval', 'approved', 'executing', 'unknown', 'succeeded', 'stale');

-- The stops in force by what they hold, and apart from them those that hold everything.
drop index stop_in_force;
create index stop_in_force on stop (tenant, scope, target) where released_at is null;
create index stop_of_all on stop (tenant)
    where released_at is null and scope not in ('connector', 'action', 'customer');
