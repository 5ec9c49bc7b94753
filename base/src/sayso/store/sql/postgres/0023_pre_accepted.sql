-- What a provider has taken on counts in a customer's past as what it has done.

-- NOTE: a query uses the index only with these very states.
drop index action_history;
create index action_history on action (tenant, subject_id, name, created_at, id, currency,
    amount_minor)
    where status in ('pending_approval', 'approved', 'executing', 'accepted', 'unknown', 'succeeded',
        'stale');
