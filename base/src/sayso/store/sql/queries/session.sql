-- name: insert
insert into session (tenant, token_id, via, started_at, seen_at)
values (:tenant, :token_id, :via, :now, :now);

-- name: by_token
select seen_at from session where tenant = :tenant and token_id = :token_id;

-- name: seen
update session set seen_at = :now where tenant = :tenant and token_id = :token_id;

-- name: newest
select token_id, seen_at from session where tenant = :tenant
order by token_id desc limit :limit;
