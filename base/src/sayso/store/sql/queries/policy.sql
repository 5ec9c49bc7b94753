-- The version in force; read by each judging and claiming transaction.
-- NOTE: with the tenant of the action, so that PostgreSQL need not change whom it looks for.
-- name: active
select number, sha256, last_seq from policy_version
where tenant in (:tenant, '*') order by number desc limit 1;

-- name: by_number
select * from policy_version where tenant = '*' and number = :number;

-- What is listed of versions; the content is read apart.
-- name: page
select tenant, number, home, sha256, parent, direction, activated_by, asked_by, via, note,
    activated_at, last_seq
from policy_version
where tenant = '*' and (cast(:after as bigint) is null or number < :after)
order by number desc limit :limit;

-- name: insert
insert into policy_version (tenant, number, home, sha256, parent, direction, activated_by, asked_by,
    via, note, activated_at, last_seq, content)
values ('*', :number, :home, :sha256, :parent, :direction, :activated_by, :asked_by, :via, :note,
    :activated_at, :last_seq, :content);

-- name: newest_activation
select seq, body from log_entry
where tenant = :tenant and kind = 'policy.activated' order by seq desc limit 1;

-- name: change_insert
insert into policy_change (tenant, id, home, sha256, parent, direction, asked_by, asked_at, via,
    note, last_seq, content)
values ('*', :id, :home, :sha256, :parent, :direction, :asked_by, :asked_at, :via, :note,
    :last_seq, :content);

-- name: change_by_id
select * from policy_change where tenant = '*' and id = :id;

-- name: changes_open
select * from policy_change where tenant = '*' and ended is null order by id;

-- name: change_end (one row)
update policy_change set ended = :ended, ended_at = :at, ended_by = :by, last_seq = :last_seq
where tenant = '*' and id = :id and ended is null;

-- Whose cards a change may ask again.
-- name: waiting
select * from action where tenant = :tenant and status = 'pending_approval';

-- What was judged, oldest first, for playing it again.
-- name: judged
select a.id, a.name, a.status, a.judgement, a.snapshot, a.subject_id, a.requester, a.request_id,
    a.planner, a.amount_minor, a.currency, a.created_at, r.requester as asker
from action a left join request r on r.tenant = a.tenant and r.id = a.request_id
where a.tenant = :tenant and a.id > :after and a.created_at >= :since
    and a.judgement is not null and a.undoes is null
order by a.id limit :limit;

-- What people decided, oldest first, with when they were asked and when the last of them answered.
-- name: decided
select a.id, a.name, a.subject_id, a.status, a.judgement, a.snapshot,
    max(p.created_at) as asked_at, max(v.at) as decided_at, min(v.person) as one,
    max(v.person) as another
from action a
join approval p on p.tenant = a.tenant and p.action_id = a.id
join vote v on v.tenant = p.tenant and v.approval_id = p.id
where a.tenant = :tenant and a.id > :after and a.created_at >= :since and a.undoes is null
group by a.tenant, a.id order by a.id limit :limit;

-- What was done, oldest first, with what somebody has said was wrong with it.
-- name: done
select a.id, a.name, a.subject_id, a.judgement, a.snapshot, a.created_at, w.how
from action a left join action_wrong w on w.tenant = a.tenant and w.action_id = a.id
where a.tenant = :tenant and a.id > :after and a.created_at >= :since and a.undoes is null
    and (a.status = 'succeeded' or a.status = 'compensated')
order by a.id limit :limit;

-- What was reserved of limits, by the log, oldest first.
-- name: reserved
select seq, body from log_entry
where tenant = :tenant and kind in ('action.approved', 'action.pending', 'action.edited')
    and seq > :after and body like '%"limits":[%'
order by seq limit :limit;

-- Until when nothing of a segment is suggested, since somebody has said no to it.
-- name: declined
select key from meta where key like 'suggestion_no/%';
