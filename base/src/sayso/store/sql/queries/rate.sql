-- name: of
select next_at from rate where bucket = :bucket;

-- name: put (count unread)
insert into rate (bucket, next_at) values (:bucket, :next_at)
on conflict (bucket) do update set next_at = :next_at;
