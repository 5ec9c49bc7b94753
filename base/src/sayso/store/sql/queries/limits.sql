-- NOTE: rows of the tenant `*` count for all tenants, so these name the tenant as `owner`: where a
-- server keeps tenants apart, a statement that names one would not see them.

-- What is used of a limit in its window.
-- name: used
select cast(coalesce(sum(count), 0) as bigint) as count,
    cast(coalesce(sum(held_minor + settled_minor), 0) as bigint) as minor
from limit_counter
where tenant = :owner and limit_id = :limit_id and key = :key and currency = :currency
    and bucket >= :oldest;

-- name: add (count unread)
insert into limit_counter (tenant, limit_id, key, currency, bucket, count, held_minor,
    settled_minor)
values (:owner, :limit_id, :key, :currency, :bucket, :count, :held, :settled)
on conflict (tenant, limit_id, key, currency, bucket) do update
set count = limit_counter.count + excluded.count,
    held_minor = limit_counter.held_minor + excluded.held_minor,
    settled_minor = limit_counter.settled_minor + excluded.settled_minor;

-- name: change (one row)
update limit_counter
set count = count + :count, held_minor = held_minor + :held,
    settled_minor = settled_minor + :settled,
    -- Open cards have no window: once none is left, the next ones are told of anew.
    told = case when bucket = 0 and count + :count = 0 then 0 else told end
where tenant = :owner and limit_id = :limit_id and key = :key and currency = :currency
    and bucket = :bucket;

-- Once for each limit, key, window and level: 1 for four fifths, 2 for all of it.
-- name: tell
update limit_counter set told = :level
where tenant = :owner and limit_id = :limit_id and key = :key and currency = :currency
    and bucket = :bucket and not exists (select 1 from limit_counter c
        where c.tenant = limit_counter.tenant and c.limit_id = limit_counter.limit_id
            and c.key = limit_counter.key and c.currency = limit_counter.currency
            and c.bucket >= :oldest and c.told >= :level);

-- name: use (count unread)
insert into limit_use (tenant, home, action_id, revision, limit_id, key, currency, bucket, count,
    minor, state, why, last_seq)
values (:owner, :home, :action_id, :revision, :limit_id, :key, :currency, :bucket, :count, :minor,
    :state, :why, :last_seq)
on conflict (home, action_id, revision, limit_id, key, currency) do update
set bucket = excluded.bucket, minor = excluded.minor, state = excluded.state,
    why = excluded.why, last_seq = excluded.last_seq;

-- name: uses_of
select * from limit_use where home = :home and action_id = :action_id
order by revision, limit_id, key, currency;

-- By which keys a customer's account is counted: what was filled stands in no entry.
-- name: keys_of
select distinct u.limit_id, u.key from action a
join limit_use u on u.home = a.tenant and u.action_id = a.id
where a.tenant = :tenant and a.subject_id = :account and u.tenant = :tenant
order by u.limit_id, u.key;

-- What an earlier limit of this name has counted.
-- name: drop_uses
delete from limit_use where limit_id = :limit_id;

-- name: drop_counters
delete from limit_counter where limit_id = :limit_id;

-- What is shown: the fullest first.
-- name: counters
select tenant, limit_id, key, currency, cast(sum(count) as bigint) as count,
    cast(sum(held_minor) as bigint) as held, cast(sum(settled_minor) as bigint) as settled
from limit_counter
where limit_id = :limit_id and bucket >= :oldest and tenant in (:owner, '*')
group by tenant, limit_id, key, currency
order by sum(held_minor + settled_minor) desc, sum(count) desc, key limit :limit;

-- Whose counter a hashed key is: the newest action that used it.
-- name: newest_use
select home, action_id from limit_use
where tenant = :owner and limit_id = :limit_id and key = :key
order by last_seq desc, action_id desc limit 1;

-- What a new limit is filled with: everything that would hold or have used some of it.
-- name: to_fill
select * from action
where id > :after
    and (status in ('pending_approval', 'approved', 'executing', 'accepted', 'unknown')
    or (status = 'succeeded' and updated_at >= :since))
order by id limit :limit;

-- Whose yes an action has.
-- name: yes_to
select v.person from vote v join approval p on p.tenant = v.tenant and p.id = v.approval_id
where p.tenant = :tenant and p.action_id = :action_id and v.revision = :revision
    and v.decision = 'approve' order by v.person;

-- name: mark (one row)
update action set judgement = :judgement where tenant = :tenant and id = :id;

-- ---- judging the rows -------------------------------------------------------------------------

