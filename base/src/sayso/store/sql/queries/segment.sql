-- name: of_tenant (beside)
select * from log_segment where tenant = :tenant order by first;

-- name: pruned_to
select coalesce(max(pruned_to), 0) as size from log_segment
where tenant = :tenant and pruned_seq is not null;

-- name: at
select * from log_segment where tenant = :tenant and first <= :seq order by first desc limit 1;

-- name: insert
insert into log_segment (tenant, first, count, root, tile, rotations, file, bytes, sha256,
    sealed_seq, pruned_to)
values (:tenant, :first, :count, :root, :tile, :rotations, :file, :bytes, :sha256, :sealed_seq,
    :first);

-- name: replace_file
update log_segment set file = :file, bytes = :bytes, sha256 = :sha256, sealed_seq = :sealed_seq
where tenant = :tenant and first = :first and pruned_seq is null and sealed_seq = :was_seq;

-- The database deletes the entries below with this.
-- name: prune
update log_segment set pruned_to = :to, pruned_seq = :pruned_seq
where tenant = :tenant and first = :first and pruned_to = :was;

-- An entry of a segment that is younger; the last ones are looked at first.
-- name: newest_at
select seq from log_entry
where tenant = :tenant and seq >= :first and seq < :end and coalesce(at > :before, true)
order by seq desc limit 1;

-- name: any_hold
select id, reason from hold where tenant = :tenant and released_at is null order by id limit 1;

-- What has not ended and points at an entry below the end.
-- name: open_rows
select 'action' as what, id, status, updated_at as since, last_seq from action
where tenant = :tenant and last_seq < :end
    and status not in ('refused', 'rejected', 'expired', 'withdrawn', 'succeeded', 'failed',
        'compensated')
union all
select 'request', id, status, updated_at, last_seq from request
where tenant = :tenant and last_seq < :end and status not in ('answered', 'handed_over', 'withdrawn')
union all
select 'approval', id, status, updated_at, last_seq from approval
where tenant = :tenant and last_seq < :end and status = 'pending'
union all
select 'erasure', id, 'erasing', begun_at, begun_seq from erasure
where tenant = :tenant and begun_seq < :end and done_seq is null
order by last_seq limit :limit;

-- NOTE: a stop of every tenant stands under the tenant `*`, so these two name the log's as `home`.
-- name: open_stops
select 'stop' as what, id, 'in_force' as status, engaged_at as since, last_seq from stop
where home = :home and last_seq < :end and released_at is null order by last_seq limit :limit;

-- name: repoint_stops
update stop set last_seq = :pruned_seq where home = :home and last_seq < :end;

-- name: repoint_actions
update action set last_seq = :pruned_seq where tenant = :tenant and last_seq < :end;

-- name: repoint_approvals
update approval set last_seq = :pruned_seq where tenant = :tenant and last_seq < :end;

-- name: repoint_requests
update request set last_seq = :pruned_seq where tenant = :tenant and last_seq < :end;

-- name: repoint_tokens
update token set last_seq = :pruned_seq where tenant = :tenant and last_seq < :end;

-- name: repoint_holds
update hold set last_seq = :pruned_seq where tenant = :tenant and last_seq < :end;

-- name: repoint_links
update customer_link set last_seq = :pruned_seq where tenant = :tenant and last_seq < :end;

-- name: repoint_erasures
update erasure set begun_seq = :pruned_seq where tenant = :tenant and begun_seq < :end;
