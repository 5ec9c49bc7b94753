"""Processes and tenants over one PostgreSQL: `python -m bench.scale [--rounds N] [--json]`.

So many processes carry out approved actions for so many tenants, with 32 callers in all, who are
spread over both alike: every process acts for every tenant. Each layout is measured with new
processes on a new database; layouts take turns, and a ratio is the median of the rounds' ratios to
one process with one tenant. `--own` gives each process tenants of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from support.shop import Books, Shop

from bench.place import working_folder
from bench.report import Report, Row, median, print_report, show_progress
from bench.throughput.flow import Place
from bench.throughput.sayso import PERSON, SaysoPeer, new_workspace, workspace_in
from bench.throughput.server import Server, build_syncs, run_server
from bench.waiting.shop import EveryOrder
from sayso.audit.entry import Actor, ActorKind
from sayso.ids import Tenant
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Scope

CALLERS = 32
WAIT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """So many processes with so many tenants, and at least how many times 1 x 1 it has to do."""

    processes: int
    tenants: int
    bar: float | None = None

    @property
    def name(self) -> str:
        """Such as `4 x 1`."""
        return f"{self.processes} x {self.tenants}"


ONE = Layout(processes=1, tenants=1)
LAYOUTS = (
    ONE,
    Layout(processes=4, tenants=1, bar=0.95),
    Layout(processes=1, tenants=4),
    Layout(processes=2, tenants=2),
    Layout(processes=4, tenants=4, bar=1.4),
)


# ---- one process ---------------------------------------------------------------------------------


async def work(place: Place, tenants: Sequence[str], callers: int, seconds: float) -> None:
    """Say `ready`, wait for a line, act, and print how many were carried out, as JSON."""
    shop = Shop(books=Books(orders=EveryOrder()))
    async with Sayso(workspace_in(place), connectors=[shop]) as sayso:
        peers = [await _open_peer(sayso, shop, Tenant(name)) for name in tenants]
        numbers = itertools.count(os.getpid() * 1_000_000)  # customers of this process alone

        async def one(peer: _TenantPeer) -> None:
            await peer.approve(await peer.propose(next(numbers)))

        busy = [peers[at % len(peers)] for at in range(callers)]
        await asyncio.gather(*map(one, busy))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        done = 0
        stop = time.perf_counter() + seconds
        cpu = time.process_time()

        async def call(peer: _TenantPeer) -> None:
            nonlocal done
            while time.perf_counter() < stop:
                await one(peer)
                done += time.perf_counter() < stop

        await asyncio.gather(*map(call, busy))
        print(json.dumps({"done": done, "cpu_s": time.process_time() - cpu}), flush=True)


class _TenantPeer(SaysoPeer):
    # Another process may have been the first to claim it.
    ends = frozenset({"succeeded", "approved", "executing"})

    def __init__(self, sayso: Sayso, shop: Shop, token: str, tenant: Tenant) -> None:
        super().__init__(sayso, shop, token)
        self.tenant = tenant


async def _open_peer(sayso: Sayso, shop: Shop, tenant: Tenant) -> _TenantPeer:
    _, secret = await sayso.tokens.create(
        tenant,
        "person",
        PERSON,
        frozenset({Scope.DECIDE, Scope.READ}),
        days=1,
        by=Actor(kind=ActorKind.SERVICE, id="bench"),
    )
    return _TenantPeer(sayso, shop, secret, tenant)


# ---- all of them ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One measurement: actions in a second, and processor seconds of the processes for each.

    Attributes:
        busy: how many of the machine's processors were in use, whoever used them: where all are,
            what takes less of them for an action is what makes more of it.
    """

    per_s: float
    cpu_s: float
    busy: float


