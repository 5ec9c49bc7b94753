"""A small log with its state, that a test can write down, and then attack as it likes."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.audit.signed_note.note import Checkpoint, Ed25519Signer, encode64, sign_checkpoint
from sayso.audit.signing.rotation import Rotation
from sayso.audit.tree.merkle import Frontier, leaf_hash

DEPLOYMENT = "acme"
AGENT = Actor(kind=ActorKind.AGENT, id="agt_1")
SIZE = 40
"""Ten actions of four entries each."""

# `kind` is a stored copy and `name` a computed one: both ways a column can stand beside a body.
SCHEMA = """
create table meta (key text primary key, value text) strict;
create table log_entry (id integer primary key, tenant text not null, seq integer not null,
    body text not null, kind text,
    name text generated always as (body ->> '$.name') virtual,
    unique (tenant, seq)) strict;
create table log_head (tenant text primary key, size integer not null, frontier blob not null,
    note text not null) strict;
create table log_key (tenant text not null, vkey text not null, from_size integer not null,
    to_size integer, primary key (tenant, vkey)) strict;
create table log_segment (tenant text, first integer, count integer, root blob, tile blob,
    rotations text, file text, bytes integer, sha256 text, sealed_seq integer, pruned_to integer,
    pruned_seq integer, primary key (tenant, first)) strict;
create table publication (tenant text, place text, note text);
create table log_timestamp (tenant text, place text, size integer, note text, token blob);
create table action (tenant text, id text, status text, revision integer,
    last_seq integer not null, primary key (tenant, id));
create table approval (tenant text, id text, status text, last_seq integer not null,
    primary key (tenant, id));
"""


def signer_of(origin: str, seed: int = 1) -> Ed25519Signer:
    """The same key each time, for one seed."""
    return Ed25519Signer(origin, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def entry_at(seq: int) -> Entry:
    """Entry `seq` of the life of one action after the other: proposed, asked, approved, done."""
    number, step = divmod(seq, 4)
    kind, status, approval_status = (
        (EntryKind.ACTION_PROPOSED, "planned", None),
        (EntryKind.ACTION_PENDING, "pending_approval", None),
        (EntryKind.ACTION_APPROVED, "approved", "approved"),
        (EntryKind.ACTION_SUCCEEDED, "succeeded", None),
    )[step]
    return Entry(
        kind=kind,
        actor=AGENT,
        action=f"act_{number}",
        approval=f"apr_{number}" if step in {1, 2} else None,
        name="shop.refund",
        status=status,
        data={"revision": 1, **({"approval_status": approval_status} if approval_status else {})},
    )


def plain_entry() -> Entry:
    """An entry that no state row belongs to."""
    return Entry(kind=EntryKind.AUDIT_QUERIED, actor=AGENT)


def rotation_entry(note: str) -> Entry:
    """An entry that changes the key, by this note."""
    return Entry(kind=EntryKind.KEY_ROTATED, actor=AGENT, data={"note": note})


def head_entry(tenant: str, size: int, root: bytes) -> Entry:
    """An entry of the log of logs."""
    data: dict[str, Json] = {"tenant": tenant, "size": size, "root": encode64(root)}
    return Entry(kind=EntryKind.LOG_HEAD, actor=AGENT, data=data)


def bodies_of(tenant: str, entries: Sequence[Entry]) -> list[bytes]:
    """The bodies of a log with these entries, a second apart."""
    return [
        entry.body(tenant=tenant, seq=seq, at_micros=1_764_072_000_000_000 + seq * 1_000_000)
        for seq, entry in enumerate(entries)
    ]


def frontier_of(bodies: Sequence[bytes]) -> Frontier:
    """The tree's right edge over the bodies."""
    frontier = Frontier()
    frontier.extend(map(leaf_hash, bodies))
    return frontier


