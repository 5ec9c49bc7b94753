"""What an allowed action costs: `python -m bench.overhead [--json] [--actions N] [--sync-ms MS]`.

Propose to succeeded on SQLite with everything on, beside LangGraph doing the same flow and beside
the bare commits of the same disk. Each measurement is a process of its own; the candidates take
turns, and the medians of the rounds are printed. docs/reference/benchmarks.md says how and what
not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from bench import disk
from bench.overhead import sayso as overhead_sayso
from bench.place import filesystem_of, with_bytecode, working_folder
from bench.report import Report, Row, median, percentile, print_report, show_progress
from bench.slow_disk import SlowDisk, build
from bench.stopwatch import Taken
from sayso.json import JsonValue

AT_ONCE = (1, 8, 32)
LANGGRAPH = ("threads", "tasks")
SAVERS = {"threads": "SqliteSaver in threads", "tasks": "AsyncSqliteSaver"}
P50_BAR_MS = 8.0
RATIO_BAR = 10.0
TIMEOUT_S = 600
_MEMORY = frozenset({"tmpfs", "ramfs"})


Case = tuple[str, int]
Rounds = Mapping[Case, Sequence[Taken]]


def measure_here(name: str, folder: Path, actions: int, at_once: int) -> Taken:
    """Measure in this process."""
    match name:
        case "disk":
            return disk.measure(folder, actions)
        case "sayso":
            return asyncio.run(overhead_sayso.measure(folder, actions, at_once))
        case _:
            from bench.overhead import (
                langgraph as overhead_langgraph,  # so that only its own process pays for it
            )

            if name == "threads":
                return overhead_langgraph.measure_threads(folder, actions, at_once)
            return asyncio.run(overhead_langgraph.measure_tasks(folder, actions, at_once))


def measure(
    name: str, folder: Path, actions: int, at_once: int, slow: SlowDisk | None = None
) -> Taken:
    """Measure in a process of its own; all of them share their bytecode."""
    variables = {} if slow is None else slow.variables(folder.with_suffix(".syncs"))
    command = [sys.executable, "-m", "bench.overhead", "--one", name, "--folder", str(folder)]
    command += ["--actions", str(actions), "--at-once", str(at_once)]
    done = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        timeout=TIMEOUT_S,
        env={**with_bytecode(folder.parent / "bytecode"), **variables},
    )
    return Taken.from_json(cast("dict[str, JsonValue]", json.loads(done.stdout)))


def run(actions: int, rounds: int, sync_ms: float | None = None, *, here: bool = False) -> Report:
    """Measure every candidate in turn, `rounds` times.

    Args:
        sync_ms: the speed of the disk that everybody gets.
        here: measure in this process, where nobody can be given another disk.
    """
    cases: list[Case] = [("disk", 1)]
    cases += [(name, at_once) for at_once in AT_ONCE for name in ("sayso", *LANGGRAPH)]
    taken: defaultdict[Case, list[Taken]] = defaultdict(list)
    with working_folder() as folder:
        filesystem = filesystem_of(folder)
        slow = None if sync_ms is None else build(folder, sync_ms)
        for turn in range(rounds):
            for name, at_once in cases:
                show_progress(f"round {turn + 1} of {rounds}: {name}, {at_once} at once")
                place = folder / f"{turn}-{name}-{at_once}"
                taken[name, at_once].append(
                    measure_here(name, place, actions, at_once)
                    if here
                    else measure(name, place, actions, at_once, slow)
                )
        syncs = {} if slow is None else _syncs(folder, cases, actions)
    show_progress("")
    if slow is not None:
        filesystem = f"{filesystem} with {slow.sync_ms:g} ms for each sync"
    return report(taken, filesystem, syncs)


def _syncs(folder: Path, cases: Sequence[Case], actions: int) -> dict[Case, float]:
    """Syncs per action in the first round, as counted outside of the programs."""
    return {
        (name, at_once): int((folder / f"0-{name}-{at_once}.syncs").read_text()) / actions
        for name, at_once in cases
    }


def report(taken: Rounds, filesystem: str, syncs: Mapping[Case, float] | None = None) -> Report:
    """The rows, and whether the bars are met.

    On a disk of a set speed (`syncs` given) the latency has no bar: it is the disk's.
    """
    p50 = _ms(taken["sayso", 1], 50)
    last = taken["sayso", AT_ONCE[-1]]
    ratio = _ratio(last, taken[_faster(taken, AT_ONCE[-1])])
    rows = [*_disk_rows(taken, filesystem), *_one_rows(taken)]
    for at_once in AT_ONCE:
        rows += _throughput_rows(taken, at_once)
    rows += [
        Row(case=f"{name}, {at_once} at once, syncs per action", value=count, unit="syncs")
        for (name, at_once), count in (syncs or {}).items()
        if name != "disk"
    ]
    fast = p50 < P50_BAR_MS or bool(syncs)
    ok = fast and ratio >= RATIO_BAR and filesystem not in _MEMORY
    return Report(name="overhead", rows=rows, ok=ok)


def _disk_rows(taken: Rounds, filesystem: str) -> list[Row]:
    commits = taken["disk", 1]
    what = f"one-row commit, WAL, synchronous FULL, on {filesystem}"
    return [
        Row(case=f"{what}, p50", value=_ms(commits, 50), unit="ms"),
        Row(case=f"{what}, one after the other", value=_per_s(commits), unit="commits/s"),
    ]


def _one_rows(taken: Rounds) -> list[Row]:
    ours, commits = taken["sayso", 1], taken["disk", 1]
    peer = _faster(taken, 1)
    rows: list[Row] = []
    for percent in (50, 99):
        value, peers = _ms(ours, percent), _ms(taken[peer], percent)
        ratios = {
            "one-row commit": value / _ms(commits, percent),
            "langgraph": value / peers,
        }
        rows += [
            Row(case=f"sayso, one at a time, p{percent}", value=value, unit="ms", ratio_to=ratios),
            Row(
                case=f"langgraph ({SAVERS[peer[0]]}), one at a time, p{percent}",
                value=peers,
                unit="ms",
            ),
        ]
    return rows


def _throughput_rows(taken: Rounds, at_once: int) -> list[Row]:
    ours, peer = taken["sayso", at_once], _faster(taken, at_once)
    ratios = {
        "langgraph": _ratio(ours, taken[peer]),
        "one-row commits": _ratio(ours, taken["disk", 1]),
    }
    cpu, peers_cpu = _cpu_ms(ours), _cpu_ms(taken[peer])
    saver = SAVERS[peer[0]]
    return [
        Row(
            case=f"sayso, {at_once} at once", value=_per_s(ours), unit="actions/s", ratio_to=ratios
        ),
        Row(
            case=f"langgraph ({saver}), {at_once} at once",
            value=_per_s(taken[peer]),
            unit="actions/s",
        ),
        Row(
            case=f"sayso, {at_once} at once, processor time of an action",
            value=cpu,
            unit="ms",
            ratio_to={"langgraph": cpu / peers_cpu},
        ),
    ]


def _faster(taken: Rounds, at_once: int) -> Case:
    """Which of LangGraph's two savers did more in a second."""
    return max(((name, at_once) for name in LANGGRAPH), key=lambda case: _per_s(taken[case]))


