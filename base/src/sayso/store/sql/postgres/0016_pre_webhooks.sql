-- Webhooks: programs that are called with every change.

create table webhook (
    tenant text collate "C" not null,
    id text collate "C" not null,
    -- The address, which changes are told, and the secrets that sign, as JSON that the vault's key
    -- has sealed for this very row: whoever can only write the database cannot send them elsewhere.
    sealed bytea not null,
    idempotency_key text collate "C" not null,
    -- How its last change was asked for, by whom: a repeated call finds its own mark.
    via text collate "C" not null,
    created_at bigint not null,
    disabled_at bigint,
    disabled_why text collate "C",
    -- Up to which entry of the log its changes stand in webhook_delivery, or are delivered.
    read_to bigint not null,
    -- It is not called before this moment.
    due_at bigint not null,
    -- Deliveries that failed since the last one that arrived, since when, and what was wrong.
    failures bigint not null default 0,
    failing_since bigint,
    problem text collate "C",
    last_seq bigint not null,
    primary key (tenant, id),
    unique (tenant, idempotency_key)
);

-- What is still to be told of one request, or of one action that came of none: the entries about it
-- behind after_seq, up to to_seq, in their order. A row is gone once all of it has arrived.
create table webhook_delivery (
    tenant text collate "C" not null,
    webhook_id text collate "C" not null,
    item_id text collate "C" not null,
    after_seq bigint not null,
    to_seq bigint not null,
    -- How often somebody has begun since the last one that arrived, and whether somebody is at it.
    attempts bigint not null default 0,
    leased bigint not null default 0,
    due_at bigint not null,
    primary key (tenant, webhook_id, item_id)
);

create index webhook_delivery_due on webhook_delivery (tenant, webhook_id, due_at);

grant select, insert, update, delete on webhook, webhook_delivery to sayso_app;

select guard_tables();
