-- name: insert
insert into approval (tenant, id, action_id, request_id, revision, status, digest, view, roles,
    requester, expires_at, created_at, updated_at, last_seq)
values (:tenant, :id, :action_id, :request_id, :revision, :status, :digest, :view, :roles,
    :requester, :expires_at, :created_at, :updated_at, :last_seq);

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

-- name: move (one row)
update approval set status = :status, updated_at = :updated_at, last_seq = :last_seq
where tenant = :tenant and id = :id and revision = :revision and status = 'pending';

-- name: revise (one row)
update approval set revision = :revision, status = :status, digest = :digest, view = :view,
    roles = :roles, expires_at = :expires_at, updated_at = :updated_at, last_seq = :last_seq
where tenant = :tenant and id = :id and revision = :was_revision and status = :was;

-- name: vote (one row)
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

-- What a customer has actions of, with when people agreed to each last; null where nobody did.
-- name: agreed_of_customer
select action.*, (
    select max(vote.at) from approval
    join vote on vote.tenant = approval.tenant and vote.approval_id = approval.id
    where approval.tenant = action.tenant and approval.action_id = action.id
        and vote.decision = 'approve'
) as agreed_at
from action where tenant = :tenant and subject_id = :subject_id
order by name, created_at;

-- The few different sets of roles that anything waits for, each by one look into the index.
-- name: roles_waiting
with recursive waiting (roles) as (
    select min(roles) from approval where tenant = :tenant and status = 'pending'
    union all
    select (
        select min(later.roles) from approval as later
        where later.tenant = :tenant and later.status = 'pending' and later.roles > waiting.roles)
    from waiting where waiting.roles is not null)
select roles from waiting where roles is not null;

-- One row for each plan: of its approvals that wait, the one that ends first.
-- name: inbox
select * from approval
where tenant = :tenant and status = 'pending' and roles = :roles
    and (expires_at > :after_at or (expires_at = :after_at and id > :after_id))
    and (request_id is null or not exists (
        select 1 from approval as earlier
        where earlier.tenant = approval.tenant and earlier.request_id = approval.request_id
            and earlier.status = 'pending'
            and (earlier.expires_at < approval.expires_at
                or (earlier.expires_at = approval.expires_at and earlier.id < approval.id))))
order by expires_at, id limit :limit;

-- name: inbox_escalated
select * from approval
where tenant = :tenant and status = 'pending' and escalated_seq is not null
    and (expires_at > :after_at or (expires_at = :after_at and id > :after_id))
    and (request_id is null or not exists (
        select 1 from approval as earlier
        where earlier.tenant = approval.tenant and earlier.request_id = approval.request_id
            and earlier.status = 'pending'
            and (earlier.expires_at < approval.expires_at
                or (earlier.expires_at = approval.expires_at and earlier.id < approval.id))))
order by expires_at, id limit :limit;

-- name: newest_decided
select * from approval
where tenant = :tenant and status <> 'pending'
    and (updated_at < :before_at or (updated_at = :before_at and id < :before_id))
order by updated_at desc, id desc limit :limit;

-- Up to `most`: how many there are exactly is not worth walking through all of them.
-- name: count_waiting
select count(*) as count from (
    select 1 from approval
    where tenant = :tenant and status = 'pending' and roles = :roles
        and (request_id is null or not exists (
            select 1 from approval as earlier
            where earlier.tenant = approval.tenant and earlier.request_id = approval.request_id
                and earlier.status = 'pending'
                and (earlier.expires_at < approval.expires_at
                    or (earlier.expires_at = approval.expires_at and earlier.id < approval.id))))
    limit :most) as counted;

-- The card on which something is shown: of a request, or of an action of its own.
-- name: lead_about
select coalesce(
    (select min(id) from approval where tenant = :tenant and request_id = :about),
    (select min(id) from approval where tenant = :tenant and action_id = :about)) as id;
