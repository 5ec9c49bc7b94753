"""Propose, a person's yes, carried out: `python -m bench.throughput [--json] [--actions N]`.

At 1, 8 and 32 at once, on SQLite and on PostgreSQL, with everything on; beside it the physical
limits of the same disk and the peers. Each measurement is a process of its own, the candidates take
turns, and medians of the rounds are printed. `--settled 1000,1000000` measures on top of so many
settled actions instead. docs/reference/benchmarks.md says how and what not.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.place import filesystem_of, working_folder
from bench.report import print_report, show_progress
from bench.throughput.candidates import (
    PEERS,
    POSTGRES,
    SQLITE,
    candidates_of,
    durable_of,
    is_installed,
    measure,
    measure_here,
)
from bench.throughput.flow import Place
from bench.throughput.report import AT_ONCE, MOST, Found, report
from bench.throughput.server import Server, Syncs, build_syncs, run_server
from bench.throughput.settled import measure_settled

LIMIT_COMMITS = 400
PGBENCH_S = 3
MORE_AT_ONCE = {1: 1, 8: 2, MOST: 4}
"""More actions where more are at once, or what is fast would be over before it has begun."""


class Run:
    """One run: its folder, its server, its counters and what it has found."""

    def __init__(
        self, folder: Path, syncs: Syncs, server: Server | None, asked: argparse.Namespace
    ) -> None:
        self.folder = folder
        self.syncs = syncs
        self.server = server
        self.found = Found()
        self._actions: int = asked.actions
        self._pgbench_s: int = asked.pgbench_s
        self._here: bool = asked.here
        self._places = 0

    def note_filesystems(self, stores: Sequence[str]) -> None:
        """Say on what the stores are."""
        for store in stores:
            folder = self.server.folder if self.server and store == POSTGRES else self.folder
            sync_ms = self.syncs.sync_ms
            said = "" if sync_ms is None else f" with {sync_ms:g} ms for each sync"
            self.found.filesystems[store] = filesystem_of(folder) + said

    def new_place(self, store: str, name: str) -> Place:
        """A folder and, on PostgreSQL, a database for one measurement."""
        self._places += 1
        folder = self.folder / f"{self._places}-{name}"
        if store == SQLITE or self.server is None:
            return Place(store=SQLITE, folder=folder)
        url = self.server.new_database()
        return Place(store=store, folder=folder, url=url, syncs=self.server.counter)

    def measure_limits(self, store: str) -> None:
        """The physical limit of the store, now."""
        limits = self.found.limits
        if self.server is not None and store == POSTGRES:
            insert = self.server.insert_rate(MOST, self._pgbench_s)
            update = self.server.simple_update_rate(MOST, self._pgbench_s)
            limits.setdefault(POSTGRES, []).append(insert)
            limits.setdefault(f"{POSTGRES} -N", []).append(update)
            return
        place = self.new_place(SQLITE, "disk")
        commits = measure("disk", place, LIMIT_COMMITS, 1, self.syncs, here=self._here)
        if commits is not None:
            limits.setdefault(SQLITE, []).append(commits.per_s)

    def measure_candidate(self, store: str, name: str, at_once: int) -> None:
        """One candidate, once."""
        place = self.new_place(store, f"{name}-{at_once}")
        actions = self._actions * MORE_AT_ONCE[at_once]
        flow = measure(name, place, actions, at_once, self.syncs, here=self._here)
        self.found.flows.setdefault((store, name, at_once), []).append(flow)
        if place.url and self.server is not None:
            self.server.drop_database(place.url)


def measure_rates(run: Run, stores: Sequence[str], peers: Sequence[str], rounds: int) -> None:
    """Every candidate in turn, `rounds` times, each round with the limits of its minute."""
    run.found.absent += [peer for peer in peers if not is_installed(peer)]
    there = [peer for peer in peers if is_installed(peer)]
    for turn in range(rounds):
        for store in stores:
            run.measure_limits(store)
            names = ["sayso"]
            for peer in there:
                names += [*candidates_of(peer, store), *durable_of(peer, store)]
            for at_once in AT_ONCE:
                for name in names:
                    show_progress(f"round {turn + 1}: {name} on {store}, {at_once} at once")
                    run.measure_candidate(store, name, at_once)
    show_progress("")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 0 when every bar is met."""
    arguments = _parse(argv)
    stores = _listed(arguments.stores, (SQLITE, POSTGRES), "--stores")
    if arguments.one is not None:
        place = Place(
            store=stores[0],
            folder=arguments.folder,
            url=arguments.url,
            syncs=Path(arguments.syncs) if arguments.syncs else None,
        )
        flow = measure_here(arguments.one, place, arguments.actions, arguments.at_once)
        print(json.dumps(flow.to_json()))
        return 0
    peers = _listed(arguments.peers, PEERS, "--peers")
    with ExitStack() as stack:
        folder = stack.enter_context(working_folder())
        syncs = stack.enter_context(build_syncs(arguments.sync_ms))
        server = stack.enter_context(run_server(syncs)) if POSTGRES in stores else None
        run = Run(folder, syncs, server, arguments)
        run.note_filesystems(stores)
        if arguments.settled:
            numbers = sorted(int(number) for number in arguments.settled.split(","))
            measure_settled(run, stores, numbers, arguments.rounds, arguments.actions)
        else:
            measure_rates(run, stores, peers, arguments.rounds)
    return print_report(report(run.found), as_json=arguments.json)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.throughput", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--actions", type=int, default=200, help="one at a time; more at once")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stores", default=f"{SQLITE},{POSTGRES}")
    parser.add_argument("--peers", default=",".join(PEERS), help="which; `none` for none")
    parser.add_argument("--settled", help="numbers of settled actions, such as 1000,1000000")
    parser.add_argument("--sync-ms", type=float, help="give everybody a disk of that speed")
    parser.add_argument("--pgbench-s", type=int, default=PGBENCH_S, help="seconds of each pgbench")
    parser.add_argument("--here", action="store_true", help="no process for each; a quick look")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--at-once", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    parser.add_argument("--syncs", default="", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def _listed(text: str, known: Sequence[str], option: str) -> list[str]:
    """The names of a list with commas, in the known order."""
    wanted = [] if text == "none" else text.split(",")
    wrong = sorted(set(wanted) - set(known))
    if wrong:
        raise SystemExit(f"{option}: `{wrong[0]}` is none of {', '.join(known)}")
    return [name for name in known if name in wanted]
