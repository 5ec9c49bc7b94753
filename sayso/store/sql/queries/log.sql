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