-- Counters that are not the sum of their uses.
-- name: uneven
select c.tenant, c.limit_id, c.key, c.currency, c.bucket, c.count, c.held_minor, c.settled_minor
from limit_counter c
left join (
    select tenant, limit_id, key, currency, bucket,
        sum(count) as count,
        sum(case when state = 'held' then minor else 0 end) as held,
        sum(case when state = 'settled' then minor else 0 end) as settled
    from limit_use where state <> 'released'
    group by tenant, limit_id, key, currency, bucket
) u on u.tenant = c.tenant and u.limit_id = c.limit_id and u.key = c.key
    and u.currency = c.currency and u.bucket = c.bucket
where c.count <> coalesce(u.count, 0) or c.held_minor <> coalesce(u.held, 0)
    or c.settled_minor <> coalesce(u.settled, 0)
order by c.limit_id, c.bucket limit 20;

-- Uses that no counter counts.
-- name: uncounted
select u.tenant, u.limit_id, u.key, u.currency, u.bucket
from limit_use u
left join limit_counter c on c.tenant = u.tenant and c.limit_id = u.limit_id and c.key = u.key
    and c.currency = u.currency and c.bucket = u.bucket
where u.state <> 'released' and c.limit_id is null
order by u.limit_id, u.bucket limit 20;

-- Uses whose state is not that of their action.
-- name: misplaced
select u.home, u.action_id, u.limit_id, u.state, a.status
from limit_use u join action a on a.tenant = u.home and a.id = u.action_id
where u.revision = a.revision and not case when u.currency = :cards
    -- A question holds its card as long as it waits, and never longer.
    then u.state = 'released' or (u.state = 'held' and a.status = 'pending_approval')
    else (u.state = 'held' and a.status in ('approved', 'executing', 'accepted', 'unknown'))
        or (u.state = 'settled' and a.status = 'succeeded')
        or (u.state = 'returned' and (a.status = 'compensated' or a.status = 'failed'))
        or (u.state = 'released' and a.status <> 'compensated'
            and a.status not in ('approved', 'executing', 'unknown', 'succeeded'))
    end
order by u.action_id limit 20;

-- An earlier revision that still holds something.
-- name: left_behind
select u.home, u.action_id, u.limit_id, u.revision, a.revision as newest
from limit_use u join action a on a.tenant = u.home and a.id = u.action_id
where u.revision < a.revision and u.state = 'held' order by u.action_id limit 20;

-- Buckets that hold more than so much, but for what people agreed to and what came late. One that
-- was full when the caps came in force holds more by nobody's fault, until something is added.
-- name: above
select u.tenant, u.key, u.currency, u.bucket, cast(sum(u.minor) as bigint) as minor,
    cast(sum(u.count) as bigint) as count
from limit_use u join action a on a.tenant = u.home and a.id = u.action_id
where u.limit_id = :limit_id and u.currency = :currency and u.state in ('held', 'settled')
    and u.why = 'fits'
group by u.tenant, u.key, u.currency, u.bucket
having max(a.created_at) >= :since
    and (cast(sum(u.minor) as bigint) > :cap or cast(sum(u.count) as bigint) > :most)
order by u.bucket limit 20;

-- Buckets that count no more and hold nothing: a counter goes with all its uses.
-- name: forget_uses
delete from limit_use where limit_id = :limit_id and bucket < :before
    and not exists (select 1 from limit_use u where u.tenant = limit_use.tenant
        and u.limit_id = limit_use.limit_id and u.key = limit_use.key
        and u.currency = limit_use.currency and u.bucket = limit_use.bucket
        and u.state = 'held');

-- name: forget_counters
delete from limit_counter where limit_id = :limit_id and bucket < :before
    and not exists (select 1 from limit_use u where u.tenant = limit_counter.tenant
        and u.limit_id = limit_counter.limit_id and u.key = limit_counter.key
        and u.currency = limit_counter.currency and u.bucket = limit_counter.bucket);

-- ---- of one customer ----------------------------------------------------------------------------

-- What the actions of one account use of a limit in its window.
-- name: used_by_account
select u.currency, cast(sum(u.count) as bigint) as count,
    cast(sum(case when u.state in ('held', 'settled') then u.minor else 0 end) as bigint) as minor
from limit_use u join action a on a.tenant = u.home and a.id = u.action_id
where u.home = :home and a.subject_id = :subject_id and u.limit_id = :limit_id
    and u.bucket >= :oldest and u.state <> 'released'
group by u.currency order by u.currency;
