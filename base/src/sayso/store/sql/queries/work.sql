-- What people have to take and nobody has ended, the newest first.
-- name: requests
select request.id, request.status, request.updated_at, work.assignee from request
left join work on work.tenant = request.tenant and work.about = request.id
where request.tenant = :tenant and request.status in ('handed_over', 'needs_customer')
    and request.id < coalesce(cast(:after as text), '~')
    and (request.status = 'handed_over' or request.updated_at < :unanswered_before)
    and work.ended_at is null
    and (cast(:assignee as text) is null or work.assignee = :assignee)
order by request.id desc limit :limit;

-- The same by how long they wait, the longest first.
-- name: waiting
select request.id, request.status, request.updated_at, work.assignee from request
left join work on work.tenant = request.tenant and work.about = request.id
left join request as before on before.tenant = :tenant and before.id = cast(:after as text)
where request.tenant = :tenant and request.status in ('handed_over', 'needs_customer')
    and (request.status = 'handed_over' or request.updated_at < :unanswered_before)
    and (cast(:late_before as bigint) is null
        or (request.status = 'handed_over' and request.updated_at < :late_before))
    and work.ended_at is null
    and (cast(:assignee as text) is null or work.assignee = :assignee)
    and (cast(:nobodys as bigint) = 0 or work.assignee is null)
    and (before.id is null or request.updated_at > before.updated_at
        or (request.updated_at = before.updated_at and request.id > before.id))
order by request.updated_at, request.id limit :limit;

-- name: count
select
    coalesce(sum(case when request.status = 'handed_over' then 1 else 0 end), 0) as waiting,
    coalesce(sum(case when request.status = 'handed_over' then 0 else 1 end), 0) as unanswered,
    coalesce(sum(case when work.assignee is null then 1 else 0 end), 0) as nobodys,
    coalesce(sum(case when work.assignee = :person then 1 else 0 end), 0) as taken,
    coalesce(sum(case when request.status = 'handed_over'
        and request.updated_at < :late_before then 1 else 0 end), 0) as late
from request
left join work on work.tenant = request.tenant and work.about = request.id
where request.tenant = :tenant and request.status in ('handed_over', 'needs_customer')
    and (request.status = 'handed_over' or request.updated_at < :unanswered_before)
    and work.ended_at is null;

-- Who waits longer than is promised, and was not told of yet.
-- name: late
select request.id from request
left join work on work.tenant = request.tenant and work.about = request.id
left join outbox on outbox.tenant = request.tenant and outbox.topic = :topic
    and outbox.key = request.id
where request.tenant = :tenant and request.status = 'handed_over'
    and request.updated_at < :late_before and work.ended_at is null and outbox.key is null
order by request.updated_at, request.id limit :limit;

-- name: actions
select action.id, action.status, action.updated_at, work.assignee from action
left join work on work.tenant = action.tenant and work.about = action.id
where action.tenant = :tenant and action.status = :status
    and (action.status <> 'accepted' or (action.due_at is null and action.held_by is null))
    and action.id < coalesce(cast(:after as text), '~')
    and (action.status in ('unknown', 'accepted') or action.amount_minor is not null
        or action.receipt is not null)  -- what a provider took on, and did not do after all
    and work.ended_at is null
    and (cast(:assignee as text) is null or work.assignee = :assignee)
order by action.id desc limit :limit;

-- What was done, and does not fit what was approved: by an index of its own, since most are done.
-- name: unfitting
select action.id, action.status, action.updated_at, work.assignee from action
left join work on work.tenant = action.tenant and work.about = action.id
where action.tenant = :tenant and action.status = 'succeeded' and action.error is not null
    and action.error like '%"does_not_fit"%'
    and action.id < coalesce(cast(:after as text), '~')
    and work.ended_at is null
    and (cast(:assignee as text) is null or work.assignee = :assignee)
order by action.id desc limit :limit;

-- What was done outside Sayso: its first note, which nobody wrote, holds what was seen. Nothing is
-- left of it once its customer is being erased.
-- name: elsewhere
select work.about as id, work.assignee from work
join work_note as seen on seen.tenant = work.tenant and seen.about = work.about
    and seen.person = ''
join personal on personal.tenant = seen.tenant and personal.ref = seen.ref
join subject on subject.tenant = personal.tenant and subject.pseudonym = personal.pseudonym
    and subject.key is not null
where work.tenant = :tenant and work.ended_at is null
    and seen.seq < coalesce(
        (select seq from work_note
            where tenant = :tenant and about = cast(:after as text) and person = ''),
        9223372036854775807)
    and (cast(:assignee as text) is null or work.assignee = :assignee)
order by seen.seq desc limit :limit;

-- name: seen
select seen.seq from work_note as seen
join personal on personal.tenant = seen.tenant and personal.ref = seen.ref
join subject on subject.tenant = personal.tenant and subject.pseudonym = personal.pseudonym
    and subject.key is not null
where seen.tenant = :tenant and seen.about = :about and seen.person = '';

-- name: by_about
select * from work where tenant = :tenant and about = :about;

-- name: put
insert into work (tenant, about, assignee, ended_at, updated_at, last_seq)
values (:tenant, :about, :assignee, :ended_at, :now, :last_seq)
on conflict (tenant, about) do update set assignee = :assignee, ended_at = :ended_at,
    updated_at = :now, last_seq = :last_seq;

-- name: note
insert into work_note (tenant, about, seq, person, at, ref)
values (:tenant, :about, :seq, :person, :now, :ref);

-- name: notes
select * from work_note where tenant = :tenant and about = :about order by seq limit 200;

-- The newest about a request and its actions, or about an action of its own.
-- name: notes_of
select * from (
    select work_note.* from work_note
    where work_note.tenant = :tenant and work_note.about = :about and work_note.person <> ''
    union all
    select work_note.* from action
    join work_note on work_note.tenant = action.tenant and work_note.about = action.id
    where action.tenant = :tenant and action.request_id = :about and work_note.person <> ''
) as found
order by seq desc limit 200;
