-- Everything about the links of one account, by one look into each of four indexes: the rows that
-- are not ended, with who is at their other end, and whatever entries tell of any.
-- NOTE: SQLite takes no index of an expression for a column's own value, hence `|| ''`.
-- name: of_account
select r.*, s.id as far_id, s.pseudonym as far_pseudonym, s.key as far_key,
    s.created_at as far_created_at, cast(null as bigint) as seq, cast(null as text) as body
from customer_link r
left join subject s on s.tenant = r.tenant and s.pseudonym = r.other
where r.tenant = :tenant and r.ended_at is null
    and r.account = (select pseudonym from subject where tenant = :tenant and id = :account)
union all
select r.*, s.id, s.pseudonym, s.key, s.created_at, null, null
from customer_link r
left join subject s on s.tenant = r.tenant and s.pseudonym = r.account
where r.tenant = :tenant and r.ended_at is null
    and r.other = (select pseudonym from subject where tenant = :tenant and id = :account)
union all
select tenant, '', '', '', '', '', 0, null, null, null, null, null, null, null, 0,
    null, null, null, null, seq, body
from log_entry
where tenant = :tenant
    and substr(body, 1, 8) = '{"actor"' and instr(body, '"linked_with":"') > 0
    and subject = (select pseudonym from subject where tenant = :tenant and id = :account)
union all
select tenant, '', '', '', '', '', 0, null, null, null, null, null, null, null, 0,
    null, null, null, null, seq, body
from log_entry
where tenant = :tenant
    and substr(body, 1, 8) = '{"actor"' and instr(body, '"linked_with":"') > 0
    and substr(body, instr(body, '"linked_with":"') + 15, 28)
        = (select pseudonym || '' from subject where tenant = :tenant and id = :account);

-- Whom rows tie an account to, whatever the log says, and also where the time of a link is over.
-- name: far_ends
select s.id from customer_link r
join subject s on s.tenant = r.tenant and s.pseudonym = r.other
where r.tenant = :tenant and r.ended_at is null
    and r.account = (select pseudonym from subject where tenant = :tenant and id = :account)
union all
select s.id from customer_link r
join subject s on s.tenant = r.tenant and s.pseudonym = r.account
where r.tenant = :tenant and r.ended_at is null
    and r.other = (select pseudonym from subject where tenant = :tenant and id = :account);

-- name: insert
insert into customer_link (tenant, id, account, other, proof, linked_by, linked_at, until,
    request_id, reason_ref, last_seq)
values (:tenant, :id, :account, :other, :proof, :linked_by, :linked_at, :until, :request_id,
    :reason_ref, :last_seq);

-- name: by_id
select * from customer_link where tenant = :tenant and id = :id;

-- name: end (one row)
update customer_link set ended_by = :ended_by, ended_at = :ended_at, ended_why = :ended_why,
    ended_ref = :ended_ref, last_seq = :last_seq
where tenant = :tenant and id = :id and ended_at is null;

-- Of a customer, whatever became of them.
-- name: of_pseudonym
select * from customer_link where tenant = :tenant and account = :pseudonym
union all
select * from customer_link where tenant = :tenant and other = :pseudonym;

-- Those in force whose entries are about to go from the database.
-- name: told_below
select r.id, e.body from customer_link r
join log_entry e on e.tenant = r.tenant and e.seq = r.last_seq
where r.tenant = :tenant and r.last_seq < :end and r.ended_at is null
    and (r.until is null or r.until > :now)
order by r.last_seq;

-- name: told_again (one row)
update customer_link set last_seq = :last_seq where tenant = :tenant and id = :id;
