-- name: begin
insert into erasure (tenant, id, pseudonym, subject_id, reason, asked_by, key_sha256, begun_seq,
    begun_at)
values (:tenant, :id, :pseudonym, :subject_id, :reason, :asked_by, :key_sha256, :begun_seq,
    :begun_at);

-- name: finish
update erasure set subject_id = null, done_seq = :done_seq, done_at = :done_at
where tenant = :tenant and id = :id and done_seq is null;

-- name: by_id
select * from erasure where tenant = :tenant and id = :id;

-- name: by_key
select * from erasure where tenant = :tenant and key_sha256 = :key_sha256;

-- name: of_subject
select * from erasure where tenant = :tenant and subject_id = :subject_id;

-- name: under_way
select * from erasure where tenant = :tenant and subject_id is not null order by id;

-- name: page
select * from erasure where tenant = :tenant and id < coalesce(cast(:after as text), '~')
order by id desc limit :limit;

-- name: destroy_key
delete from subject where tenant = :tenant and id = :id;

-- name: subject_named
select id, pseudonym from subject where tenant = :tenant and pseudonym = :pseudonym;

-- name: delete_texts
delete from personal where tenant = :tenant and ref in (
    select ref from personal where tenant = :tenant and pseudonym = :pseudonym limit :limit);

-- name: delete_text
delete from personal where tenant = :tenant and ref = :ref;

-- name: texts_of
select p.ref, p.nonce, p.ciphertext, s.key from personal p
join subject s on s.tenant = p.tenant and s.pseudonym = p.pseudonym
where p.tenant = :tenant and p.pseudonym = :pseudonym order by p.ref || '';

-- name: anything_of
select cast(1 as bigint) as found from action where tenant = :tenant and subject_id = :subject_id
union all select cast(1 as bigint) from request where tenant = :tenant and subject_id = :subject_id
union all select cast(1 as bigint) from stop
where tenant = :tenant and scope = 'customer' and target = :subject_id
limit 1;

-- name: blanked
select cast(1 as bigint) as found from action
where tenant = :tenant and subject_id = :subject_id and erased_seq is not null
union all
select cast(1 as bigint) from request
where tenant = :tenant and subject_id = :subject_id and erased_seq is not null
limit 1;

-- As in action.sql, `id || ''` keeps the primary key out of it: a customer has few rows, the tenant
-- has many.
-- name: open_actions
select * from action
where tenant = :tenant and subject_id = :subject_id
    and status not in ('refused', 'rejected', 'expired', 'withdrawn', 'succeeded', 'failed',
        'compensated')
order by id || '';

-- name: open_requests
select * from request
where tenant = :tenant and subject_id = :subject_id and status not in ('answered', 'handed_over', 'withdrawn')
order by id;

-- name: stops_in_force
select id from stop
where tenant = :tenant and scope = 'customer' and target = :subject_id and released_at is null
order by id || '';

-- name: actions_left
select * from action
where tenant = :tenant and subject_id = :subject_id and erased_seq is null
order by id || '' limit :limit;

-- name: actions_of
select * from action where tenant = :tenant and subject_id = :subject_id order by id || '';

-- name: requests_left
select * from request
where tenant = :tenant and subject_id = :subject_id and erased_seq is null order by id limit :limit;

-- name: requests_of
select * from request where tenant = :tenant and subject_id = :subject_id order by id;

-- name: stops_of
select * from stop
where tenant = :tenant and scope = 'customer' and target = :subject_id order by id || '';

-- name: approvals_of
select * from approval where tenant = :tenant and action_id = :action_id order by id;

-- name: blank_action
update action set subject_id = :pseudonym, idempotency_key = :idempotency_key, fingerprint = '',
    args = '{}', snapshot = :snapshot, judgement = :judgement, error = :error, receipt = :receipt,
    due_at = null, erased_seq = :erased_seq
where tenant = :tenant and id = :id and erased_seq is null;

