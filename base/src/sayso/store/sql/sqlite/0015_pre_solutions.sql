-- Solutions: all approvals of one plan are answered together, and an inbox shows them as one.

-- The request of the approval's action; null for an action of its own.
alter table approval add column request_id text;
update approval set request_id = (
    select action.request_id from action
    where action.tenant = approval.tenant and action.id = approval.action_id);
create index approval_by_request on approval (tenant, request_id, id)
    where request_id is not null;

-- What waits, by who is asked, the soonest first.
-- NOTE: queries use these only with the very same conditions.
create index approval_waiting on approval (tenant, roles, expires_at, id)
    where status = 'pending';
create index approval_escalated on approval (tenant, expires_at, id)
    where status = 'pending' and escalated_seq is not null;
create index approval_decided on approval (tenant, updated_at, id)
    where status <> 'pending';

-- What an amount is compared with before people see it.
create index action_amounts on action (tenant, name, currency, id, amount_minor)
    where status = 'succeeded' and amount_minor is not null;

-- People who are signed in to the console. What opens it is the token; this is only how long it was
-- used lately, and by what the person signed in.
create table session (
    tenant text not null,
    token_id text not null,
    via text not null,
    started_at integer not null,
    seen_at integer not null,
    stepped_up_at integer,
    primary key (tenant, token_id)
) strict;