def measure(server: Server, folder: Path, layout: Layout, seconds: float, *, own: bool) -> Measured:
    """One layout, once, on a new database."""
    place = Place(store="postgres", folder=folder, url=server.new_database())
    new_workspace(place)
    tenants = [f"t{at}" for at in range(layout.tenants)]
    started = [
        _start(place, tenants[at :: layout.processes] if own else tenants, layout, seconds)
        for at in range(layout.processes)
    ]
    for process in started:
        _line(process)
    begun, before = time.perf_counter(), _used_s()
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [json.loads(_line(process)) for process in started]
    busy = (_used_s() - before) / (time.perf_counter() - begun)
    for process in started:
        process.communicate(timeout=WAIT_S)
    server.drop_database(place.url)
    done = sum(one["done"] for one in told)
    cpu_s = sum(one["cpu_s"] for one in told) / max(1, done)
    return Measured(per_s=done / seconds, cpu_s=cpu_s, busy=busy)


def _used_s() -> float:
    """Processor seconds of the whole machine that were not idle, since it began."""
    words = Path("/proc/stat").read_text(encoding="ascii").split(maxsplit=8)[1:8]
    user, nice, system, _idle, _waiting, *interrupts = map(int, words)
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def _start(
    place: Place, tenants: Sequence[str], layout: Layout, seconds: float
) -> subprocess.Popen[str]:
    work = (place.folder, place.url, ",".join(tenants), CALLERS // layout.processes, seconds)
    return subprocess.Popen(
        [sys.executable, "-m", "bench.scale", "--work", *map(str, work)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a process ended with status {process.wait(WAIT_S)}")
    return line


def report(found: dict[Layout, list[Measured]]) -> Report:
    """The rates, and the ratios to one process with one tenant."""
    rows: list[Row] = []
    met: list[bool] = []
    for layout, rounds in found.items():
        rate = median([one.per_s for one in rounds])
        cpu = median([one.cpu_s for one in rounds]) * 1e3
        busy = median([one.busy for one in rounds])
        rows.append(Row(case=f"{layout.name}", value=rate, unit="approved actions in a second"))
        rows.append(
            Row(case=f"{layout.name}, processor time of ours", value=cpu, unit="ms for each")
        )
        case = f"{layout.name}, processors of the machine in use"
        rows.append(Row(case=case, value=busy, unit=f"of {os.cpu_count()}"))
        if layout == ONE or ONE not in found:
            continue
        pairs = zip(rounds, found[ONE], strict=True)
        ratio = median([mine.per_s / max(1e-9, first.per_s) for mine, first in pairs])
        case = f"{layout.name}, beside {ONE.name}"
        if layout.bar is not None:
            met.append(ratio >= layout.bar)
            case += f" (bar {layout.bar:g}: {'met' if met[-1] else 'NOT MET'})"
        rows.append(Row(case=case, value=ratio, unit="times"))
    return Report(name="scale", rows=rows, ok=all(met))


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 0 when the bars are met."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--own", action="store_true", help="each process has tenants of its own")
    parser.add_argument("--layouts", help="such as 1x1,4x4; all when left out")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--work", nargs=5, help=argparse.SUPPRESS)
    asked = parser.parse_args(argv)
    if asked.work:
        folder, url, tenants, callers, seconds = asked.work
        place = Place(store="postgres", folder=Path(folder), url=url)
        asyncio.run(work(place, tenants.split(","), int(callers), float(seconds)))
        return 0
    wanted = asked.layouts and {name.replace("x", " x ") for name in asked.layouts.split(",")}
    layouts = [one for one in LAYOUTS if not wanted or one.name in wanted]
    found: dict[Layout, list[Measured]] = {layout: [] for layout in layouts}
    with ExitStack() as stack:
        folder = stack.enter_context(working_folder())
        server = stack.enter_context(run_server(stack.enter_context(build_syncs(None))))
        for turn in range(asked.rounds):
            for layout in layouts:
                show_progress(f"round {turn + 1}: {layout.name}")
                where = folder / f"{turn}-{layout.processes}-{layout.tenants}"
                found[layout].append(measure(server, where, layout, asked.seconds, own=asked.own))
        show_progress("")
    return print_report(report(found), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