-- name: blank_approval
update approval set view = :view, erased_seq = :erased_seq
where tenant = :tenant and id = :id and erased_seq is null;

-- name: blank_request
update request set subject_id = :pseudonym, idempotency_key = :idempotency_key, fingerprint = '',
    plan = :plan, question = null, conversation = null, erased_seq = :erased_seq
where tenant = :tenant and id = :id and erased_seq is null;

-- name: blank_answers
update request_answer set fingerprint = '' where tenant = :tenant and request_id = :id;

-- name: blank_stop
update stop set target = :pseudonym, reason = '', idempotency_key = :idempotency_key,
    erased_seq = :erased_seq
where tenant = :tenant and id = :id and erased_seq is null;

-- What has ended and is older than it is kept. What belongs to a plan that is not over stays, and
-- so does everything of a subject under a hold.
-- name: old_actions
select a.*, s.pseudonym from action a
join subject s on s.tenant = a.tenant and s.id = a.subject_id
where a.tenant = :tenant and a.erased_seq is null and a.created_at < :before
    and a.updated_at < :before
    and a.status in ('refused', 'rejected', 'expired', 'withdrawn', 'succeeded', 'failed',
        'compensated')
    and not exists (select 1 from hold h where h.tenant = a.tenant
        and h.pseudonym = s.pseudonym and h.released_at is null)
    and not exists (select 1 from action b where a.request_id is not null
        and b.tenant = a.tenant and b.request_id = a.request_id
        and b.status not in ('refused', 'rejected', 'expired', 'withdrawn', 'succeeded',
            'failed', 'compensated'))
order by a.created_at limit :limit;

-- name: old_requests
select r.*, s.pseudonym from request r
join subject s on s.tenant = r.tenant and s.id = r.subject_id
where r.tenant = :tenant and r.erased_seq is null and r.created_at < :before
    and r.updated_at < :before and r.status in ('answered', 'handed_over', 'withdrawn')
    and not exists (select 1 from hold h where h.tenant = r.tenant
        and h.pseudonym = s.pseudonym and h.released_at is null)
    and not exists (select 1 from action b where b.tenant = r.tenant and b.request_id = r.id
        and b.erased_seq is null)
order by r.created_at limit :limit;

-- Subjects of whom nothing is left: their key and their last texts go, too.
-- name: idle_subjects
select s.id, s.pseudonym from subject s
where s.tenant = :tenant and s.created_at < :before
    and not exists (select 1 from action a where a.tenant = s.tenant and a.subject_id = s.id)
    and not exists (select 1 from request r where r.tenant = s.tenant and r.subject_id = s.id)
    and not exists (select 1 from stop t where t.tenant = s.tenant and t.scope = 'customer'
        and t.target = s.id)
    and not exists (select 1 from hold h where h.tenant = s.tenant
        and h.pseudonym = s.pseudonym and h.released_at is null)
limit :limit;

-- name: idle
select s.id from subject s
where s.tenant = :tenant and s.id = :id
    and not exists (select 1 from action a where a.tenant = s.tenant and a.subject_id = s.id)
    and not exists (select 1 from request r where r.tenant = s.tenant and r.subject_id = s.id)
    and not exists (select 1 from stop t where t.tenant = s.tenant and t.scope = 'customer'
        and t.target = s.id)
    and not exists (select 1 from hold h where h.tenant = s.tenant
        and h.pseudonym = s.pseudonym and h.released_at is null);

-- name: begun_of
select seq from log_entry
where tenant = :tenant and subject = :pseudonym and kind || '' = 'subject.erasing' limit 1;

-- Also of links that end at them, which name the other account as their subject; in no order.
-- name: entries_of
select seq, body from log_entry where tenant = :tenant and subject = :pseudonym
union all
select seq, body from log_entry
where tenant = :tenant
    and substr(body, 1, 8) = '{"actor"' and instr(body, '"linked_with":"') > 0
    and substr(body, instr(body, '"linked_with":"') + 15, 28) = :pseudonym;
