-- Rows that are written again as the log says them. Each is preceded by an entry of the repair, and
-- the guards of the tables look for it.

-- name: action_update (one row)
update action set status = :status, last_seq = :last_seq, name = :name, request_id = :request_id,
    requester = :requester, created_at = :created_at, digest = :digest,
    amount_minor = :amount_minor, currency = :currency, planner = :planner, step = :step,
    undoes = :undoes, revision = :revision, call_key = :call_key, called_at = :called_at,
    fence = :fence, reason_ref = :reason_ref, after = :after, judgement = :judgement,
    error = :error, receipt = :receipt, subject_id = :subject_id
where tenant = :tenant and id = :at_id;

-- name: approval_update (one row)
update approval set status = :status, last_seq = :last_seq, action_id = :action_id,
    created_at = :created_at, digest = :digest, revision = :revision,
    reminded_seq = :reminded_seq, escalated_seq = :escalated_seq, roles = :roles
where tenant = :tenant and id = :at_id;

-- name: request_update (one row)
update request set status = :status, last_seq = :last_seq, requester = :requester,
    created_at = :created_at, assurance = :assurance, words_ref = :words_ref, planner = :planner,
    reply_ref = :reply_ref, messages_ref = :messages_ref, subject_id = :subject_id
where tenant = :tenant and id = :at_id;

-- name: vote_update (one row)
update vote set decision = :decision, digest = :digest, via = :via, at = :at
where tenant = :tenant and approval_id = :at_approval_id and revision = :at_revision
    and person = :at_person;

-- name: vote_insert
insert into vote (tenant, approval_id, revision, person, decision, digest, via, at)
values (:tenant, :approval_id, :revision, :person, :decision, :digest, :via, :at);

-- name: vote_delete (one row)
delete from vote
where tenant = :tenant and approval_id = :approval_id and revision = :revision
    and person = :person;

-- name: limit_use_update (one row)
update limit_use set bucket = :bucket, count = :count, minor = :minor, state = :state, why = :why,
    last_seq = :last_seq
where home = :tenant and action_id = :at_action_id and revision = :at_revision
    and limit_id = :at_limit_id and key = :at_key and currency = :at_currency;

-- name: limit_use_delete (one row)
delete from limit_use
where home = :tenant and action_id = :action_id and revision = :revision
    and limit_id = :limit_id and key = :key and currency = :currency;

-- A counter is the sum of its uses.
-- name: recount
update limit_counter set
    count = (select coalesce(sum(u.count), 0) from limit_use u
        where u.tenant = limit_counter.tenant and u.limit_id = limit_counter.limit_id
            and u.key = limit_counter.key and u.currency = limit_counter.currency
            and u.bucket = limit_counter.bucket and u.state <> 'released'),
    held_minor = (select coalesce(sum(u.minor), 0) from limit_use u
        where u.tenant = limit_counter.tenant and u.limit_id = limit_counter.limit_id
            and u.key = limit_counter.key and u.currency = limit_counter.currency
            and u.bucket = limit_counter.bucket and u.state = 'held'),
    settled_minor = (select coalesce(sum(u.minor), 0) from limit_use u
        where u.tenant = limit_counter.tenant and u.limit_id = limit_counter.limit_id
            and u.key = limit_counter.key and u.currency = limit_counter.currency
            and u.bucket = limit_counter.bucket and u.state = 'settled')
where tenant = :owner and limit_id = :limit_id and key = :key and currency = :currency
    and bucket = :bucket;
