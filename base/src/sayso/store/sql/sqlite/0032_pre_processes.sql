-- The processes that serve or work, as each says of itself (docs/decisions/0112). Nothing is decided
-- by it, and nothing signs it.
create table process (
    id text primary key,
    kind text not null check (kind in ('serve', 'worker', 'mcp')),
    host text not null,
    pid integer not null,
    started_at integer not null,
    beat_at integer not null,
    version text not null,
    settings text not null,
    connectors text not null,
    actions text not null,
    policy integer not null,
    policy_sha256 text not null,
    not_reloaded text not null
) strict;
