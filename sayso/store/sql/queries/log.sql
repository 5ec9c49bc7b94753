-- name: head
select size, frontier, note from log_head where tenant = :tenant;

-- name: head_insert
insert into log_head (tenant, size, frontier, note) values (:tenant, :size, :frontier, '');

-- name: head_grow
update log_head set size = :size, frontier = :frontier where tenant = :tenant;

-- name: head_sign
update log_head set note = :note where tenant = :tenant;

-- name: append
insert into log_entry (tenant, seq, body) values (:tenant, :seq, :body);

-- name: key
select vkey from log_key where tenant = :tenant and to_size is null;

-- name: key_insert
insert into log_key (tenant, vkey, from_size) values (:tenant, :vkey, :from_size);

-- name: keys
select vkey, from_size, to_size from log_key where tenant = :tenant order by from_size;

-- name: bodies
select seq, body from log_entry where tenant = :tenant and seq >= :from_seq
order by seq limit :limit;

-- name: tenants
select tenant, size from log_head order by tenant;

-- name: of_action
select seq, body from log_entry where tenant = :tenant and action_id = :action order by seq;

-- name: meta
select value from meta where key = :key;

-- name: meta_insert
insert into meta (key, value) values (:key, :value) on conflict (key) do nothing;

-- The pages differ only in the index that they begin with: SQLite cannot choose one for a
-- condition that may be absent.

-- name: page
select seq, body from log_entry
where tenant = :tenant
    and (:before is null or seq < :before)
    and (:action is null or action_id = :action)
    and (:request is null or request_id = :request)
    and (:approval is null or approval_id = :approval)
    and (:subject is null or subject = :subject)
    and (:kind is null or kind = :kind)
    and (:actor is null or actor = :actor)
    and (:name is null or name = :name)
    and (:status is null or status = :status)
    and (:rule is null or rule = :rule)
    and (:digest is null or digest glob :digest)
    and (:currency is null or currency = :currency)
    and (:amount_from is null or amount_minor >= :amount_from)
    and (:amount_to is null or amount_minor <= :amount_to)
    and (:at_from is null or at >= :at_from)
    and (:at_to is null or at < :at_to)
order by seq desc limit :limit;

-- name: page_by_action
select seq, body from log_entry
where tenant = :tenant and action_id = :action
    and (:before is null or seq < :before)
    and (:action is null or action_id = :action)
    and (:request is null or request_id = :request)
    and (:approval is null or approval_id = :approval)
    and (:subject is null or subject = :subject)
    and (:kind is null or kind = :kind)
    and (:actor is null or actor = :actor)
    and (:name is null or name = :name)
    and (:status is null or status = :status)
    and (:rule is null or rule = :rule)
    and (:digest is null or digest glob :digest)
    and (:currency is null or currency = :currency)
    and (:amount_from is null or amount_minor >= :amount_from)
    and (:amount_to is null or amount_minor <= :amount_to)
    and (:at_from is null or at >= :at_from)
    and (:at_to is null or at < :at_to)
order by seq desc limit :limit;

-- name: page_by_request
select seq, body from log_entry
where tenant = :tenant and request_id = :request
    and (:before is null or seq < :before)
    and (:action is null or action_id = :action)
    and (:request is null or request_id = :request)
    and (:approval is null or approval_id = :approval)
    and (:subject is null or subject = :subject)
    and (:kind is null or kind = :kind)
    and (:actor is null or actor = :actor)
    and (:name is null or name = :name)
    and (:status is null or status = :status)
    and (:rule is null or rule = :rule)
    and (:digest is null or digest glob :digest)
    and (:currency is null or currency = :currency)
    and (:amount_from is null or amount_minor >= :amount_from)
    and (:amount_to is null or amount_minor <= :amount_to)
    and (:at_from is null or at >= :at_from)
    and (:at_to is null or at < :at_to)
order by seq desc limit :limit;

-- name: page_by_subject
select seq, body from log_entry
where tenant = :tenant and subject = :subject
    and (:before is null or seq < :before)
    and (:action is null or action_id = :action)
    and (:request is null or request_id = :request)
    and (:approval is null or approval_id = :approval)
    and (:subject is null or subject = :subject)
    and (:kind is null or kind = :kind)
    and (:actor is null or actor = :actor)
    and (:name is null or name = :name)
    and (:status is null or status = :status)
    and (:rule is null or rule = :rule)
    and (:digest is null or digest glob :digest)
    and (:currency is null or currency = :currency)
    and (:amount_from is null or amount_minor >= :amount_from)
    and (:amount_to is null or amount_minor <= :amount_to)
    and (:at_from is null or at >= :at_from)
    and (:at_to is null or at < :at_to)
order by seq desc limit :limit;

-- name: page_by_kind
select seq, body from log_entry
where tenant = :tenant and kind = :kind
    and (:before is null or seq < :before)
    and (:action is null or action_id = :action)
    and (:request is null or request_id = :request)
    and (:approval is null or approval_id = :approval)
    and (:subject is null or subject = :subject)
    and (:kind is null or kind = :kind)
    and (:actor is null or actor = :actor)
    and (:name is null or name = :name)
    and (:status is null or status = :status)
    and (:rule is null or rule = :rule)
    and (:digest is null or digest glob :digest)
    and (:currency is null or currency = :currency)
    and (:amount_from is null or amount_minor >= :amount_from)
    and (:amount_to is null or amount_minor <= :amount_to)
    and (:at_from is null or at >= :at_from)
    and (:at_to is null or at < :at_to)
order by seq desc limit :limit;
