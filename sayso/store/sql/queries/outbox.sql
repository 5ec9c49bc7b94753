-- name: put (count unread)
insert into outbox (tenant, topic, key, version, due_at) values (:tenant, :topic, :key, 1, :now)
on conflict (tenant, topic, key) do update set version = outbox.version + 1, due_at = :now;

-- name: put_for_action (count unread)
insert into outbox (tenant, topic, key, version, due_at)
select tenant, :topic, id, 1, cast(:now as bigint) from approval
where tenant = :tenant and id = coalesce(
    (select max(id) from approval where tenant = :tenant and action_id = :action_id),
    -- A step that needed nobody is shown with the others of its plan.
    (select min(id) from approval where tenant = :tenant and request_id = :request_id))
on conflict (tenant, topic, key) do update set version = outbox.version + 1, due_at = :now;

-- name: due
-- So many of those that were sent already and so many of the others: neither kind waits for the other.
select * from (
    select id, tenant, key, version, state, attempts from outbox
    where tenant = :tenant and topic = :topic and due_at <= :now and state <> '{}'
    order by due_at limit :limit
) as sent
union all
select * from (
    select id, tenant, key, version, state, attempts from outbox
    where tenant = :tenant and topic = :topic and due_at <= :now and state = '{}'
    order by due_at limit :limit
) as unsent;

-- name: by_key
select id, tenant, key, version, state, attempts from outbox
where tenant = :tenant and topic = :topic and key = :key;

-- name: lease
update outbox set due_at = :until, attempts = attempts + 1 where id = :id and due_at <= :now;

-- name: sent
update outbox set sent_version = :version, state = :state, attempts = 0,
    due_at = case when version = :version then null else cast(:now as bigint) end
where id = :id;
