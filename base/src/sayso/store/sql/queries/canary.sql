-- name: newest
select * from canary where tenant = :tenant order by number desc limit 1;

-- How many solutions each person has answered since a moment, however many steps each has.
-- name: answers
select vote.person, cast(count(distinct coalesce(approval.request_id, approval.id)) as bigint)
    as count
from vote join approval on approval.tenant = vote.tenant and approval.id = vote.approval_id
where vote.tenant = :tenant and vote.approval_id >= :first and vote.at > :since
group by vote.person order by vote.person;

-- name: tried
select person, cast(count(*) as bigint) as count from canary
where tenant = :tenant and person is not null and created_at > :since group by person;

-- name: sources
select source_id from canary where tenant = :tenant and created_at > :since;

-- name: voters
select distinct person from vote where tenant = :tenant and approval_id = :approval_id;

-- name: insert (count unread)
insert into canary (tenant, id, number, source_id, step, mistake, roles, digest, status,
    expires_at, created_at, updated_at, last_seq)
values (:tenant, :id, :number, :source_id, :step, :mistake, :roles, :digest, 'open',
    :expires_at, :now, :now, :last_seq);

-- name: by_id
select * from canary where tenant = :tenant and id = :id;

-- name: open
select * from canary where tenant = :tenant and status = 'open' and expires_at > :after
order by expires_at, id limit :limit;

-- name: over
select * from canary where tenant = :tenant and status = 'open' and expires_at <= :now
order by expires_at, id limit :limit;

-- name: close
update canary set status = :status, person = :person, answer = :answer, via = :via,
    updated_at = :now, last_seq = :last_seq
where tenant = :tenant and id = :id and status = 'open';

-- name: mark
select max(last_seq) as mark from canary where tenant = :tenant;

-- name: figures
select coalesce(person, '') as person, status, cast(count(*) as bigint) as count from canary
where tenant = :tenant and created_at >= :since group by 1, 2 order by 1, 2;
