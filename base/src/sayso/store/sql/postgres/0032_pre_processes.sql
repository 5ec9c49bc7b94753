-- The processes that serve or work, as each says of itself (docs/decisions/0112). Nothing is decided
-- by it, and nothing signs it.
create table process (
    id text collate "C" primary key,
    kind text collate "C" not null check (kind in ('serve', 'worker', 'mcp')),
    host text not null,
    pid bigint not null,
    started_at bigint not null,
    beat_at bigint not null,
    version text not null,
    settings text not null,
    connectors text not null,
    actions text not null,
    policy bigint not null,
    policy_sha256 text not null,
    not_reloaded text not null
);
grant select, insert, update, delete on process to sayso_app;
