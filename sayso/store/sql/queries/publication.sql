-- name: newest
select size, frontier, note, at from publication where tenant = :tenant and place = :place;

-- name: keep (count unread)
insert into publication (tenant, place, size, frontier, note, at)
values (:tenant, :place, :size, :frontier, :note, :at)
on conflict (tenant, place) do update set
    size = excluded.size, frontier = excluded.frontier, note = excluded.note, at = excluded.at
where publication.size <= excluded.size;

-- name: of_tenant
select place, size, note, at from publication where tenant = :tenant order by place;
