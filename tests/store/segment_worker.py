"""What a child process does that is killed while it seals or prunes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from audit.small_log import signer_of
from support.faults.points import Points

from sayso.audit.entry import Actor, ActorKind
from sayso.audit.log import AuditLog
from sayso.audit.segments.pruning import Pruner
from sayso.audit.segments.sealing import Sealer, Segments
from sayso.ids import Tenant
from sayso.store.base import Store
from sayso.store.postgres.store import PostgresStore
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import START, FakeClock

BY = Actor(kind=ActorKind.SYSTEM, id="retention")
TENANT = Tenant("main")


def open_store(where: str) -> Store:
    """A URL of a server, or the path of a file."""
    return PostgresStore(where) if "://" in where else SqliteStore(Path(where))


def open_new_store(where: str) -> Store:
    """The same; a file is made, or brought up to date, when need be."""
    return open_store(where) if "://" in where else SqliteStore(Path(where), create=True)


async def seal_and_prune(passing: Points, where: str, folder: str) -> int:
    """Seal all that is full, and prune it; returns the lowest index that is left."""
    store, clock = open_store(where), FakeClock(START)
    log = AuditLog("acme", signer_of("acme"), clock)
    segments = Segments(folder=Path(folder), entries=512)
    await Sealer(store, log, segments, passing=passing).seal(TENANT, BY)
    pruner = Pruner(
        store,
        log,
        clock,
        segments,
        kept_for=lambda _: timedelta(days=400),
        at_once=256,
        passing=passing,
    )
    done = await pruner.prune(TENANT, BY)
    assert done.blocked is None, done.blocked
    await store.close()
    return done.to
