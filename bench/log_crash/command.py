"""Kills processes that write, export, seal and publish a log: `python -m bench.log_crash --runs N`.

Two processes share a database and write to it through the SDK; one of them also publishes heads,
asks with proofs, exports, seals or prunes an old log, and is killed by SIGKILL at a random moment
of that; in four runs of ten the other one dies as well, and in one of ten the PostgreSQL server
crashes under it.
docs/reference/benchmarks.md says what is looked at afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from support.postgres_server import PostgresServer, run_postgres

from bench.crash.crew import FORK, PRELOADED, exit_status, start_process
from bench.crash.lane import StoreKind, Stores
from bench.crash.ledger import Database, PostgresDatabase, SqliteDatabase
from bench.log_crash.judge import Faults, Log
from bench.log_crash.old import OLD, SEGMENTS, read_sealed
from bench.log_crash.worker import (
    EXPORTS,
    JOBS,
    PUBLISHED,
    Begun,
    Done,
    Post,
    Said,
    Told,
    finish_old,
    open_workspace,
    work,
)
from bench.place import with_bytecode, working_folder
from bench.report import Report, Row, print_report, show_progress
from sayso.audit.publishing.directory import read_published
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.sdk.audit.verifying import verify_postgres

BOTH_DIE = 0.4
SERVER_CRASHES = 0.1
LONGEST_S = 1.0
"""Most are killed in the first quarter of it; a job that is over by then has begun anew."""
READY_S, END_S = 60.0, 30.0
FAST = {"fsync": "off"}
"""Processes are killed here, and not the power: what the kernel has, it keeps."""
_HEADS = "select note from log_head"
STORES: tuple[StoreKind, ...] = ("sqlite", "postgres")
_HELD_EVERY = 20
_MOST_HELD = 50
"""So many heads are handed to the verifier, which takes time for each; all are judged here."""
_MOST_LINES = 20


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    """A living worker; `begun` is what its job was last seen to begin."""

    process: BaseProcess
    line: Connection[str, Said]
    ready: bool = False
    begun: int = 0


@dataclass(slots=True, kw_only=True)
class Ran:
    """What a lane came to; `crashes` of the server."""

    store: StoreKind
    runs: int = 0
    killed: int = 0
    crashes: int = 0
    jobs: Counter[str] = field(default_factory=Counter[str])
    exports: Counter[str] = field(default_factory=Counter[str])
    entries: int = 0
    heads: int = 0
    rows: int = 0
    segments: int = 0
    pruned: int = 0
    took_s: float = 0.0
    faults: Faults = field(default_factory=Faults)


class Lane:
    """Two workers on one database, which are killed and replaced.

    Args:
        crash: ends the server as a crash would, and starts it again; None for a file.
    """

    def __init__(
        self,
        post: Post,
        database: Database,
        store: StoreKind,
        seed: int,
        crash: Callable[[], None] | None,
    ) -> None:
        self._post = post
        self._database = database
        self._seed = seed
        self._crash = crash
        self._members: list[Member | None] = [None, None]
        self._started = 0
        self._told: set[str] = set()
        self._done: dict[str, int] = {}
        self._heads: list[str] = []
        key = (post.folder / "keys" / "log.key").read_text("ascii")
        vkey = Ed25519Signer.from_text(key).named("bench/main").vkey
        self._trust = Trust.parse([vkey])
        self.ran = Ran(store=store)

    def run(self, runs: int) -> Ran:
        """Kill so many times, then judge."""
        begin = time.monotonic()
        for number in range(runs):
            found = len(self.ran.faults.all())
            show_progress(f"{self.ran.store}: {number} of {runs} runs, {found} faults")
            self._run_once(number)
            if self.ran.faults.broken:
                break
        self._end()
        self.ran.took_s = time.monotonic() - begin
        return self.ran

    def judge(self) -> Ran:
        """Look at what is left."""
        ran = self.ran
        published = [note.decode() for note in read_published(self._post.folder / PUBLISHED, 10**6)]
        ran.segments, ran.pruned, wrong = asyncio.run(finish_old(self._post))
        ran.faults.sealed += wrong
        log = Log(self._database, ran.faults, {OLD: read_sealed(self._post.folder)})
        ran.entries = sum(map(len, log.bodies.values()))
        ran.heads = log.judge_heads([*self._heads, *published])
        ran.rows = log.judge_states()
        log.judge_told(self._told)
        self._verify(
            [note.encode() for note in {*self._heads[::_HELD_EVERY], *published[:_MOST_HELD]}]
        )
        return ran

    def _verify(self, heads: Sequence[bytes]) -> None:
        """As an auditor who has the files, and as one who has the database only."""
        self._verify_as(Trust.parse((), heads, segments=self._post.folder / SEGMENTS))
        self._verify_as(Trust.parse(()))

    def _verify_as(self, trust: Trust) -> None:
        if self.ran.store == "sqlite":
            found = verify(self._post.folder / "sayso.db", trust=trust, deep=True)
        else:
            found = verify_postgres(self._post.store_url, trust=trust, deep=True)
        if found.verdict is not Verdict.VERIFIED:
            lines = [finding.message for finding in found.all_findings] or [found.verdict.value]
            self.ran.faults.unverified += lines

    def _run_once(self, number: int) -> None:
        chance = random.Random(f"{self._seed}/{self.ran.store}/{number}")
        job = JOBS[number % len(JOBS)]
        victim, other = self._member(0), self._member(1)
        self._wait(lambda: victim.ready and other.ready, READY_S, "a worker is not ready")
        victim.line.send(job)
        if other.begun == 0:
            other.line.send(JOBS[0])
        self._wait(lambda: victim.begun > 0, READY_S, f"{job} does not begin")
        self._pump(chance.random() ** 2 * LONGEST_S)
        self._kill(0)
        if chance.random() < BOTH_DIE:
            self._pump(chance.random() ** 2 * LONGEST_S)
            self._kill(1)
        if self._crash is not None and chance.random() < SERVER_CRASHES:
            self._crash()
            self.ran.crashes += 1
        self.ran.runs += 1
        self.ran.jobs[job] += 1
        self._heads += [str(note) for (note,) in self._database.all(_HEADS)]
        self._judge_exports()

    # ---- the workers -------------------------------------------------------------------------

    def _member(self, slot: int) -> Member:
        known = self._members[slot]
        if known is not None:
            return known
        self._started += 1
        ours, theirs = FORK.Pipe()
        process = start_process(work, (self._post, f"w{self._started}", theirs))
        theirs.close()
        member = Member(process=process, line=ours)
        self._members[slot] = member
        return member

    def _kill(self, slot: int) -> None:
        member = self._members[slot]
        assert member is not None
        self._members[slot] = None
        member.process.kill()
        status = exit_status(member.process, END_S)
        if status != -9:
            self.ran.faults.broken.append(f"a worker ended with status {status}")
        self._hear(member)
        member.line.close()
        self.ran.killed += 1

    def _end(self) -> None:
        for slot, member in enumerate(self._members):
            if member is not None:
                self._kill(slot)
        self._judge_exports()

    def _wait(self, there: Callable[[], bool], timeout_s: float, else_: str) -> None:
        deadline = time.monotonic() + timeout_s
        while not there():
            self._pump(0.02)
            if time.monotonic() > deadline:
                self.ran.faults.broken.append(else_)
                return

    def _pump(self, seconds: float) -> None:
        """Hear what they say, for so long."""
        deadline = time.monotonic() + seconds
        while True:
            living = {member.line: member for member in self._members if member is not None}
            left = max(0.0, deadline - time.monotonic())
            for line in wait(list(living), left):
                self._hear(living[line])  # type: ignore[index]
            if time.monotonic() >= deadline:
                return

    def _hear(self, member: Member) -> None:
        try:
            while member.line.poll():
                match member.line.recv():
                    case Told(action_id=action_id):
                        self._told.add(action_id)
                    case Begun():
                        member.begun += 1
                    case Done(name=name, count=many):
                        self._done[name] = many
                    case _:
                        member.ready = True
        except (EOFError, OSError):
            return  # dead: whoever waits for it says so, or has killed it

    # ---- what they exported ------------------------------------------------------------------

    def _judge_exports(self) -> None:
        """Those that have their name are complete; those that have not do not pass for it."""
        for path in sorted((self._post.folder / EXPORTS).iterdir()):
            found = verify(path, trust=self._trust)
            told = self._done.pop(path.name, None)
            whole = found.verdict is Verdict.VERIFIED
            if path.name.startswith("."):
                kind = "whole, without its name" if whole else "refused as incomplete"
            else:
                kind = "complete"
                if not whole or told not in {None, found.entries}:
                    line = f"{path.name}: {found.verdict}, {found.entries} entries, told {told}"
                    self.ran.faults.exports.append(line)
            self.ran.exports[kind] += 1
            _remove(path)
        self.ran.faults.exports += [f"{name} was told, and is not there" for name in self._done]
        self._done.clear()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def sabotage(ran_on: StoreKind, post: Post) -> None:
    """Change a row and an entry, as somebody with all rights could."""
    statements = (
        "update action set status = 'failed' where id = (select max(id) from action)",
        "update log_entry set body = replace(body, 'refund', 'credit') where seq = 5",
    )
    if ran_on == "sqlite":
        with closing(sqlite3.connect(post.folder / "sayso.db")) as connection, connection:
            found = connection.execute("select name from sqlite_master where type = 'trigger'")
            for (name,) in found.fetchall():
                connection.execute(f"drop trigger {name}")
            for statement in statements:
                connection.execute(statement)
        return
    from sayso.store.postgres.connection import connect_plainly  # needs an extra

    with connect_plainly(post.store_url) as owner:
        owner.execute(
            "set search_path to sayso; set app.tenant = '*';"
            "alter table action disable trigger all; alter table log_entry disable trigger all"
        )
        for statement in statements:
            owner.execute(statement.encode())


def run_store(
    store: StoreKind,
    server: PostgresServer | None,
    folder: Path,
    runs: int,
    seed: int,
    *,
    sabotaged: bool,
) -> Ran:
    """One lane, in a new folder."""
    folder.mkdir(parents=True)
    stores = Stores(server)
    url, _ = stores.make(folder, store, "log_crash")
    post = Post(folder=folder, store_url=url)
    open_workspace(post, create=True)
    on_a_file = store == "sqlite"
    database = SqliteDatabase(folder / "sayso.db") if on_a_file else PostgresDatabase(url)
    crash = None if server is None else partial(server.restart, "immediate")
    lane = Lane(post, database, store, seed, crash)
    lane.run(runs)
    if sabotaged:
        sabotage(store, post)
    return lane.judge()


@contextmanager
def _serving(store: StoreKind) -> Generator[PostgresServer | None]:
    if store == "sqlite":
        yield None
        return
    with run_postgres(settings=FAST) as server:
        yield server


def report(rans: Sequence[Ran]) -> Report:
    """What was done, and each kind of fault with its number."""
    rows: list[Row] = []
    for ran in rans:
        counts: dict[str, float] = {
            "runs": ran.runs,
            "processes killed": ran.killed,
            "crashes of the server": ran.crashes,
            "entries": ran.entries,
            "heads seen or published": ran.heads,
            "rows of state": ran.rows,
            "sealed segments": ran.segments,
            "entries pruned": ran.pruned,
            **{f"exports {kind}": many for kind, many in sorted(ran.exports.items())},
            **{f"killed at: {job}": many for job, many in sorted(ran.jobs.items())},
        }
        rows += [Row(case=f"{ran.store}: {case}", value=n, unit="") for case, n in counts.items()]
        rows.append(Row(case=f"{ran.store}: took", value=ran.took_s, unit="s"))
    for name in Faults().named():
        many = sum(len(ran.faults.named()[name]) for ran in rans)
        rows.append(Row(case=name, value=many, unit=""))
    ok = not any(ran.faults.all() for ran in rans) and all(ran.entries for ran in rans)
    return Report(name="log_crash", rows=rows, ok=ok)


def main(argv: Sequence[str] | None = None) -> int:
    """Run and print; the exit status is 0 when nothing is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.log_crash", description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="on each store")
    parser.add_argument("--store", choices=STORES, help="only this one")
    parser.add_argument("--seed", type=int, default=1, help="the same seed draws the same runs")
    parser.add_argument(
        "--sabotage", action="store_true", help="change the database by hand, to see it found"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args(argv)
    wanted: list[StoreKind] = [store for store in STORES if asked.store in {None, store}]
    FORK.set_forkserver_preload([*PRELOADED, "bench.log_crash.worker", "pyarrow.parquet"])
    rans: list[Ran] = []
    with working_folder() as folder:
        os.environ.update(with_bytecode(folder / "bytecode"))
        for store in wanted:
            with _serving(store) as server:
                ran = run_store(
                    store,
                    server,
                    folder / store,
                    asked.runs,
                    asked.seed,
                    sabotaged=asked.sabotage,
                )
            rans.append(ran)
    show_progress("")
    for ran in rans:
        for name, lines in ran.faults.named().items():
            sys.stderr.writelines(f"{ran.store}: {name}: {line}\n" for line in lines[:_MOST_LINES])
    return print_report(report(rans), as_json=asked.json)
