-- name: note (beside)
select note, seal from authority where tenant = :tenant;

-- name: leave (count unread)
insert into authority (tenant, size, note, seal) values (:tenant, :size, :note, :seal)
on conflict (tenant) do update set size = excluded.size, note = excluded.note, seal = excluded.seal
where authority.size <= excluded.size;
