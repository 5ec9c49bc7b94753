-- The log of whoever runs the workspace, which each other database has a copy of.

-- name: entries
select coalesce(max(seq), -1) + 1 as size from log_entry where tenant = :tenant;

-- name: versions_after
select number, home, sha256, parent, direction, activated_by, asked_by, via, note, activated_at,
    last_seq, content
from policy_version where tenant = '*' and home = :home and number > :after order by number;

-- name: newest_version
select coalesce(max(number), 0) as number from policy_version where tenant in (:tenant, '*');

-- name: stops_of_all
select * from stop where tenant = '*' and home = :home order by id;

-- Of a stop that is known, only what the newer row says.
-- name: stop_taken (count unread)
insert into stop (tenant, id, home, scope, target, reason, engaged_by, engaged_at, asked_by,
    asked_at, asked_key, released_by, released_at, released_key, idempotency_key, last_seq,
    erased_seq)
values (:tenant, :id, :home, :scope, :target, :reason, :engaged_by, :engaged_at, :asked_by,
    :asked_at, :asked_key, :released_by, :released_at, :released_key, :idempotency_key, :last_seq,
    :erased_seq)
on conflict (tenant, id) do update set asked_by = :asked_by, asked_at = :asked_at,
    asked_key = :asked_key, released_by = :released_by, released_at = :released_at,
    released_key = :released_key, last_seq = :last_seq
where stop.last_seq < :last_seq and stop.released_at is null;

-- Stops of every tenant that a tenant's own log tells of; it takes nothing along that others obey.
-- name: stops_for_others
select id from stop where home = :home and tenant = '*' and released_at is null limit 1;

-- A tenant that is being moved: what is due waits, and comes due by itself if nobody goes on.

-- name: park_actions
update action set due_at = :until
where tenant = :tenant and due_at < :until and status <> 'executing';

-- name: park_requests
update request set due_at = :until where tenant = :tenant and due_at < :until;

-- name: park_outbox
update outbox set due_at = :until where tenant = :tenant and due_at <= :now;

-- name: park_webhooks
update webhook set due_at = :until where tenant = :tenant and due_at < :until;

-- name: wake_actions
update action set due_at = :now where tenant = :tenant and due_at <= :until and due_at > :now;

-- name: wake_requests
update request set due_at = :now where tenant = :tenant and due_at <= :until and due_at > :now;

-- name: wake_outbox
update outbox set due_at = :now where tenant = :tenant and due_at <= :until and due_at > :now;

-- name: wake_webhooks
update webhook set due_at = :now where tenant = :tenant and due_at <= :until and due_at > :now;

-- What somebody has in hand: a call to a provider, a webhook.
-- name: in_hand
select
    (select count(*) from action
        where tenant = :tenant and status = 'executing' and due_at > :now) as calls,
    (select count(*) from webhook_delivery
        where tenant = :tenant and leased = 1 and due_at > :now) as deliveries;
