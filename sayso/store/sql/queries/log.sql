-- name: head
select size, frontier, note from log_head where tenant = :tenant;

-- name: head_insert
insert into log_head (tenant, size, frontier, note) values (:tenant, :size, :frontier, '');

-- name: head_sign (count unread)
update log_head set note = :note, size = :size, frontier = :frontier where tenant = :tenant;

-- name: append
insert into log_entry (tenant, seq, body) values (:tenant, :seq, :body);

-- name: key
select vkey from log_key where tenant = :tenant order by from_size desc limit 1;

-- name: key_insert
insert into log_key (tenant, vkey, from_size) values (:tenant, :vkey, :from_size);

-- name: keys
select vkey, from_size, to_size from log_key where tenant = :tenant order by from_size;

-- name: signing_key
select key, value from meta where key like 'signing_key/%' order by key desc limit 1;

-- name: bodies
select seq, body from log_entry where tenant = :tenant and seq >= :from_seq
order by seq limit :limit;

-- name: tenants
select tenant, size from log_head order by tenant;

-- name: rows_to_verify
select seq, body, at, kind, actor, action_id, request_id, approval_id, subject, name, status,
    rule, digest, amount_minor, currency
from log_entry where tenant = :tenant and seq >= :from_seq
order by seq limit :limit;

-- name: tenants_to_verify
select tenant from log_head
union select tenant from log_key
union select tenant from log_entry where seq = 0
order by tenant;

-- name: actions_to_verify
select id, status, last_seq from action
where tenant = :tenant and id > :after order by id limit :limit;

-- name: approvals_to_verify
select id, status, last_seq from approval
where tenant = :tenant and id > :after order by id limit :limit;

-- name: of_action
select seq, body from log_entry where tenant = :tenant and action_id = :action order by seq;

-- name: meta
select value from meta where key = :key;

-- name: meta_insert (count unread)
insert into meta (key, value) values (:key, :value) on conflict (key) do nothing;

-- The pages differ only in the index that they begin with: SQLite cannot choose one for a
-- condition that may be absent.

-- name: page
select seq, body from log_entry
where tenant = :tenant
    and (cast(:before as bigint) is null or seq < :before)
    and (cast(:action as text) is null or action_id = :action)
    and (cast(:request as text) is null or request_id = :request)
    and (cast(:approval as text) is null or approval_id = :approval)
    and (cast(:subject as text) is null or subject = :subject)
    and (cast(:kind as text) is null or kind = :kind)
    and (cast(:actor as text) is null or actor = :actor)
    and (cast(:name as text) is null or name = :name)
    and (cast(:status as text) is null or status = :status)
    and (cast(:rule as text) is null or rule = :rule)
    and (cast(:digest as text) is null or substr(digest, 1, length(:digest) - 1) || '*' = :digest)
    and (cast(:currency as text) is null or currency = :currency)
    and (cast(:amount_from as bigint) is null or amount_minor >= :amount_from)
    and (cast(:amount_to as bigint) is null or amount_minor <= :amount_to)
    and (cast(:at_from as bigint) is null or at >= :at_from)
    and (cast(:at_to as bigint) is null or at < :at_to)
order by seq desc limit :limit;

-- name: page_by_action
select seq, body from log_entry
where tenant = :tenant and action_id = :action
    and (cast(:before as bigint) is null or seq < :before)
    and (cast(:action as text) is null or action_id = :action)
    and (cast(:request as text) is null or request_id = :request)
    and (cast(:approval as text) is null or approval_id = :approval)
    and (cast(:subject as text) is null or subject = :subject)
    and (cast(:kind as text) is null or kind = :kind)
    and (cast(:actor as text) is null or actor = :actor)
    and (cast(:name as text) is null or name = :name)
    and (cast(:status as text) is null or status = :status)
    and (cast(:rule as text) is null or rule = :rule)
    and (cast(:digest as text) is null or substr(digest, 1, length(:digest) - 1) || '*' = :digest)
    and (cast(:currency as text) is null or currency = :currency)
    and (cast(:amount_from as bigint) is null or amount_minor >= :amount_from)
    and (cast(:amount_to as bigint) is null or amount_minor <= :amount_to)
    and (cast(:at_from as bigint) is null or at >= :at_from)
    and (cast(:at_to as bigint) is null or at < :at_to)
