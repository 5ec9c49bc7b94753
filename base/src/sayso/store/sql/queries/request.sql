-- name: insert
insert into request (tenant, id, idempotency_key, fingerprint, requester, subject_id, assurance,
    messages_ref, words_ref, status, traceparent, due_at, created_at, updated_at, last_seq, priority,
    conversation)
values (:tenant, :id, :idempotency_key, :fingerprint, :requester, :subject_id, :assurance,
    :messages_ref, :words_ref, :status, :traceparent, :due_at, :created_at, :updated_at, :last_seq,
    :priority, :conversation);

-- name: by_id
select * from request where tenant = :tenant and id = :id;

-- name: by_key
select * from request
where tenant = :tenant and idempotency_key in (:idempotency_key, :erased_key);

-- name: page
select * from request
where tenant = :tenant and id < coalesce(cast(:after as text), '~')
    and (cast(:status as text) is null or status = :status)
order by id desc limit :limit;

-- Requests of a customer that wait for an answer, newest first.
-- name: waiting
select * from request
where tenant = :tenant and subject_id = :subject_id and status = 'needs_customer'
order by id desc limit 20;

-- What is not over in a thread of a customer's, newest first.
-- name: open_in_thread
select * from request
where tenant = :tenant and subject_id = :subject_id and conversation = :conversation
    and status in ('received', 'needs_customer', 'acting', 'handed_over')
order by id desc limit 20;

-- Any of a desk's thread; where the thread is one customer's, all are theirs.
-- name: of_desk_thread
select * from request
where tenant = :tenant and conversation = :conversation and conversation like 'desk:%'
limit 1;

-- What was told last in a thread of a customer's of something that was asked for.
-- name: answered_in_thread
select * from request
where tenant = :tenant and subject_id = :subject_id and conversation = :conversation
    and status = 'answered' and plan is not null
order by id desc limit 1;

-- What was written in a thread of a customer's after one of its requests, newest first.
-- name: later_in_thread
select words_ref, assurance from request
where tenant = :tenant and subject_id = :subject_id and conversation = :conversation
    and id <> :id and created_at >= :since
order by id desc limit 5;

-- name: keep_answer
insert into request_answer (tenant, key_sha256, request_id, fingerprint)
values (:tenant, :key_sha256, :request_id, :fingerprint);

-- name: answered_by
select * from request_answer where tenant = :tenant and key_sha256 = :key_sha256;

-- name: claim
update request set fence = fence + 1, attempts = attempts + 1, due_at = :due_at
where tenant = :tenant and id = :id and fence = :fence and due_at <= :now;

-- name: release
update request set due_at = :due_at
where tenant = :tenant and id = :id and fence = :fence;

-- One that has joined an equal one is open as long as that is: the customer hears how it ended.
-- name: open_actions
select count(*) as count from action a where a.tenant = :tenant and a.request_id = :request_id
    and (a.status not in ('refused', 'rejected', 'expired', 'withdrawn', 'succeeded', 'failed',
            'compensated')
        or (a.status = 'refused' and a.error like '%"joins"%' and exists (
            select 1 from action j where j.tenant = a.tenant and j.subject_id = a.subject_id
                and j.fingerprint = a.fingerprint and j.status not in ('refused', 'rejected',
                    'expired', 'withdrawn', 'succeeded', 'failed', 'compensated')
                and a.error like '%"joins":"' || j.id || '"%')));

-- name: park
update request set attempts = 0, due_at = case
    when status in ('answered', 'handed_over', 'withdrawn') then null
    when status = 'needs_customer' then cast(:expires_at as bigint)
    when exists (
        select 1 from action a where a.tenant = :tenant and a.request_id = :id
            and (a.status not in ('refused', 'rejected', 'expired', 'withdrawn', 'succeeded',
                'failed', 'compensated')
                or (a.status = 'refused' and a.error like '%"joins"%' and exists (
                    select 1 from action j where j.tenant = a.tenant
                        and j.subject_id = a.subject_id and j.fingerprint = a.fingerprint
                        and j.status not in ('refused', 'rejected', 'expired', 'withdrawn',
                            'succeeded', 'failed', 'compensated')
                        and a.error like '%"joins":"' || j.id || '"%')))) then null
    else cast(:now as bigint) end
where tenant = :tenant and id = :id and fence = :fence;

-- name: move
update request set status = :status, planner = coalesce(:planner, planner),
    plan = coalesce(:plan, plan), question = :question, turns = coalesce(:turns, turns),
    reply_ref = coalesce(:reply_ref, reply_ref),
    due_at = case when :status = 'withdrawn' then null else coalesce(:due_at, due_at) end,
    tokens = tokens + :tokens, cost_micro_usd = cost_micro_usd + :cost_micro_usd,
    updated_at = :updated_at, last_seq = :last_seq
where tenant = :tenant and id = :id and last_seq = :was_seq;

-- What was told is not so any more.
-- name: wake_again (count unread)
update request set due_at = :now
where tenant = :tenant and id = :id and status = 'answered' and erased_seq is null;

-- Requests whose action has joined this one, which has ended: those that were told how it stands are
-- told anew only when that `changed`.
-- name: wake_joined (count unread)
update request set due_at = :now
where tenant = :tenant and erased_seq is null
    and (status in ('acting', 'needs_customer', 'withdrawn') or (status = 'answered' and cast(:changed as bigint) = 1))
    and id in (
        select a.request_id from action a where a.tenant = :tenant
            and a.subject_id = :subject_id and a.fingerprint = :fingerprint
            and a.status = 'refused' and a.request_id is not null
            and a.error like '%"joins":"' || :action_id || '"%');

-- Also where a person has asked the customer something, and it was decided without the answer; and
-- of what was taken back, once what was under way has ended.
-- name: wake (count unread)
update request set due_at = :now
where tenant = :tenant and id = :id and status in ('acting', 'needs_customer', 'withdrawn')
    and erased_seq is null
    and not exists (
        select 1 from action where action.tenant = :tenant and action.request_id = :id
            and action.status not in ('refused', 'rejected', 'expired', 'withdrawn', 'succeeded',
                'failed', 'compensated'));

-- A customer's newest ones, by one of their accounts.
-- name: of_subject
select * from request where tenant = :tenant and subject_id = :subject_id
order by id desc limit :limit;

-- Whether anybody ever asked in words, and whether anything was ever asked for.
-- name: used
select cast(case when exists (select 1 from request) then 1 else 0 end as bigint) as asked,
    cast(case when exists (select 1 from action) then 1 else 0 end as bigint) as acted;
