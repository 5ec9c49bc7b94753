-- name: put (beside)
insert into process (id, kind, host, pid, started_at, beat_at, version, settings, connectors,
    actions, policy, policy_sha256, not_reloaded)
values (:id, :kind, :host, :pid, :started_at, :beat_at, :version, :settings, :connectors,
    :actions, :policy, :policy_sha256, :not_reloaded)
on conflict (id) do update set beat_at = :beat_at, version = :version, settings = :settings,
    connectors = :connectors, actions = :actions, policy = :policy,
    policy_sha256 = :policy_sha256, not_reloaded = :not_reloaded;

-- name: all
select id, kind, host, pid, started_at, beat_at, version, settings, connectors, actions, policy,
    policy_sha256, not_reloaded
from process order by started_at, id limit 1000;

-- name: gone (count unread, beside)
delete from process where id = :id;

-- name: forget (count unread, beside)
delete from process where beat_at < :before;
