-- name: insert
insert into hold (tenant, id, pseudonym, reason, placed_by, placed_at, key_sha256, last_seq)
values (:tenant, :id, :pseudonym, :reason, :placed_by, :placed_at, :key_sha256, :last_seq);

-- name: by_id
select * from hold where tenant = :tenant and id = :id;

-- name: by_key
select * from hold where tenant = :tenant and key_sha256 = :key_sha256;

-- name: in_force
select * from hold where tenant = :tenant and pseudonym = :pseudonym and released_at is null
order by id || '' limit 1;

-- name: page
select * from hold where tenant = :tenant and id < coalesce(cast(:after as text), '~')
    and (cast(:released as bigint) = 1 or released_at is null)
order by id desc limit :limit;

-- name: ask
update hold set asked_by = :by, asked_at = :at, asked_key_sha256 = :key_sha256,
    last_seq = :last_seq
where tenant = :tenant and id = :id and last_seq = :was_seq;

-- name: release
update hold set released_by = :by, released_at = :at, released_key_sha256 = :key_sha256,
    last_seq = :last_seq
where tenant = :tenant and id = :id and last_seq = :was_seq;
