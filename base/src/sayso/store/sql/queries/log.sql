-- With the key that the log names as its newest, since whoever builds on a head checks who signed; and
-- with the version of the policy that is in force by the rows, as `policy.active` has it, since most
-- that is written is judged. Neither sorts nor looks in a list: SQLite makes a table of its own for
-- that, and each commit reads a head.
-- name: head (beside)
select size, frontier, note, (
    select vkey from log_key
    where log_key.tenant = log_head.tenant and not exists (
        select 1 from log_key as later
        where later.tenant = log_key.tenant and later.from_size > log_key.from_size) limit 1
) as vkey, (
    select max(number) from policy_version where tenant = '*'
) as policy
from log_head where tenant = :tenant;

-- name: head_insert
insert into log_head (tenant, size, frontier, note) values (:tenant, :size, :frontier, '');

-- name: head_sign (count unread)
update log_head set note = :note, size = :size, frontier = :frontier where tenant = :tenant;

-- name: newest_until
select at from log_entry where tenant = :tenant and at <= :until order by seq desc limit 1;

-- name: newest_at
select at from log_entry where tenant = :tenant order by seq desc limit 1;

-- Of those about the place of a log; each kind by its own index, since they are few.
-- name: newest_place
select body from log_entry where tenant = :tenant and seq = (
    select max(seq) from (
        select max(seq) as seq from log_entry where tenant = :tenant and kind = 'tenant.leaving'
        union all
        select max(seq) as seq from log_entry where tenant = :tenant and kind = 'tenant.settled'
        union all
        select max(seq) as seq from log_entry where tenant = :tenant and kind = 'tenant.moved'
    ) as newest);

-- name: append
insert into log_entry (tenant, seq, body) values (:tenant, :seq, :body);

-- name: key
select vkey from log_key where tenant = :tenant order by from_size desc limit 1;

-- name: key_insert
insert into log_key (tenant, vkey, from_size) values (:tenant, :vkey, :from_size);

-- name: keys
select vkey, from_size, to_size from log_key where tenant = :tenant order by from_size;

-- name: signing_key
select key, value from meta where key like 'signing_key/%' order by key desc limit 1;

-- name: bodies (beside)
select seq, body from log_entry where tenant = :tenant and seq >= :from_seq
order by seq limit :limit;

-- name: tenants
select tenant, size from log_head order by tenant;

-- name: rows_to_verify
select seq, body, at, kind, actor, action_id, request_id, approval_id, subject, name, status,
    rule, digest, amount_minor, currency
from log_entry where tenant = :tenant and seq >= :seq
order by seq limit :limit;

-- A page as two texts, which the server is quicker to make than we to read row by row: the bodies,
-- and what `projections.said` makes of the columns beside each. `concat` leaves out what is null.
-- name: texts_to_verify (postgres)
select count(*) as rows, min(seq) as first, max(seq) as last, count(distinct seq) as indexes,
    convert_to(string_agg(body, chr(10) order by seq), 'UTF8') as bodies,
    convert_to(string_agg(
        concat(
            '{', '"action":' || to_json(action_id) || ',', '"actor":{"id":' || to_json(actor) || '},',
            case when num_nonnulls(amount_minor, currency) > 0 then
                '"amount":{' || concat_ws(',', '"amount_minor":' || amount_minor,
                    '"currency":' || to_json(currency)) || '},'
            end,
            '"approval":' || to_json(approval_id) || ',', '"at":' || at || ',',
            '"digest":' || to_json(digest) || ',', '"kind":' || to_json(kind) || ',',
            '"name":' || to_json(name) || ',', '"request":' || to_json(request_id) || ',',
            '"rule":' || to_json(rule) || ',', '"seq":' || seq || ',',
            '"status":' || to_json(status) || ',', '"subject":' || to_json(subject) || ',',
            '"tenant":' || to_json(tenant) || ',"v":1}'
        ),
        chr(10) order by seq
    ), 'UTF8') as said
from (
    select * from log_entry where tenant = :tenant and seq >= :seq order by seq limit :limit
) as page;

-- Also those that have rows and no log. One probe per tenant in place of a scan over all rows.
-- name: tenants_to_verify
with recursive
entries(tenant) as (
    select min(tenant) from log_entry
    union all
    select (select min(tenant) from log_entry where tenant > entries.tenant)
    from entries where entries.tenant is not null
),
actions(tenant) as (
    select min(tenant) from action
    union all
    select (select min(tenant) from action where tenant > actions.tenant)
    from actions where actions.tenant is not null
),
approvals(tenant) as (
    select min(tenant) from approval
    union all
    select (select min(tenant) from approval where tenant > approvals.tenant)
    from approvals where approvals.tenant is not null
)
select tenant from log_head
union select tenant from log_key
union select home as tenant from stop
union select tenant from entries where tenant is not null
union select tenant from actions where tenant is not null
union select tenant from approvals where tenant is not null
order by tenant;