def _per_s(taken: Sequence[Taken]) -> float:
    return median([one.per_s for one in taken])


def _cpu_ms(taken: Sequence[Taken]) -> float:
    return median([one.cpu_s / len(one.each_s) for one in taken]) * 1e3


def _ms(taken: Sequence[Taken], percent: int) -> float:
    return median([percentile(one.each_s, percent) for one in taken]) * 1e3


def _ratio(ours: Sequence[Taken], peers: Sequence[Taken]) -> float:
    """The median of the rounds' ratios, so that a slow round is slow for both."""
    return median([one.per_s / other.per_s for one, other in zip(ours, peers, strict=True)])


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 0 when both bars are met."""
    parser = argparse.ArgumentParser(prog="python -m bench.overhead", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--actions", type=int, default=400, help="per measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--sync-ms", type=float, help="give every candidate a disk whose syncs take so long"
    )
    parser.add_argument("--here", action="store_true", help="no process for each; a quick look")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--at-once", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.one is not None:
        took = measure_here(arguments.one, arguments.folder, arguments.actions, arguments.at_once)
        print(json.dumps(took.to_json()))
        return 0
    if arguments.here and arguments.sync_ms is not None:
        parser.error("--sync-ms needs a process for each candidate: leave --here out")
    found = run(arguments.actions, arguments.rounds, arguments.sync_ms, here=arguments.here)
    return print_report(found, as_json=arguments.json)
