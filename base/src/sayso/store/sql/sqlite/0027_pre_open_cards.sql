-- A question that people answered with less, so that nobody had to say yes any more, went on holding
-- its card of the limits on open cards for good. It is let go of as the log says: with the action's
-- end, or, of what has not ended yet, when it does.

update action set judgement = json_set(judgement, '$.holds', json('true'))
where status in ('approved', 'executing', 'accepted', 'unknown') and judgement is not null
    and exists (select 1 from limit_use u where u.home = action.tenant
        and u.action_id = action.id and u.currency = 'cards' and u.state = 'held');

update limit_counter set count = count - (
    select count(*) from limit_use u join action a on a.tenant = u.home and a.id = u.action_id
    where u.tenant = limit_counter.tenant and u.limit_id = limit_counter.limit_id
        and u.key = limit_counter.key and u.currency = limit_counter.currency
        and u.bucket = limit_counter.bucket and u.state = 'held' and a.status not in
            ('pending_approval', 'approved', 'executing', 'accepted', 'unknown'))
where currency = 'cards';

update limit_use set state = 'released', last_seq = coalesce((
    select min(e.seq) from log_entry e
    where e.tenant = limit_use.home and e.action_id = limit_use.action_id
        and e.seq > limit_use.last_seq and e.status not in
            ('pending_approval', 'approved', 'executing', 'accepted', 'unknown')), last_seq)
where currency = 'cards' and state = 'held' and exists (
    select 1 from action a where a.tenant = limit_use.home and a.id = limit_use.action_id
        and a.status not in
            ('pending_approval', 'approved', 'executing', 'accepted', 'unknown'));
