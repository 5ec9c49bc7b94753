"""The other design, as a prototype: many writers at once, and one sequencer behind them.

A business transaction stores the state, the entry's body and a row that says it has no index yet.
The sequencer takes up to 500 of those, at most 50 ms after the last time, gives them the next
indexes, extends the tree and signs the head, in a commit of its own. The body has to do without its
index, since nobody knows it yet. Nothing of Sayso uses this; `bench.writers` measures it.
"""

from __future__ import annotations

import json
import select
import sys
import time
from dataclasses import dataclass, field
from itertools import count

from bench.writers.work import DEPLOYMENT, TENANT, Change
from sayso.audit.signed_note.note import Checkpoint, Ed25519Signer, sign_checkpoint
from sayso.audit.tree.merkle import Frontier, leaf_hash
from sayso.json import JsonValue
from sayso.store.base import SqlValue, integer, text
from sayso.store.postgres.session import PostgresSession
from sayso.store.queries import Statement, numbered_queries

MOST = 500
EVERY_S = 0.05

# The columns, indexes and checks of `log_entry`, but for the index of the entry.
SCHEMA = """
set search_path to sayso, pg_temp;
alter table action drop constraint action_tenant_last_seq_fkey;
create sequence event_block;
create table event (
    tenant text collate "C" not null, id bigint not null, body text collate "C" not null,
    at bigint, kind text collate "C", actor text collate "C", action_id text collate "C",
    request_id text collate "C", approval_id text collate "C", subject text collate "C",
    name text collate "C", status text collate "C", rule text collate "C",
    digest text collate "C", amount_minor bigint, currency text collate "C",
    primary key (tenant, id)
);
create index on event (tenant, action_id, id) where action_id is not null;
create index on event (tenant, request_id, id) where request_id is not null;
create index on event (tenant, subject, id) where subject is not null;
create index on event (tenant, kind, id);
create function event_is_read() returns trigger language plpgsql as $$
declare
    said jsonb;
begin
    said := (case when strpos(new.body, '\\u0000') = 0 then new.body
        else replace(new.body, '\\u0000', '\\ufffd') end)::jsonb;
    new.at := (said ->> 'at')::bigint;
    new.kind := said ->> 'kind';
    new.actor := said -> 'actor' ->> 'id';
    new.action_id := said ->> 'action';
    new.request_id := said ->> 'request';
    new.approval_id := said ->> 'approval';
    new.subject := said ->> 'subject';
    new.name := said ->> 'name';
    new.status := said ->> 'status';
    new.rule := said ->> 'rule';
    new.digest := said ->> 'digest';
    new.amount_minor := (said -> 'amount' ->> 'amount_minor')::bigint;
    new.currency := said -> 'amount' ->> 'currency';
    return new;
end
$$;
create trigger event_is_read before insert on event for each row execute function event_is_read();
alter table action add constraint action_last_event foreign key (tenant, last_seq)
    references event (tenant, id) deferrable initially deferred;
create table pending (tenant text collate "C" not null, id bigint not null, noted bigint not null,
    primary key (tenant, noted, id));
create table sequenced (tenant text collate "C" not null, seq bigint not null,
    event bigint not null, primary key (tenant, seq));
grant select, insert on event, sequenced to sayso_app;
grant select, insert, delete on pending to sayso_app;
grant usage on event_block to sayso_app;
insert into log_head values ('main', 0, '', '');
"""

_BEGIN = Statement(name="~begin", sql="begin")
_LOCK = Statement(name="~lock", sql="select pg_advisory_xact_lock(77)")
_ALL = Statement(name="~all", sql="select set_config('app.tenant', '*', true)")
_BLOCK = Statement(name="~block", sql="select nextval('event_block') as block")
_EVENT = Statement(
    name="~event",
    sql="insert into event (tenant, id, body) values ($1, $2, $3)",
    parameters=("tenant", "id", "body"),
)
_PENDING = Statement(
    name="~pending",
    sql="insert into pending (tenant, id, noted) values ($1, $2, $3)",
    parameters=("tenant", "id", "noted"),
)
_TAKE = Statement(
    name="~take",
    sql="with taken as (delete from pending where (tenant, noted, id) in"
    f" (select tenant, noted, id from pending where tenant = 'main'"
    f" order by tenant, noted, id limit {MOST}) returning *)"
    " select taken.id, noted, body from taken join event using (tenant, id) order by noted, id",
)
_HEAD = Statement(
    name="~head",
    sql="select size, frontier from log_head where tenant = $1",
    parameters=("tenant",),
)
_PLACE = Statement(
    name="~place",
    sql="insert into sequenced (tenant, seq, event) select $1, $2 + at - 1, id::bigint"
    " from json_array_elements_text($3::json) with ordinality as given (id, at)",
    parameters=("tenant", "size", "ids"),
)
_SIGN = Statement(
    name="~sign",
    sql="update log_head set note = $1, size = $2, frontier = $3 where tenant = $4",
    parameters=("note", "size", "frontier", "tenant"),
)
_COMMIT = Statement(name="~commit", sql="commit")


