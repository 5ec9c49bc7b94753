-- name: insert
insert into action (tenant, id, idempotency_key, fingerprint, requester, request_id, step, after,
    name, subject_id, assurance, args, reason_ref, planner, status, revision, snapshot, digest,
    amount_minor, currency, judgement, error, due_at, traceparent, created_at, updated_at, last_seq,
    on_failure, undoes, priority)
values (:tenant, :id, :idempotency_key, :fingerprint, :requester, :request_id, :step, :after,
    :name, :subject_id, :assurance, :args, :reason_ref, :planner, :status, :revision, :snapshot,
    :digest, :amount_minor, :currency, :judgement, :error, :due_at, :traceparent, :created_at,
    :updated_at, :last_seq, :on_failure, :undoes, :priority);

-- name: by_id
select * from action where tenant = :tenant and id = :id;

-- name: by_approval
select * from action
where tenant = :tenant
    and id = (select action_id from approval where tenant = :tenant and id = :approval_id);

-- What whoever moves an action needs: its newest entry, whether another one waits for it, whether an
-- equal one may have joined it, and its customer's key, as in `personal.subject`.
-- name: version
select action.last_seq, action.due_at, action.held_by, (
        select body from log_entry as told
        where told.tenant = action.tenant and told.action_id = action.id
            and told.kind like 'action.%' and told.status is not null
        order by told.seq desc limit 1) as told,
    cast(case when exists (
            select 1 from action as held
            where held.tenant = action.tenant and held.held_by = action.id and held.due_at is null)
        then 1 else 0 end as bigint) as holds,
    cast(case when exists (
            select 1 from action as other
            where other.tenant = action.tenant and other.subject_id = action.subject_id
                and other.name = action.name and other.status || '' = 'refused'
                and other.request_id is not null and other.fingerprint = action.fingerprint)
        then 1 else 0 end as bigint) as joined,
    subject.pseudonym, subject.key, subject.created_at
from action
left join subject on subject.tenant = action.tenant and subject.id = action.subject_id
where action.tenant = :tenant and action.id = :id;

-- name: by_key
select * from action
where tenant = :tenant and idempotency_key in (:idempotency_key, :erased_key);

-- The same, and one row where there is none, with what the log says of a key that nobody has used.
-- name: by_new_key
select (select seq from log_entry where tenant = :tenant and caller_key = :told limit 1) as told,
    action.*
from (select 1 as one) as always
left join action on action.tenant = :tenant and action.id = coalesce(
    (select id from action where tenant = :tenant and idempotency_key = :idempotency_key),
    (select id from action where tenant = :tenant and idempotency_key = :erased_key));

-- name: by_request
select * from action where tenant = :tenant and request_id = :request_id order by id;

-- name: open_names
select name, count(*) as count, min(id) as oldest, min(created_at) as since from action
where tenant = :tenant
    and status in ('planned', 'pending_approval', 'approved', 'executing', 'accepted', 'unknown',
        'stale')
group by name order by name;

-- name: page
select * from action
where tenant = :tenant
    and id < coalesce(cast(:after as text), '~')
    and (cast(:name as text) is null or name = :name)
order by id desc limit :limit;

-- Queries of their own, as in approval.sql: each walks the index of what it is asked for.
-- name: page_of_status
select * from action
where tenant = :tenant and status = :status
    and id < coalesce(cast(:after as text), '~')
    and (cast(:name as text) is null or name = :name)
order by id desc limit :limit;

-- `id || ''` keeps the primary key out of it: a customer has few actions, the tenant has many.
-- name: page_of_subject
select * from action
where tenant = :tenant and subject_id = :subject_id
    and id || '' < coalesce(cast(:after as text), '~')
    and (cast(:status as text) is null or status = :status)
    and (cast(:name as text) is null or name = :name)
order by id || '' desc limit :limit;

-- Whether anything of a customer was done, or may have been. See `was_touched`.
-- What Sayso says at a desk is nothing that was done.
-- name: touched
select cast(1 as bigint) as found from action
where tenant = :tenant and subject_id = :subject_id and requester <> 'system:desk'
    and (called_at is not null or status not in ('planned', 'stale', 'pending_approval', 'approved',
        'refused', 'rejected', 'expired', 'withdrawn'))
limit 1;

-- What most moves change; what was judged stays as it is.
-- name: move (one row)
update action set status = :status, judgement = :judgement, error = :error, receipt = :receipt,
    call_key = :call_key, call_key_until = :call_key_until, called_at = :called_at,
    fence = :fence, attempts = :attempts, due_at = :due_at, updated_at = :updated_at,
    last_seq = :last_seq, held_by = :blocked_by, occupies = :occupies
