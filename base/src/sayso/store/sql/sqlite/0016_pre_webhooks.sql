-- Webhooks: programs that are called with every change.

create table webhook (
    tenant text not null,
    id text not null,
    -- The address, which changes are told, and the secrets that sign, as JSON that the vault's key
    -- has sealed for this very row: whoever can only write the database cannot send them elsewhere.
    sealed blob not null,
    idempotency_key text not null,
    -- How its last change was asked for, by whom: a repeated call finds its own mark.
    via text not null,
    created_at integer not null,
    disabled_at integer,
    disabled_why text,
    -- Up to which entry of the log its changes stand in webhook_delivery, or are delivered.
    read_to integer not null,
    -- It is not called before this moment.
    due_at integer not null,
    -- Deliveries that failed since the last one that arrived, since when, and what was wrong.
    failures integer not null default 0,
    failing_since integer,
    problem text,
    last_seq integer not null,
    primary key (tenant, id),
    unique (tenant, idempotency_key)
) strict;

-- What is still to be told of one request, or of one action that came of none: the entries about it
-- behind after_seq, up to to_seq, in their order. A row is gone once all of it has arrived.
create table webhook_delivery (
    tenant text not null,
    webhook_id text not null,
    item_id text not null,
    after_seq integer not null,
    to_seq integer not null,
    -- How often somebody has begun since the last one that arrived, and whether somebody is at it.
    attempts integer not null default 0,
    leased integer not null default 0,
    due_at integer not null,
    primary key (tenant, webhook_id, item_id)
) strict;

create index webhook_delivery_due on webhook_delivery (tenant, webhook_id, due_at);
