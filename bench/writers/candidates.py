"""One process of writers, which `bench.writers` starts: `python -m bench.writers.candidates …`.

It opens its connections, says `ready`, waits for a line, and then stores changes until the time is
over. The last line is what it did.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.writers.sequenced import SequencedWriter, sequence
from bench.writers.work import DEPLOYMENT, TENANT, Change, Told, Transitions, bare, logged
from sayso.audit.log import AuditLog
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.ids import SystemClock
from sayso.store.base import Store, Transaction
from sayso.store.postgres.session import PostgresSession
from sayso.store.queries import Statement, numbered_queries
from sayso.store.sqlite.store import SqliteStore

if TYPE_CHECKING:
    import sqlite3

STATE, GROUPED, SHIPPED, CHAIN, SEQUENCED, RELEASED = (
    "state only, a connection each",
    "state only, through the store",
    "what is shipped",
    "one inline chain",
    "sequenced",
    "lock let go before the sync",
)
ALONE = "state only, on a file"
FILE = "what is shipped, on a file"

_BEGIN = Statement(name="~begin", sql="begin")
_TENANT = Statement(
    name="~tenant", sql="select set_config('app.tenant', $1, true)", parameters=("tenant",)
)
_COMMIT = Statement(name="~commit", sql="commit")
_ASYNC = Statement(name="~async", sql="set local synchronous_commit = off")
_BARRIER = Statement(
    name="~barrier",
    sql="insert into commit_mark (writer, number) values ($1, 1)"
    " on conflict (writer) do update set number = commit_mark.number + 1, at = now()",
    parameters=("writer",),
)

MoveNow = Callable[[Change], int]
MoveSoon = Callable[[Change], Awaitable[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What a process is told: who it is, where it writes, how many write in it, how long."""

    name: str
    url: str
    key: Path
    tasks: int
    seconds: float

    def log(self) -> AuditLog:
        """A log that signs with the key of all processes."""
        signer = Ed25519Signer.from_text(self.key.read_text("ascii"))
        return AuditLog(DEPLOYMENT, signer, SystemClock())


class StateWriter:
    """Stores the row alone, on a connection of its own, with one wait for each commit."""

    def __init__(self, url: str) -> None:
        self._session = open_session(url)
        self._number = 0

    def move(self, change: Change) -> int:
        """Store a change."""
        session = self._session
        self._number += 1
        session.send(_BEGIN)
        session.send(_TENANT, {"tenant": TENANT})
        values = {**change.values, "last_seq": self._number}
        changed = session.send(numbered_queries()[change.query], values)
        session.send(_COMMIT)
        session.sync()
        assert session.count(changed) == 1
        return self._number


def open_session(url: str) -> PostgresSession:
    """A connection with the settings of the store's."""
    from sayso.store.postgres.connection import connect  # needs an extra

    return PostgresSession(connect(url))