where tenant = :tenant and id = :id and last_seq = :was_seq;

-- name: update (one row)
update action set status = :status, revision = :revision, args = :args, snapshot = :snapshot,
    digest = :digest, amount_minor = :amount_minor, currency = :currency, judgement = :judgement,
    error = :error, receipt = :receipt, call_key = :call_key, call_key_until = :call_key_until,
    called_at = :called_at, fence = :fence, attempts = :attempts, due_at = :due_at,
    updated_at = :updated_at, last_seq = :last_seq, held_by = :blocked_by, occupies = :occupies
where tenant = :tenant and id = :id and last_seq = :was_seq;

-- name: heartbeat
update action set due_at = :due_at
where tenant = :tenant and id = :id and status = 'executing' and fence = :fence;

-- name: due_again
update action set due_at = :due_at where tenant = :tenant and id = :id and last_seq = :last_seq;

-- Its connector broke off; how often is nobody's state, and stands in no entry.
-- name: read_again
update action set attempts = :attempts, due_at = :due_at
where tenant = :tenant and id = :id and last_seq = :last_seq;

-- name: park
update action set due_at = null where tenant = :tenant and id = :id and last_seq = :last_seq;

-- name: hold
update action set due_at = null, held_by = :blocked_by
where tenant = :tenant and id = :id and last_seq = :last_seq;

-- A few at a time: each that goes on wakes some of those that are left.
-- name: wake_held (count unread)
update action set due_at = :now
where tenant = :tenant and id in (
    select id from action
    where tenant = :tenant and held_by = :blocked_by and due_at is null limit 10);

-- name: wake_dependents (count unread)
update action set due_at = :now
where tenant = :tenant and request_id = :request_id and after <> '[]'
    and status in ('approved', 'pending_approval');

-- name: wake_plan (count unread)
update action set due_at = :now
where tenant = :tenant and request_id = :request_id and undoes is null
    and status in ('planned', 'stale', 'approved', 'pending_approval');

-- Another action that was called for a customer, and was settled or put back since a moment.
-- name: settled_since
select max(last_seq) as last_seq from action
where tenant = :tenant and subject_id = :subject_id and call_key is not null
    and updated_at >= :since and status <> 'executing' and id <> :id;

-- name: history
select count(*) as count,
    cast(coalesce(sum(
        case when coalesce(currency, '') = coalesce(:currency, '') then amount_minor else 0 end), 0)
        as bigint) as amount_minor,
    -- Whether anything ever told of a link of the account, row or entry, as in `link.of_account`.
    cast(case when exists (select 1 from customer_link
            where tenant = :tenant and ended_at is null and account
                = (select pseudonym from subject where tenant = :tenant and id = :subject_id))
        or exists (select 1 from customer_link
            where tenant = :tenant and ended_at is null and other
                = (select pseudonym from subject where tenant = :tenant and id = :subject_id))
        or exists (select 1 from log_entry
            where tenant = :tenant and substr(body, 1, 8) = '{"actor"'
                and instr(body, '"linked_with":"') > 0 and subject
                = (select pseudonym from subject where tenant = :tenant and id = :subject_id))
        or exists (select 1 from log_entry
            where tenant = :tenant and substr(body, 1, 8) = '{"actor"'
                and instr(body, '"linked_with":"') > 0
                and substr(body, instr(body, '"linked_with":"') + 15, 28) = (select pseudonym || ''
                    from subject where tenant = :tenant and id = :subject_id))
        then 1 else 0 end as bigint) as linked,
    -- Whether it is the first action of the account that anybody asked for.
    cast(case when exists (select 1 from action as other
            where other.tenant = :tenant and other.subject_id = :subject_id and other.id <> :but)
        then 0 else 1 end as bigint) as first
from action
where tenant = :tenant and subject_id = :subject_id and name = :name and created_at >= :since
    and id <> :but
    and status in ('pending_approval', 'approved', 'executing', 'accepted', 'unknown', 'succeeded',
        'stale');

-- What may be looked for by words that are erased with their customer: the join leaves out whom
-- somebody erases just now, whose key is gone first.
-- name: of_cases
select action.* from action
join subject on subject.tenant = action.tenant and subject.id = action.subject_id
where action.tenant = :tenant and action.erased_seq is null and action.id < :before
    and action.created_at < :until and action.updated_at >= :since
order by action.id desc limit :limit;
