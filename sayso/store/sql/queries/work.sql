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

-- name: actions
select action.id, action.status, action.updated_at, work.assignee from action
left join work on work.tenant = action.tenant and work.about = action.id
where action.tenant = :tenant and action.status = :status
    and action.id < coalesce(cast(:after as text), '~')
    and (action.status = 'unknown' or action.amount_minor is not null
        or action.receipt is not null)  -- what a provider took on, and did not do after all
    and work.ended_at is null
    and (cast(:assignee as text) is null or work.assignee = :assignee)
order by action.id desc limit :limit;

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
