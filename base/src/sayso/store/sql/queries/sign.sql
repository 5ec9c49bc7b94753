-- What signs on a card look at; each is bounded, however much there is.

-- name: of_subject
select name, status, amount_minor, currency, request_id, created_at from action
where tenant = :tenant and subject_id = :subject_id and requester <> 'system:desk' and created_at >= :since
    and id <> :but and coalesce(request_id, '-') <> :but_request
order by created_at desc limit :limit;

-- What waits for people of a customer, the oldest first: they have few, the tenant may have many, so
-- `status || ''` keeps the index by status out of it.
-- name: open_of_subject
select * from action
where tenant = :tenant and subject_id = :subject_id and status || '' = 'pending_approval'
    and id <> :but and coalesce(request_id, '-') <> :but_request
order by created_at, id limit :limit;

-- The predicate is the one of the index `action_amounts`.
-- name: amounts
select amount_minor from action
where tenant = :tenant and name = :name and currency = :currency
    and status = 'succeeded' and amount_minor is not null
order by id desc limit :limit;
