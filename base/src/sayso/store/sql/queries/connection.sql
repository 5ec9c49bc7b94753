-- name: by_id
select * from connection_token where tenant = :tenant and connection = :connection;

-- name: sealed
select connection, sealed from connection_token
where tenant = :tenant and sealed is not null order by connection;

-- name: lease
update connection_token
set lease_owner = :owner, lease_until = :until, refresh_started_at = :now
where tenant = :tenant and connection = :connection and version = :version
    and (lease_until is null or lease_until <= :now);

-- name: lease_first
insert into connection_token
    (tenant, connection, version, state, lease_owner, lease_until, refresh_started_at)
values (:tenant, :connection, 0, 'active', :owner, :until, :now)
on conflict (tenant, connection) do nothing;

-- name: write
update connection_token
set sealed = :sealed, version = version + 1, state = 'active', refresh_started_at = null,
    lease_owner = null, lease_until = null
where tenant = :tenant and connection = :connection and version = :version
    and lease_owner = :owner;

-- name: release
update connection_token
set lease_owner = null, lease_until = null
where tenant = :tenant and connection = :connection and version = :version
    and lease_owner = :owner;

-- name: needs_reauth
update connection_token
set version = version + 1, state = 'needs_reauth', refresh_started_at = null,
    lease_owner = null, lease_until = null
where tenant = :tenant and connection = :connection and version = :version
    and lease_owner = :owner;

-- name: put
insert into connection_token (tenant, connection, version, state, sealed)
values (:tenant, :connection, 1, 'active', :sealed)
on conflict (tenant, connection) do update
set sealed = excluded.sealed, version = connection_token.version + 1, state = 'active',
    refresh_started_at = null, lease_owner = null, lease_until = null;

-- name: reseal
update connection_token set sealed = :sealed
where tenant = :tenant and connection = :connection and sealed = :before;