-- Pages that are verified begin with the last row of the page before, so that no second row with
-- the same key can hide between two of them: whoever owns the table may have dropped its index.
-- name: actions_to_verify (postgres)
select convert_to(json_agg(json_build_array(id, status, last_seq) order by id)::text, 'UTF8')
    as rows
from (
    select id, status, last_seq from action
    where tenant = :tenant and id >= :id order by id limit :limit
) as page;

-- name: approvals_to_verify (postgres)
select convert_to(json_agg(json_build_array(id, status, last_seq) order by id)::text, 'UTF8')
    as rows
from (
    select id, status, last_seq from approval
    where tenant = :tenant and id >= :id order by id limit :limit
) as page;

-- name: of_action
select seq, body from log_entry where tenant = :tenant and action_id = :action order by seq;

-- What people decided about a customer's actions.
-- name: decided_of_subject
select action_id, body from log_entry
where tenant = :tenant and subject = :subject and action_id is not null
    and instr(body, '"decision":"') > 0
order by seq;

-- name: of_request
select body from log_entry where tenant = :tenant and request_id = :request order by seq desc;

-- Of the request itself, and not of its actions.
-- name: newest_of_request
select body from log_entry
where tenant = :tenant and request_id = :request and kind like 'request.%'
order by seq desc limit 1;

-- name: first_of_request
select body from log_entry where tenant = :tenant and request_id = :request order by seq limit 1;

-- name: verified_in
select body from log_entry
where tenant = :tenant and request_id = :request and kind = 'customer.verified' order by seq desc;

-- What came of a customer with a signed assertion that names further accounts of theirs.
-- name: signed_in
select body from log_entry
where tenant = :tenant and request_id = :request
    and kind in ('request.asked', 'request.continued', 'request.questioned')
    and instr(body, '"accounts_until"') > 0
order by seq desc;

-- The questions for a code in one request, the newest first.
-- name: codes_asked_in
select body from log_entry
where tenant = :tenant and request_id = :request and kind = 'request.questioned'
    and instr(body, '"slot":"verify"') > 0
order by seq desc;

-- How many codes went to an account, and were asked for by one, since a time.
-- name: codes_since
select
    (select count(*) from log_entry
    where tenant = :tenant and subject = :account and kind = 'customer.code_sent'
        and at > :day) as sent,
    (select count(*) from log_entry
    where tenant = :tenant and subject = :sender and kind = 'request.questioned'
        and at > :hour and instr(body, '"verify":"asked"') > 0) as asked;

-- name: by_caller_key
select seq from log_entry where tenant = :tenant and caller_key = :key limit 1;

-- name: meta
select value from meta where key = :key;

-- Which transactions are over: it differs after anybody on the server has written anything. The
-- highest of their numbers alone stays when an earlier one ends last.
-- name: moment (postgres)
select pg_current_snapshot()::text as moment;

-- name: meta_insert (count unread)
insert into meta (key, value) values (:key, :value) on conflict (key) do nothing;

-- name: page
select seq, body from log_entry where tenant = :tenant and seq >= :low and seq < :before
order by seq desc limit :limit;

-- name: page_by_action
select seq, body from log_entry
where tenant = :tenant and action_id = :action and seq >= :low and seq < :before
order by seq desc limit :limit;

-- name: page_by_request
select seq, body from log_entry
where tenant = :tenant and request_id = :request and seq >= :low and seq < :before
order by seq desc limit :limit;

-- name: page_by_subject
select seq, body from log_entry
where tenant = :tenant and subject = :subject and seq >= :low and seq < :before
order by seq desc limit :limit;

-- name: page_by_kind
select seq, body from log_entry
where tenant = :tenant and kind = :kind and seq >= :low and seq < :before
order by seq desc limit :limit;

-- name: bodies_at
select body from log_entry where tenant = :tenant and seq in (
    :s0, :s1, :s2, :s3, :s4, :s5, :s6, :s7, :s8, :s9, :s10, :s11, :s12, :s13, :s14, :s15,
    :s16, :s17, :s18, :s19, :s20, :s21, :s22, :s23, :s24, :s25, :s26, :s27, :s28, :s29, :s30, :s31,
    :s32, :s33, :s34, :s35, :s36, :s37, :s38, :s39, :s40, :s41, :s42, :s43, :s44, :s45, :s46, :s47,
    :s48, :s49, :s50, :s51, :s52, :s53, :s54, :s55, :s56, :s57, :s58, :s59, :s60, :s61, :s62, :s63
) order by seq desc;

