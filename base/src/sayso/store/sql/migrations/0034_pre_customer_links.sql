-- Links between accounts that are one customer's (docs/decisions/0125). Both ends are named as the
-- log names them: what a provider calls them stands in `subject` alone, and goes with it. Each
-- column stands in an entry, and is held against it whenever a link counts.
create table customer_link (
    tenant text not null,
    id text not null,
    account text not null,
    other text not null,
    proof text not null check (proof in ('email', 'person', 'code', 'record', 'signed')),
    linked_by text not null,
    linked_at integer not null,
    until integer,
    request_id text,
    reason_ref text,
    ended_by text,
    ended_at integer,
    ended_why text,
    ended_ref text,
    last_seq integer not null,
    primary key (tenant, id),
    foreign key (tenant, last_seq) references log_entry (tenant, seq)
        deferrable initially deferred,
    check (account <> other),
    check ((ended_at is null) = (ended_by is null)),
    check ((ended_at is null) = (ended_why is null))
);

create index customer_link_of_account on customer_link (tenant, account) where ended_at is null;
create index customer_link_of_other on customer_link (tenant, other) where ended_at is null;
create index customer_link_by_entry on customer_link (tenant, last_seq);

create trigger customer_link_moves_with_an_entry before update on customer_link
    when (new.last_seq <= old.last_seq or new.tenant is not old.tenant or new.id is not old.id
        or new.account is not old.account or new.other is not old.other
        or new.proof is not old.proof or new.linked_by is not old.linked_by
        or new.linked_at is not old.linked_at or new.until is not old.until
        or new.request_id is not old.request_id or new.reason_ref is not old.reason_ref
        or (old.ended_at is not null and (new.ended_at is not old.ended_at
            or new.ended_by is not old.ended_by or new.ended_why is not old.ended_why
            or new.ended_ref is not old.ended_ref)))
    refuse 'customer_link: only its end is written, with its own audit entry';
create trigger customer_link_is_never_deleted before delete on customer_link
    refuse 'customer_link: links are never deleted';

-- What the log says of an account's links is found by either end, so that a row which is gone, or
-- was put there, is noticed before anything goes by it. An entry about an action begins with its
-- id, so that most are told apart by their first characters.
create index log_entry_by_link on log_entry (tenant, subject, seq)
    where substr(body, 1, 8) = '{"actor"' and instr(body, '"linked_with":"') > 0;
create index log_entry_by_other_end
    on log_entry (tenant, substr(body, instr(body, '"linked_with":"') + 15, 28))
    where substr(body, 1, 8) = '{"actor"' and instr(body, '"linked_with":"') > 0;

grant select, insert, update on customer_link to sayso_app;
grant select on customer_link to sayso_auditor;

-- postgres:
select guard_tables();
