-- name: insert
insert into action (tenant, id, idempotency_key, fingerprint, requester, request_id, step, after,
    name, subject_id, assurance, args, reason_ref, planner, status, revision, snapshot, digest,
    amount_minor, currency, judgement, error, due_at, traceparent, created_at, updated_at, last_seq)
values (:tenant, :id, :idempotency_key, :fingerprint, :requester, :request_id, :step, :after,
    :name, :subject_id, :assurance, :args, :reason_ref, :planner, :status, :revision, :snapshot,
    :digest, :amount_minor, :currency, :judgement, :error, :due_at, :traceparent, :created_at,
    :updated_at, :last_seq);

-- name: by_id
select * from action where tenant = :tenant and id = :id;

-- name: by_key
select * from action where tenant = :tenant and idempotency_key = :idempotency_key;

-- name: by_request
select * from action where tenant = :tenant and request_id = :request_id order by id;

-- name: page
select * from action
where tenant = :tenant
    and (:after is null or id < :after)
    and (:status is null or status = :status)
    and (:subject_id is null or subject_id = :subject_id)
    and (:name is null or name = :name)
order by id desc limit :limit;

-- name: due
select tenant, id, due_at from action where due_at <= :now order by due_at limit :limit;

-- name: next_due
select min(due_at) as due_at from action where due_at is not null;

-- name: move
update action set status = :status, error = :error, due_at = :due_at, attempts = :attempts,
    updated_at = :updated_at, last_seq = :last_seq
where tenant = :tenant and id = :id and status = :was and fence = :fence;

-- name: claim
update action set status = 'executing', fence = fence + 1, attempts = attempts + 1,
    due_at = :due_at, call_key = :call_key,
    call_key_until = coalesce(call_key_until, :call_key_until),
    called_at = coalesce(called_at, :called_at),
    updated_at = :updated_at, last_seq = :last_seq
where tenant = :tenant and id = :id and status = :was and fence = :fence;

-- name: heartbeat
update action set due_at = :due_at
where tenant = :tenant and id = :id and status = 'executing' and fence = :fence;

-- name: settle
update action set status = :status, receipt = :receipt, error = :error, due_at = :due_at,
    attempts = :attempts, updated_at = :updated_at, last_seq = :last_seq
where tenant = :tenant and id = :id and status = :was and fence = :fence;

-- name: revise
update action set status = :status, revision = :revision, args = :args, snapshot = :snapshot,
    digest = :digest, amount_minor = :amount_minor, currency = :currency, judgement = :judgement,
    error = :error, due_at = :due_at, attempts = 0, updated_at = :updated_at, last_seq = :last_seq
where tenant = :tenant and id = :id and status = :was and fence = :fence
    and revision = :was_revision;

-- name: wake_dependents
update action set due_at = :now
where tenant = :tenant and request_id = :request_id and status = 'approved' and due_at is null;

-- name: history
select count(*) as count,
    coalesce(sum(case when currency is :currency then amount_minor else 0 end), 0) as amount_minor
from action
where tenant = :tenant and subject_id = :subject_id and name = :name and created_at >= :since
    and id <> :but
    and status in ('pending_approval', 'approved', 'executing', 'unknown', 'succeeded', 'stale');

-- name: money_out
select currency, name, sum(amount_minor) as amount_minor, count(*) as count from action
where tenant = :tenant and status = 'succeeded' and amount_minor is not null
group by currency, name order by currency, name;