class SmallLog:
    """A tenant's log in memory: its bodies and the key that signs it.

    Args:
        count: a multiple of four.
        plain: without actions and approvals.
        seed: chooses the key.
    """

    dropped = 0
    """So many bodies, from the first one on, are not written."""

    def __init__(
        self, count: int = SIZE, *, tenant: str = "main", plain: bool = False, seed: int = 1
    ) -> None:
        self.tenant = tenant
        self.origin = f"{DEPLOYMENT}/{tenant}"
        self.signer = signer_of(self.origin, seed)
        entries = [plain_entry() if plain else entry_at(seq) for seq in range(count)]
        self.bodies = bodies_of(tenant, entries)
        self.keys = [(self.signer.vkey, 0)]
        self.plain = plain

    def note(self, size: int | None = None) -> str:
        """The signed head at that size, or of the whole log."""
        frontier = frontier_of(self.bodies[:size])
        checkpoint = Checkpoint(origin=self.origin, size=frontier.size, root=frontier.root())
        return sign_checkpoint(checkpoint, self.signer)

    def write(self, path: Path) -> Path:
        """Make the database, or add this tenant to it."""
        with editing(path) as database:
            if not database.execute("select 1 from sqlite_master").fetchone():
                database.executescript(SCHEMA)
                database.execute("insert into meta values ('deployment', ?)", (DEPLOYMENT,))
            for vkey, from_size in self.keys:
                key = (self.tenant, vkey, from_size)
                database.execute("insert into log_key values (?, ?, ?, null)", key)
            self.store_bodies(database)
            self.store_head(database)
            if not self.plain:
                self.store_state(database)
        return path

    def append(self, entry: Entry) -> None:
        """Add one more entry."""
        seq = len(self.bodies)
        at_micros = 1_764_072_000_000_000 + seq * 1_000_000
        self.bodies.append(entry.body(tenant=self.tenant, seq=seq, at_micros=at_micros))

    def rotate(self, seed: int) -> None:
        """Have another key sign from here on, by an entry that both keys sign."""
        new, tree = signer_of(self.origin, seed), frontier_of(self.bodies)
        rotation = Rotation(origin=self.origin, size=tree.size, root=tree.root(), vkey=new.vkey)
        self.append(rotation_entry(rotation.signed(self.signer, new)))
        self.keys.append((new.vkey, len(self.bodies)))
        self.signer = new

    def store_bodies(self, database: sqlite3.Connection) -> None:
        """Put these bodies in the place of those that are there."""
        database.execute("delete from log_entry where tenant = ?", (self.tenant,))
        for seq, body in enumerate(self.bodies[self.dropped :], self.dropped):
            database.execute(
                "insert into log_entry (tenant, seq, body, kind) values (?, ?, ?, ?)",
                (self.tenant, seq, body.decode(), _kind_of(body)),
            )

    def store_head(self, database: sqlite3.Connection) -> None:
        """Sign the bodies as they are now, as only the holder of the key can."""
        frontier = frontier_of(self.bodies)
        database.execute(
            "insert or replace into log_head values (?, ?, ?, ?)",
            (self.tenant, frontier.size, frontier.to_bytes(), self.note()),
        )

    def store_state(self, database: sqlite3.Connection) -> None:
        """Write the rows of actions and approvals that these bodies give."""
        database.execute("delete from action where tenant = ?", (self.tenant,))
        database.execute("delete from approval where tenant = ?", (self.tenant,))
        for number in range(len(self.bodies) // 4):
            last = number * 4 + 3
            action = (self.tenant, f"act_{number}", "succeeded", 1, last)
            database.execute("insert into action values (?, ?, ?, ?, ?)", action)
            approval = (self.tenant, f"apr_{number}", "approved", last - 1)
            database.execute("insert into approval values (?, ?, ?, ?)", approval)


def _kind_of(body: bytes) -> str | None:
    _, found, rest = body.partition(b'"kind":"')
    while found and b"." not in rest.partition(b'"')[0]:  # the actor has a kind, too
        _, found, rest = rest.partition(b'"kind":"')
    return rest.partition(b'"')[0].decode() if found else None


@contextmanager
def editing(path: Path) -> Generator[sqlite3.Connection]:
    """The database, to change it by hand; committed at the end."""
    connection = sqlite3.connect(path)
    try:
        with connection:
            yield connection
    finally:
        connection.close()
