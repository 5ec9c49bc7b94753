-- name: begin (count unread)
insert into desk (tenant, name, begun_at, read_to, due_at)
values (:tenant, :name, :now, :read_to, :now)
on conflict (tenant, name) do nothing;

-- name: by_name
select * from desk where tenant = :tenant and name = :name;

-- One process sweeps at a time: who takes it puts off when it is due, and whoever finds it due
-- meanwhile waits for the end of the lease.
-- name: lease
update desk set leased_until = :until, due_at = :until
where tenant = :tenant and name = :name and due_at <= :now and leased_until <= :now;

-- While it is swept: by whoever holds the lease alone.
-- name: renew
update desk set leased_until = :until,
    due_at = case when due_at = :held then :until else due_at end
where tenant = :tenant and name = :name and leased_until = :held;

-- By whoever holds the lease alone; what rings while it is swept keeps it due.
-- name: move_cursor
update desk set cursor = :cursor, leased_until = :until,
    due_at = case when due_at = :held then :until else due_at end
where tenant = :tenant and name = :name and cursor = :was and leased_until = :held;

-- What rang while it was swept keeps it due, here and in `failed`.
-- name: swept (count unread)
update desk set swept_at = :now, problem = null, failing_since = null, leased_until = 0,
    due_at = case when due_at = :held then :due_at else due_at end
where tenant = :tenant and name = :name and leased_until = :held;

-- name: failed (count unread)
update desk set due_at = case when due_at = :held then :due_at else due_at end, leased_until = 0,
    problem = :problem,
    failing_since = coalesce(failing_since, :now)
where tenant = :tenant and name = :name and leased_until = :held;

-- name: read_on
update desk set read_to = :read_to where tenant = :tenant and name = :name and read_to = :was;

-- name: sweep_now
update desk set due_at = :now where tenant = :tenant and name = :name and due_at > :now;

-- name: ring (count unread)
insert into desk_thread (tenant, desk, id, rung, due_at, created_at)
values (:tenant, :desk, :id, 1, cast(:now as bigint), :now)
on conflict (tenant, desk, id) do update set rung = desk_thread.rung + 1, due_at = :now;

-- The same where a sweep names it: a time of change that is known says something new alone while
-- there may be another change of that time, and each time after twice as long.
-- name: ring_changed
insert into desk_thread (tenant, desk, id, rung, due_at, created_at, changed_at, named_at)
values (:tenant, :desk, :id, 1, cast(:now as bigint), :now, :changed_at, :now)
on conflict (tenant, desk, id) do update
set rung = desk_thread.rung + 1, due_at = :now, changed_at = :changed_at, named_at = :now
where desk_thread.changed_at is null or desk_thread.changed_at <> :changed_at
    or (desk_thread.named_at < :changed_at + :settles
        and :now - desk_thread.named_at >= desk_thread.named_at - :changed_at);

-- name: wake (count unread)
update desk_thread set woken = woken + 1, due_at = :now
where tenant = :tenant and desk = :desk and id = :id;

-- name: due
select * from desk_thread
where tenant = :tenant and desk = :desk and due_at <= :now and leased_until <= :now
order by due_at limit :limit;

-- name: next_due
select min(case when due_at > leased_until then due_at else leased_until end) as at
from desk_thread where tenant = :tenant and desk = :desk and due_at is not null;

-- name: take
update desk_thread set leased_until = :until
where tenant = :tenant and desk = :desk and id = :id and leased_until <= :now
    and due_at <= :now and rung + woken = :seen;

-- While it is attended to: by whoever holds the lease alone.
-- name: renew_thread
update desk_thread set leased_until = :until
where tenant = :tenant and desk = :desk and id = :id and leased_until = :held;

-- name: was_read (count unread)
update desk_thread set read_rung = :rung where tenant = :tenant and desk = :desk and id = :id;

-- What rang or woke it while it was in hand keeps it due.
-- name: put_back
update desk_thread set leased_until = 0, attempts = :attempts,
    due_at = case when rung + woken = :seen then cast(:due_at as bigint) else due_at end
where tenant = :tenant and desk = :desk and id = :id and leased_until = :until;

-- name: silence
update desk_thread set silent = :why, silent_at = :now
where tenant = :tenant and desk = :desk and id = :id and silent is null;

-- name: thread
select * from desk_thread where tenant = :tenant and desk = :desk and id = :id;

-- name: threads
select * from desk_thread where tenant = :tenant and desk = :desk
    and id > coalesce(cast(:after as text), '')
order by id limit :limit;

-- name: counts
select count(*) as threads,
    sum(case when due_at is not null then 1 else 0 end) as waiting,
    sum(case when silent is not null then 1 else 0 end) as silent,
    (select count(*) from desk_said where tenant = :tenant and desk = :desk and state = 'open')
        as unsaid
from desk_thread where tenant = :tenant and desk = :desk;

-- name: message
select * from desk_message
where tenant = :tenant and desk = :desk and account = :account and id = :id;

-- name: put_message
insert into desk_message (tenant, desk, account, id, thread, at, state, request_id, why)
values (:tenant, :desk, :account, :id, :thread, :at, :state, :request_id, :why)
on conflict (tenant, desk, account, id) do nothing;

-- name: messages
select * from (
    select * from desk_message where tenant = :tenant and desk = :desk and thread = :thread
    order by at desc, id desc limit 1000
) as newest order by at, id;

-- name: threads_of_request
select distinct desk, thread from desk_message
where tenant = :tenant and request_id = :request_id;

-- name: thread_of_action
select desk, thread from desk_said where tenant = :tenant and action_id = :action_id;

-- name: said
select * from (
    select * from desk_said where tenant = :tenant and desk = :desk and thread = :thread
    order by n desc limit 2000
) as newest order by n;

-- name: say
insert into desk_said (tenant, desk, thread, n, kind, about, request_id, digest, idempotency_key,
    at)
values (:tenant, :desk, :thread, :n, :kind, :about, :request_id, :digest, :key, :at)
on conflict (tenant, desk, thread, n) do nothing;

-- name: said_by (count unread)
update desk_said set action_id = :action_id
where tenant = :tenant and desk = :desk and thread = :thread and n = :n;

-- name: said_ended (count unread)
update desk_said set state = :state, why = :why
where tenant = :tenant and desk = :desk and thread = :thread and n = :n;