-- Whole rows, to be compared with all that the entries say of them. Who only reads the log as an
-- auditor sees neither the keys of subjects nor votes and requests.
-- name: whole_actions
select r.*, s.key as subject_key, s.pseudonym as subject_pseudonym,
    s.created_at as subject_created_at, e.pseudonym as erasing_as, p.view as card,
    p.digest as card_digest, p.expires_at as card_expires_at, p.erased_seq as card_erased_seq
from action r
left join subject s on s.tenant = r.tenant and s.id = r.subject_id
left join erasure e on e.tenant = r.tenant and e.subject_id = r.subject_id
left join approval p on p.tenant = r.tenant and p.action_id = r.id
where r.tenant = :tenant and r.id >= :id order by r.id limit :limit;

-- name: whole_actions_of_auditor
select r.*, p.view as card, p.digest as card_digest, p.expires_at as card_expires_at,
    p.erased_seq as card_erased_seq
from action r
left join approval p on p.tenant = r.tenant and p.action_id = r.id
where r.tenant = :tenant and r.id >= :id order by r.id limit :limit;

-- name: whole_approvals
select r.*, a.requester as of_requester, a.request_id as of_request,
    cast(case when o.key is null then 0 else 1 end as bigint) as in_outbox
from approval r
left join action a on a.tenant = r.tenant and a.id = r.action_id
left join outbox o on o.tenant = r.tenant and o.topic = 'approval' and o.key = r.id
where r.tenant = :tenant and r.id >= :id order by r.id limit :limit;

-- name: whole_approvals_of_auditor
select * from approval where tenant = :tenant and id >= :id order by id limit :limit;

-- name: whole_holds
select * from hold where tenant = :tenant and id >= :id order by id limit :limit;

-- name: whole_erasures
select * from erasure where tenant = :tenant and id >= :id order by id limit :limit;

-- name: whole_tokens
select * from token where tenant = :tenant and id >= :id order by id limit :limit;

-- name: whole_policy_changes
select * from policy_change where home = :tenant and id >= :id order by id limit :limit;

-- name: whole_canaries
select * from canary where tenant = :tenant and id >= :id order by id limit :limit;

-- name: whole_links
select r.*, a.id as end_account_id, a.key as end_account_key,
    a.created_at as end_account_created_at, b.id as end_other_id, b.key as end_other_key,
    b.created_at as end_other_created_at
from customer_link r
left join subject a on a.tenant = r.tenant and a.pseudonym = r.account
left join subject b on b.tenant = r.tenant and b.pseudonym = r.other
where r.tenant = :tenant and r.id >= :id order by r.id limit :limit;

-- name: whole_links_of_auditor
select * from customer_link where tenant = :tenant and id >= :id order by id limit :limit;

-- name: whole_policy_versions
select * from policy_version
where home = :tenant and number >= :number order by number limit :limit;

-- name: whole_texts
select r.*, s.id as subject_id, s.key as subject_key, s.created_at as subject_created_at
from personal r
left join subject s on s.tenant = r.tenant and s.pseudonym = r.pseudonym
where r.tenant = :tenant and r.ref >= :ref order by r.ref limit :limit;

-- name: whole_work
select * from work where tenant = :tenant and about >= :about order by about limit :limit;

-- name: whole_notes
select * from work_note
where tenant = :tenant and (about, seq) >= (:about, :seq) order by about, seq limit :limit;

-- name: whole_votes
select * from vote
where tenant = :tenant and (approval_id, revision, person) >= (:approval_id, :revision, :person)
order by approval_id, revision, person limit :limit;

-- name: whole_requests
select r.*, s.key as subject_key, s.pseudonym as subject_pseudonym,
    s.created_at as subject_created_at, e.pseudonym as erasing_as from request r
left join subject s on s.tenant = r.tenant and s.id = r.subject_id
left join erasure e on e.tenant = r.tenant and e.subject_id = r.subject_id
where r.tenant = :tenant and r.id >= :id order by r.id limit :limit;

-- name: whole_stops
select r.*, s.key as subject_key, s.pseudonym as subject_pseudonym,
    s.created_at as subject_created_at, e.pseudonym as erasing_as from stop r
left join subject s on s.tenant = r.home and s.id = r.target
left join erasure e on e.tenant = r.home and e.subject_id = r.target
where r.home = :tenant and r.id >= :id order by r.id limit :limit;

-- name: whole_stops_of_auditor
select * from stop where home = :tenant and id >= :id order by id limit :limit;

-- name: whole_uses
select * from limit_use
where home = :tenant and (action_id, revision, limit_id, key, currency)
    >= (:action_id, :revision, :limit_id, :key, :currency)
order by action_id, revision, limit_id, key, currency limit :limit;
