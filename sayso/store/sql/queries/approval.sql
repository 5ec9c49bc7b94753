-- name: insert
insert into approval (tenant, id, action_id, revision, status, digest, view, roles, requester,
    expires_at, created_at, updated_at, last_seq)
values (:tenant, :id, :action_id, :revision, :status, :digest, :view, :roles, :requester,
    :expires_at, :created_at, :updated_at, :last_seq);

-- name: by_id
select * from approval where tenant = :tenant and id = :id;

-- name: by_action
select * from approval where tenant = :tenant and action_id = :action_id
order by id desc limit 1;

-- name: page
select * from approval
where tenant = :tenant
    and id > coalesce(cast(:after as text), '')
order by id limit :limit;

-- A query of its own: `or` and a parameter that may be null would keep SQLite off the index, and
-- those that wait would be looked for behind all that were ever decided.
-- name: page_of_status
select * from approval
where tenant = :tenant and status = :status
    and id > coalesce(cast(:after as text), '')
order by id limit :limit;

-- name: close (one row)
update approval set status = :status, updated_at = :updated_at, last_seq = :last_seq
where tenant = :tenant and id = :id and revision = :revision and status = 'pending';

-- name: revise (one row)
update approval set revision = :revision, status = :status, digest = :digest, view = :view,
    roles = :roles, expires_at = :expires_at, updated_at = :updated_at, last_seq = :last_seq
where tenant = :tenant and id = :id and revision = :was_revision and status = :was;

-- name: touch (count unread)
update approval set updated_at = :updated_at, last_seq = :last_seq
where tenant = :tenant and id = :id and revision = :revision and status = 'pending';

-- name: vote (count unread)
insert into vote (tenant, approval_id, revision, person, decision, digest, via, at)
values (:tenant, :approval_id, :revision, :person, :decision, :digest, :via, :at)
on conflict do nothing;

-- name: votes
select * from vote where tenant = :tenant and approval_id = :approval_id order by at, person;

-- name: votes_of_action
select * from vote
where tenant = :tenant
    and approval_id = (
        select max(id) from approval where tenant = :tenant and action_id = :action_id)
order by at, person;
