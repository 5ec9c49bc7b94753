"""What sealing and pruning cost, and how long writers wait: `python -m bench.retention [--json]`.

It writes one segment of 65,536 entries by a clock that stands long ago, since nothing younger than
183 days can be pruned, seals it, and prunes it in parts. Meanwhile somebody writes one entry after
the other to a log of another tenant in the same database; how long each took is what writers wait.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from bench.crash.lane import StoreKind
from bench.place import make_workspace, working_folder
from bench.report import Report, Row, median, percentile, print_report, show_progress
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.audit.log import AuditLog
from sayso.audit.segments.pruning import AT_ONCE, Pruner
from sayso.audit.segments.sealing import Sealer, Segments
from sayso.audit.segments.segment import SEGMENT_ENTRIES
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.ids import Clock, SystemClock, Tenant
from sayso.store.base import Store, Transaction
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import FakeClock

MAIN, OTHER = Tenant("main"), Tenant("other")
STORES: tuple[StoreKind, ...] = ("sqlite", "postgres")
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)
KEPT = timedelta(0)
"""By the time of the log, which stands in 2024; the database keeps its 183 days by itself."""
QUIET_S = 2.0
BATCH = 512
_BY = Actor(kind=ActorKind.SYSTEM, id="retention")


@dataclass(slots=True, kw_only=True)
class Took:
    """What a store came to. Times in seconds, the waits of one writer."""

    store: StoreKind
    sealing: float = 0.0
    file_bytes: int = 0
    checking: float = 0.0
    parts: list[float] = field(default_factory=list[float])
    pruning: float = 0.0
    quiet: list[float] = field(default_factory=list[float])
    while_sealing: list[float] = field(default_factory=list[float])
    while_pruning: list[float] = field(default_factory=list[float])
    pruned: bool = False


class Writer:
    """Somebody who writes all the time, to a log of their own."""

    def __init__(self, store: Store, log: AuditLog) -> None:
        self._store = store
        self._log = log

    @asynccontextmanager
    async def writing(self, waits: list[float]) -> AsyncGenerator[None]:
        """Write while the block runs; `waits` gets the seconds of each entry."""
        task = asyncio.create_task(self._write(waits))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _write(self, waits: list[float]) -> None:
        def work(tx: Transaction) -> None:
            self._log.append(tx, OTHER, Entry(kind=EntryKind.AUDIT_QUERIED, actor=_BY))

        while True:
            begin = time.perf_counter()
            await self._store.write(work)
            waits.append(time.perf_counter() - begin)


async def fill(store: Store, log: AuditLog, entries: int) -> None:
    """Write so many entries, some hundred in a transaction."""
    for first in range(0, entries, BATCH):
        show_progress(f"writing: {first:,} of {entries:,}")

        def work(tx: Transaction, many: int = min(BATCH, entries - first)) -> None:
            for number in range(many):
                data: dict[str, Json] = {"query": f"order {number}"}
                log.append(tx, MAIN, Entry(kind=EntryKind.AUDIT_QUERIED, actor=_BY, data=data))

        await store.write(work)


async def measure(kind: StoreKind, store: Store, folder: Path, entries: int, part: int) -> Took:
    """Seal and prune one segment of a new database."""
    took = Took(store=kind)
    signer = Ed25519Signer.generate("bench")

    def log_by(clock: Clock) -> AuditLog:
        return AuditLog("bench", signer, clock)

    old = log_by(FakeClock(LONG_AGO))
    segments = Segments(folder=folder / "segments", entries=entries)
    writer = Writer(store, log_by(SystemClock()))
    await fill(store, old, entries)
    async with writer.writing(took.quiet):
        await asyncio.sleep(QUIET_S)
    show_progress("sealing")
    begin = time.perf_counter()
    async with writer.writing(took.while_sealing):
        (sealed,) = await Sealer(store, old, segments).seal(MAIN, _BY)
        took.sealing = time.perf_counter() - begin
    took.file_bytes = sealed.length
    show_progress("pruning")
    steps = [time.perf_counter()]
    pruner = Pruner(
        store,
        old,
        SystemClock(),
        segments,
        kept_for=lambda _: KEPT,
        at_once=part,
        passing=lambda step: steps.append(time.perf_counter()),
    )
    async with writer.writing(took.while_pruning):
        done = await pruner.prune(MAIN, _BY)
    took.checking, *took.parts = [after - before for before, after in pairwise(steps)]
    took.pruning = steps[-1] - steps[0]
    took.pruned = done.blocked is None and done.to == entries
    show_progress("")
    return took


async def run_store(kind: StoreKind, folder: Path, entries: int, part: int) -> Took:
    """The same in a new database of that kind."""
    async with AsyncExitStack() as stack:
        if kind == "sqlite":
            store: Store = SqliteStore(make_workspace(folder).store_path)
        else:
            from support.postgres_server import run_postgres

            from sayso.store.postgres.schema import migrate_postgres
            from sayso.store.postgres.store import PostgresStore  # needs an extra

            server = stack.enter_context(run_postgres())
            server.run("postgres", "create database retention")
            migrate_postgres(server.url("retention"))
            store = PostgresStore(server.url("retention"))
        stack.push_async_callback(store.close)
        return await measure(kind, store, folder, entries, part)


def report(tooks: Sequence[Took], entries: int, part: int) -> Report:
    """Figures of each store; ok when everything was sealed and pruned."""
    rows: list[Row] = []
    for took in tooks:
        figures = (
            (f"sealing {entries:,} entries", took.sealing, "s"),
            ("the file", took.file_bytes / 1e6, "MB"),
            ("pruning them all", took.pruning, "s"),
            ("of that, reading file and rows before", took.checking, "s"),
            (f"pruning a part of {part:,}, median", median(took.parts), "s"),
            (f"pruning a part of {part:,}, longest", max(took.parts, default=0.0), "s"),
            ("a writer waits, nothing else, median", median(took.quiet), "s"),
            ("a writer waits while it is sealed, 99 %", percentile(took.while_sealing, 99), "s"),
            ("a writer waits while it is sealed, longest", _longest(took.while_sealing), "s"),
            ("a writer waits while it is pruned, median", median(took.while_pruning), "s"),
            ("a writer waits while it is pruned, longest", _longest(took.while_pruning), "s"),
        )
        rows += [Row(case=f"{took.store}: {case}", value=n, unit=unit) for case, n, unit in figures]
    return Report(name="retention", rows=rows, ok=all(took.pruned for took in tooks))


def _longest(waits: Sequence[float]) -> float:
    return max(waits, default=0.0)


def _multiple(text: str) -> int:
    value = int(text)
    if value < 256 or value & (value - 1):
        raise argparse.ArgumentTypeError("a power of two, at least 256")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run and print; the exit status is 0 when everything was sealed and pruned."""
    parser = argparse.ArgumentParser(prog="python -m bench.retention", description=__doc__)
    parser.add_argument("--entries", type=_multiple, default=SEGMENT_ENTRIES, help="in the segment")
    parser.add_argument("--part", type=_multiple, default=AT_ONCE, help="pruned in a transaction")
    parser.add_argument("--store", choices=STORES, help="only this one")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args(argv)
    wanted: list[StoreKind] = [store for store in STORES if asked.store in {None, store}]
    tooks: list[Took] = []
    with working_folder() as folder:
        for kind in wanted:
            work = run_store(kind, folder / kind, asked.entries, asked.part)
            tooks.append(asyncio.run(work))
    return print_report(report(tooks, asked.entries, asked.part), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