@dataclass(slots=True)
class Clocked:
    """Counts what one process does between the start and the end."""

    seconds: float
    told: Told = field(default_factory=Told)
    _until: float = 0.0

    def begin(self) -> None:
        """Say that all is open, and wait for the start."""
        print("ready", flush=True)
        sys.stdin.readline()
        self.told.cpu_s = -time.process_time()
        self._until = time.monotonic() + self.seconds

    @property
    def goes_on(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self._until

    def add(self, begun: float) -> None:
        """One more is stored; what ends after the time does not count."""
        now = time.monotonic()
        if now <= self._until:
            self.told.units += 1
            self.told.each_s.append(now - begun)

    def end(self) -> Told:
        """What it came to."""
        self.told.cpu_s += time.process_time()
        return self.told


def drive_threads(moves: Sequence[MoveNow], seconds: float) -> Told:
    """A thread for each writer."""
    clocked = Clocked(seconds)
    failed: list[BaseException] = []

    def run(move: MoveNow) -> None:
        work = Transitions()
        try:
            while clocked.goes_on:
                begun = time.monotonic()
                work.done(move(work.next()))
                clocked.add(begun)
        except BaseException as error:  # noqa: BLE001  (raised again below)
            failed.append(error)

    threads = [threading.Thread(target=run, args=(move,)) for move in moves]
    clocked.begin()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return clocked.end()


async def drive_tasks(moves: Sequence[MoveSoon], seconds: float) -> Told:
    """A task for each writer."""
    clocked = Clocked(seconds)

    async def run(move: MoveSoon) -> None:
        work = Transitions()
        while clocked.goes_on:
            begun = time.monotonic()
            work.done(await move(work.next()))
            clocked.add(begun)

    clocked.begin()
    await asyncio.gather(*(run(move) for move in moves))
    return clocked.end()


async def _through_stores(post: Post, open_store: Callable[[], Store]) -> Told:
    """The store as it is: shared by the tasks, or one for each where every unit commits alone."""
    stores = [open_store() for _ in range(post.tasks if post.name in {CHAIN, RELEASED} else 1)]
    logs = [post.log() for _ in stores]
    moves = [
        _move(post, stores[at % len(stores)], logs[at % len(logs)], at) for at in range(post.tasks)
    ]
    try:
        return await drive_tasks(moves, post.seconds)
    finally:
        for store in stores:
            await store.close()


def _move(post: Post, store: Store, log: AuditLog, at: int) -> MoveSoon:
    match post.name:
        case name if name in {GROUPED, ALONE}:
            return _bare_move(store)
        case name if name == RELEASED:
            return _released_move(store, log, open_session(post.url), f"bench-{post.key}-{at}")
        case _:
            return lambda change: store.write(logged(log, change), brief=True)


def _bare_move(store: Store) -> MoveSoon:
    number = 0

    def move(change: Change) -> Awaitable[int]:
        nonlocal number
        number += 1
        return store.write(bare(change, number), brief=True)

    return move


def _released_move(store: Store, log: AuditLog, barrier: PostgresSession, name: str) -> MoveSoon:
    """Commit without the sync, so that the lock is free; then wait for a commit with one."""

    async def move(change: Change) -> int:
        inner = logged(log, change)

        def work(tx: Transaction) -> int:
            # No named query says this, since nothing of Sayso may.
            session = getattr(tx, "_session")  # noqa: B009
            assert isinstance(session, PostgresSession)
            session.send(_ASYNC)
            return inner(tx)

        seq = await store.write(work)
        await asyncio.to_thread(flush)
        return seq

    def flush() -> None:
        barrier.send(_BARRIER, {"writer": name})
        barrier.sync()

    return move


def _open_postgres(url: str) -> Store:
    from sayso.store.postgres.store import PostgresStore  # needs an extra

    return PostgresStore(url)


def _open_file(url: str) -> Store:
    def prepare(connection: sqlite3.Connection) -> None:
        # The state alone has no entry that its rows could refer to.
        connection.execute("pragma foreign_keys = off")

    return SqliteStore(Path(url), prepare=prepare)


def measure(post: Post) -> Told:
    """Write until the time is over."""
    match post.name:
        case name if name == STATE:
            return drive_threads(
                [StateWriter(post.url).move for _ in range(post.tasks)], post.seconds
            )
        case name if name == SEQUENCED:
            writers = [SequencedWriter(open_session(post.url)) for _ in range(post.tasks)]
            return drive_threads([writer.move for writer in writers], post.seconds)
        case name if name == ALONE:
            return asyncio.run(_through_stores(post, lambda: _open_file(post.url)))
        case name if name == FILE:
            return asyncio.run(_through_stores(post, lambda: SqliteStore(Path(post.url))))
        case _:
            return asyncio.run(_through_stores(post, lambda: _open_postgres(post.url)))


def main() -> int:
    """`NAME URL KEY TASKS SECONDS`; the name `sequencer` is the one process that gives indexes."""
    name, url, key, tasks, seconds = sys.argv[1:]
    post = Post(name=name, url=url, key=Path(key), tasks=int(tasks), seconds=float(seconds))
    if name == "sequencer":
        signer = Ed25519Signer.from_text(post.key.read_text("ascii"))
        told = sequence(open_session(url), signer).to_json()
    else:
        told = measure(post).to_json()
    print(json.dumps(told), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
