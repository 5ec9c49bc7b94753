-- name: newest
select size, frontier, note, at from publication where tenant = :tenant and place = :place;

-- name: keep (count unread)
insert into publication (tenant, place, size, frontier, note, at)
values (:tenant, :place, :size, :frontier, :note, :at)
on conflict (tenant, place) do update set
    size = excluded.size, frontier = excluded.frontier, note = excluded.note, at = excluded.at
where publication.size <= excluded.size;

-- name: of_tenant
select p.place, p.size, coalesce(t.note, p.note) as note, p.at, t.token
from publication p
left join log_timestamp t on t.tenant = p.tenant and t.place = p.place and t.size = p.size
where p.tenant = :tenant order by p.place;

-- name: stamp (count unread)
insert into log_timestamp (tenant, place, size, note, token, at)
values (:tenant, :place, :size, :note, :token, :at)
on conflict (tenant, place, size) do nothing;

-- name: stamped
select place, size, note, token from log_timestamp
where tenant = :tenant and (size > :size or (size = :size and place > :place))
order by size, place limit :limit;