class SequencedWriter:
    """Stores state, body and its place in the line, on a connection of its own."""

    def __init__(self, session: PostgresSession) -> None:
        self._session = session
        block = integer(session.rows(session.send(_BLOCK))[0], "block")
        session.sync()
        self._ids = count(block * 1_000_000)

    def move(self, change: Change) -> int:
        """Store a change; returns the event's id."""
        session = self._session
        number = next(self._ids)
        begun = time.monotonic_ns() // 1000
        body = change.entry.body(tenant=TENANT, seq=0, at_micros=time.time_ns() // 1000)
        session.send(_BEGIN)
        session.send(_ALL)
        own: dict[str, SqlValue] = {"tenant": TENANT, "id": number}
        session.send(_EVENT, {**own, "body": body.decode()})
        values = {**change.values, "last_seq": number}
        changed = session.send(numbered_queries()[change.query], values)
        session.send(_PENDING, {**own, "noted": begun})
        session.send(_COMMIT)
        session.sync()
        assert session.count(changed) == 1
        return number


@dataclass(slots=True, kw_only=True)
class Sequenced:
    """What the sequencer did; `lag_s` is from the beginning of each business transaction."""

    lag_s: list[float] = field(default_factory=list[float])
    cpu_s: float = 0.0

    def to_json(self) -> dict[str, JsonValue]:
        """For the process that asked."""
        return {"lag_s": list(self.lag_s), "cpu_s": self.cpu_s}


def sequence(session: PostgresSession, signer: Ed25519Signer) -> Sequenced:
    """Give indexes until a line comes in and nothing waits any more."""
    told = Sequenced()
    own = signer.named(f"{DEPLOYMENT}/{TENANT}")
    print("ready", flush=True)
    sys.stdin.readline()
    told.cpu_s = -time.process_time()
    while True:
        begun = time.monotonic()
        taken = _sequence_once(session, own, told)
        pause = 0.0 if taken == MOST else max(0.0, begun + EVERY_S - time.monotonic())
        ended = bool(select.select([sys.stdin], [], [], pause)[0])
        if ended and not taken:
            break
    told.cpu_s += time.process_time()
    return told


def _sequence_once(session: PostgresSession, signer: Ed25519Signer, told: Sequenced) -> int:
    session.send(_BEGIN)
    session.send(_LOCK)
    session.send(_ALL)
    taking = session.send(_TAKE)
    reading = session.send(_HEAD, {"tenant": TENANT})
    rows = session.rows(taking)
    if rows:
        head = session.rows(reading)[0]
        size, kept = integer(head, "size"), head["frontier"]
        assert isinstance(kept, bytes)
        frontier = Frontier.from_bytes(size, kept)
        frontier.extend([leaf_hash(text(row, "body").encode()) for row in rows])
        ids = json.dumps([integer(row, "id") for row in rows])
        session.send(_PLACE, {"tenant": TENANT, "size": size, "ids": ids})
        checkpoint = Checkpoint(origin=signer.name, size=frontier.size, root=frontier.root())
        signed: dict[str, SqlValue] = {
            "tenant": TENANT,
            "note": sign_checkpoint(checkpoint, signer),
            "size": frontier.size,
            "frontier": frontier.to_bytes(),
        }
        session.send(_SIGN, signed)
    session.send(_COMMIT)
    session.sync()
    now = time.monotonic_ns() // 1000
    told.lag_s.extend((now - integer(row, "noted")) / 1e6 for row in rows)
    return len(rows)