order by seq desc limit :limit;

-- name: page_by_request
select seq, body from log_entry
where tenant = :tenant and request_id = :request
    and (cast(:before as bigint) is null or seq < :before)
    and (cast(:action as text) is null or action_id = :action)
    and (cast(:request as text) is null or request_id = :request)
    and (cast(:approval as text) is null or approval_id = :approval)
    and (cast(:subject as text) is null or subject = :subject)
    and (cast(:kind as text) is null or kind = :kind)
    and (cast(:actor as text) is null or actor = :actor)
    and (cast(:name as text) is null or name = :name)
    and (cast(:status as text) is null or status = :status)
    and (cast(:rule as text) is null or rule = :rule)
    and (cast(:digest as text) is null or substr(digest, 1, length(:digest) - 1) || '*' = :digest)
    and (cast(:currency as text) is null or currency = :currency)
    and (cast(:amount_from as bigint) is null or amount_minor >= :amount_from)
    and (cast(:amount_to as bigint) is null or amount_minor <= :amount_to)
    and (cast(:at_from as bigint) is null or at >= :at_from)
    and (cast(:at_to as bigint) is null or at < :at_to)
order by seq desc limit :limit;

-- name: page_by_subject
select seq, body from log_entry
where tenant = :tenant and subject = :subject
    and (cast(:before as bigint) is null or seq < :before)
    and (cast(:action as text) is null or action_id = :action)
    and (cast(:request as text) is null or request_id = :request)
    and (cast(:approval as text) is null or approval_id = :approval)
    and (cast(:subject as text) is null or subject = :subject)
    and (cast(:kind as text) is null or kind = :kind)
    and (cast(:actor as text) is null or actor = :actor)
    and (cast(:name as text) is null or name = :name)
    and (cast(:status as text) is null or status = :status)
    and (cast(:rule as text) is null or rule = :rule)
    and (cast(:digest as text) is null or substr(digest, 1, length(:digest) - 1) || '*' = :digest)
    and (cast(:currency as text) is null or currency = :currency)
    and (cast(:amount_from as bigint) is null or amount_minor >= :amount_from)
    and (cast(:amount_to as bigint) is null or amount_minor <= :amount_to)
    and (cast(:at_from as bigint) is null or at >= :at_from)
    and (cast(:at_to as bigint) is null or at < :at_to)
order by seq desc limit :limit;

-- name: page_by_kind
select seq, body from log_entry
where tenant = :tenant and kind = :kind
    and (cast(:before as bigint) is null or seq < :before)
    and (cast(:action as text) is null or action_id = :action)
    and (cast(:request as text) is null or request_id = :request)
    and (cast(:approval as text) is null or approval_id = :approval)
    and (cast(:subject as text) is null or subject = :subject)
    and (cast(:kind as text) is null or kind = :kind)
    and (cast(:actor as text) is null or actor = :actor)
    and (cast(:name as text) is null or name = :name)
    and (cast(:status as text) is null or status = :status)
    and (cast(:rule as text) is null or rule = :rule)
    and (cast(:digest as text) is null or substr(digest, 1, length(:digest) - 1) || '*' = :digest)
    and (cast(:currency as text) is null or currency = :currency)
    and (cast(:amount_from as bigint) is null or amount_minor >= :amount_from)
    and (cast(:amount_to as bigint) is null or amount_minor <= :amount_to)
    and (cast(:at_from as bigint) is null or at >= :at_from)
    and (cast(:at_to as bigint) is null or at < :at_to)
order by seq desc limit :limit;
