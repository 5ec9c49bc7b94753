-- A row for the topic itself, and one for the queue of each further consumer of it: whose name is
-- `TOPIC.CONSUMER`, and which is noted under the topic `consumers`, with an empty state.
-- name: put (count unread)
insert into outbox (tenant, topic, key, version, due_at)
select :tenant, queue, :key, 1, cast(:now as bigint) from (
    select cast(:topic as text) as queue
    union all
    select key from outbox where tenant = :tenant and topic = 'consumers' and state = '{}'
        and substr(key, 1, length(:topic) + 1) = :topic || '.'
) as queues where true
on conflict (tenant, topic, key) do update set version = outbox.version + 1, due_at = :now;

-- name: put_for_action (count unread)
insert into outbox (tenant, topic, key, version, due_at)
select :tenant, queue, approval.id, 1, cast(:now as bigint) from (
    select cast(:topic as text) as queue
    union all
    select key from outbox where tenant = :tenant and topic = 'consumers' and state = '{}'
        and substr(key, 1, length(:topic) + 1) = :topic || '.'
) as queues cross join approval
where approval.tenant = :tenant and approval.id = coalesce(
    (select max(id) from approval where tenant = :tenant and action_id = :action_id),
    -- A step that needed nobody is shown with the others of its plan.
    (select min(id) from approval where tenant = :tenant and request_id = :request_id))
on conflict (tenant, topic, key) do update set version = outbox.version + 1, due_at = :now;

-- name: subscribe
insert into outbox (tenant, topic, key, version) values (:tenant, 'consumers', :queue, 1)
on conflict (tenant, topic, key) do update set state = '{}';

-- name: unsubscribe
update outbox set state = '{"left": true}'
where tenant = :tenant and topic = 'consumers' and key = :queue;

-- What of a topic a consumer's queue lacks, or has in an older version, by pages.
-- name: missed
select whole.key from outbox as whole
left join outbox as had
    on had.tenant = whole.tenant and had.topic = :queue and had.key = whole.key
where whole.tenant = :tenant and whole.topic = :topic and whole.key > :after
    and (had.version is null or had.version < whole.version)
order by whole.key limit :limit;

-- name: catch_up
insert into outbox (tenant, topic, key, version, due_at)
select whole.tenant, cast(:queue as text), whole.key, whole.version, cast(:now as bigint)
from outbox as whole
left join outbox as had
    on had.tenant = whole.tenant and had.topic = :queue and had.key = whole.key
where whole.tenant = :tenant and whole.topic = :topic
    and whole.key > :after and whole.key <= :last
    and (had.version is null or had.version < whole.version)
on conflict (tenant, topic, key) do update set version = excluded.version, due_at = :now;

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

-- Of the cards of each customer of whoever asked, the oldest that is due: of those that were sent
-- already, and of the others. A flood of one of them is one row here.
-- name: due_cards
select id, tenant, key, version, state, attempts, asker, customer, moves from (
    select due.id, due.tenant, due.key, due.version, due.state, due.attempts, due.due_at,
        coalesce(request.requester, action.requester) as asker, action.subject_id as customer,
        cast(case when action.amount_minor > 0 then 1 else 0 end as bigint) as moves,
        row_number() over (
            partition by due.sent, coalesce(request.requester, action.requester), action.subject_id
            order by due.due_at, due.id) as turn
    from (
        select id, tenant, key, version, state, attempts, due_at, 1 as sent from outbox
        where tenant = :tenant and topic = :topic and due_at <= :now and state <> '{}'
        union all
        select id, tenant, key, version, state, attempts, due_at, 0 as sent from outbox
        where tenant = :tenant and topic = :topic and due_at <= :now and state = '{}'
    ) as due
    -- NOTE: SQLite keeps the order of `cross join`; by another one it walks every approval.
    cross join approval cross join action
    left join request on request.tenant = action.tenant and request.id = action.request_id
    where approval.tenant = due.tenant and approval.id = due.key
        and action.tenant = approval.tenant and action.id = approval.action_id
) as cards
where turn = 1 order by due_at, id limit :limit;

-- name: by_key
select id, tenant, key, version, state, attempts from outbox
where tenant = :tenant and topic = :topic and key = :key;

-- name: lease (beside)
update outbox set due_at = :until, attempts = attempts + 1 where id = :id and due_at <= :now;

-- name: sent (beside)
update outbox set state = :state, attempts = 0,
    due_at = case when version = :version then null else cast(:now as bigint) end
where id = :id;

-- name: keep (beside)
update outbox set state = :state where id = :id;
