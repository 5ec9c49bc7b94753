-- name: insert
insert into token (tenant, id, hash, kind, holder, scopes, created_at, expires_at, last_seq)
values (:tenant, :id, :hash, :kind, :holder, :scopes, :created_at, :expires_at, :last_seq);

-- name: by_hash
select tenant, id from token where hash = :hash;

-- name: revoke
update token set revoked_at = :now, last_seq = :last_seq
where tenant = :tenant and id = :id and revoked_at is null;

-- name: seen
update token set seen_at = :now
where tenant = :tenant and id = :id and (seen_at is null or seen_at <= :before);

-- name: used
select id, seen_at from token
where tenant = :tenant and seen_at is not null order by id desc limit :limit;
