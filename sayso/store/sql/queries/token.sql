-- name: insert
insert into token (tenant, id, hash, kind, holder, scopes, created_at, expires_at, last_seq)
values (:tenant, :id, :hash, :kind, :holder, :scopes, :created_at, :expires_at, :last_seq);

-- name: by_hash
select * from token where hash = :hash;

-- name: revoke
update token set revoked_at = :now, last_seq = :last_seq
where tenant = :tenant and id = :id and revoked_at is null;
