-- name: insert
insert into webhook (tenant, id, sealed, idempotency_key, via, created_at, read_to, read_seal,
    due_at, last_seq)
values (:tenant, :id, :sealed, :idempotency_key, :via, :created_at, :read_to, :read_seal,
    :due_at, :last_seq);

-- name: by_id
select * from webhook where tenant = :tenant and id = :id;

-- name: by_key
select * from webhook where tenant = :tenant and idempotency_key = :idempotency_key;

-- name: of_tenant
select * from webhook where tenant = :tenant order by id;

-- name: rotate (one row)
update webhook set sealed = :sealed, via = :via, last_seq = :last_seq
where tenant = :tenant and id = :id;

-- name: disable (one row)
update webhook set disabled_at = :now, disabled_why = :why, via = :via, last_seq = :last_seq
where tenant = :tenant and id = :id;

-- name: enable (one row)
update webhook set disabled_at = null, disabled_why = null, due_at = :now, failures = 0,
    failing_since = null, problem = null, via = :via, last_seq = :last_seq
where tenant = :tenant and id = :id;

-- name: rewind (one row)
update webhook set read_to = :read_to, read_seal = :read_seal, due_at = :now, via = :via, last_seq = :last_seq
where tenant = :tenant and id = :id;

-- name: remove (one row)
delete from webhook where tenant = :tenant and id = :id;

-- name: forget (count unread)
delete from webhook_delivery where tenant = :tenant and webhook_id = :id;

-- Those for which something is to be done now: entries that were not read for them yet, or a
-- delivery that is due.
-- One that has read further than the log goes was moved by another program, see `_read_to`.
-- INVARIANT: nobody is called whom the log has removed or disabled, though their row was put back.
-- name: due
select w.* from webhook w
where w.disabled_at is null and w.due_at <= :now and (
    exists (select 1 from log_head h where h.tenant = w.tenant and h.size - 1 <> w.read_to)
    or exists (
        select 1 from webhook_delivery d
        where d.tenant = w.tenant and d.webhook_id = w.id and d.due_at <= :now))
    and coalesce((
        select told.kind from log_entry told
        where told.tenant = w.tenant and told.kind >= 'webhook.' and told.kind < 'webhook/'
            and told.body like '%"webhook":"' || w.id || '"%'
        order by told.seq desc limit 1), '') not in ('webhook.removed', 'webhook.disabled')
order by w.due_at limit :limit;

-- name: next_due
select min(at) as at from (
    select w.due_at as at from webhook w where w.disabled_at is null and w.due_at > :now
    union all
    select min(d.due_at) as at from webhook w
    join webhook_delivery d on d.tenant = w.tenant and d.webhook_id = w.id and d.due_at > :now
    where w.disabled_at is null) as moments;

-- INVARIANT: whoever has put the entries of a page into deliveries has moved this in the same
-- transaction, so that no entry is left out and none is put in twice by two at once.
-- name: read_on
update webhook set read_to = :read_to, read_seal = :read_seal
where tenant = :tenant and id = :id and read_to = :was and disabled_at is null;

-- From which entry on everything was told, by the newest word of the log about it.
-- name: begins
select seq, body from (
    select seq, body from log_entry
    where tenant = :tenant and kind = 'webhook.added'
        and body like '%"webhook":"' || :id || '"%'
    union all
    select seq, body from log_entry
    where tenant = :tenant and kind = 'webhook.replayed'
        and body like '%"webhook":"' || :id || '"%') as told
order by seq desc limit 1;

-- An item that waits already is told from the earlier place on, which may be a replay's.
-- name: put (count unread)
insert into webhook_delivery (tenant, webhook_id, item_id, after_seq, to_seq, due_at)
values (:tenant, :id, :item_id, :after_seq, :to_seq, :now)
on conflict (tenant, webhook_id, item_id) do update set
    after_seq = case when webhook_delivery.after_seq < excluded.after_seq
        then webhook_delivery.after_seq else excluded.after_seq end,
    to_seq = case when webhook_delivery.to_seq > excluded.to_seq
        then webhook_delivery.to_seq else excluded.to_seq end;

-- name: deliveries_due
select * from webhook_delivery
where tenant = :tenant and webhook_id = :id and due_at <= :now order by due_at limit :limit;

-- name: lease
update webhook_delivery set leased = 1, attempts = attempts + 1, due_at = :until
where tenant = :tenant and webhook_id = :id and item_id = :item_id and due_at <= :now;

-- name: done
delete from webhook_delivery
where tenant = :tenant and webhook_id = :id and item_id = :item_id and attempts = :attempts
    and after_seq = :was and to_seq <= :after_seq;

-- name: arrived
update webhook_delivery set after_seq = :after_seq, attempts = 0, leased = 0, due_at = :now
where tenant = :tenant and webhook_id = :id and item_id = :item_id and attempts = :attempts
    and after_seq = :was;

-- name: failed
update webhook_delivery set after_seq = :after_seq, leased = 0, due_at = :due_at
where tenant = :tenant and webhook_id = :id and item_id = :item_id and attempts = :attempts
    and after_seq = :was;

-- name: endpoint_failed (count unread)
update webhook set failures = failures + 1, problem = :problem, due_at = :due_at,
    failing_since = coalesce(failing_since, cast(:now as bigint))
where tenant = :tenant and id = :id;

-- name: endpoint_well
update webhook set failures = 0, problem = null, failing_since = null, due_at = :now
where tenant = :tenant and id = :id and failures > 0;

-- Whoever is back is told at once of what has failed meanwhile.
-- name: bring_forward (count unread)
update webhook_delivery set due_at = :now
where tenant = :tenant and webhook_id = :id and attempts > 0 and leased = 0 and due_at > :now;

-- What a clock put far ahead that has gone back since.
-- name: bring_forward_all (count unread)
update webhook_delivery set due_at = :now where due_at > :latest;

-- name: waiting
select count(*) as count, min(after_seq) as oldest from webhook_delivery
where tenant = :tenant and webhook_id = :id;

-- name: newest_before
select seq from log_entry where tenant = :tenant and at < :at order by seq desc limit 1;
