"""Eight writers on one log: `python -m bench.writers [--store NAME] [--sync-ms N] [--json]`.

On PostgreSQL, with the writers as tasks of one process, as processes, and as both: the state
alone, what is shipped (state, entry, tree, signed head in one commit, many units in it), one inline
chain (a commit for each unit, under the lock), a prototype with a sequencer, and a prototype that
lets the lock go before the sync. On SQLite: the state alone, and what is shipped. Each measurement
is made of new processes on a new database; the candidates take turns, and a ratio is the median of
the rounds' ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.place import filesystem_of, make_workspace, working_folder
from bench.report import Report, Row, median, percentile, print_report, show_progress
from bench.throughput.server import Server, Syncs, build_syncs, run_server
from bench.writers.candidates import (
    ALONE,
    CHAIN,
    FILE,
    GROUPED,
    RELEASED,
    SEQUENCED,
    SHIPPED,
    STATE,
)
from bench.writers.sequenced import SCHEMA
from sayso.audit.signed_note.note import Ed25519Signer

POSTGRES_CANDIDATES = (STATE, GROUPED, SHIPPED, CHAIN, SEQUENCED, RELEASED)
SQLITE_CANDIDATES = (ALONE, FILE)
TO_STATE, TO_CHAIN, LAG_S, ON_A_FILE = 0.5, 2.5, 1.0, 0.85
WAIT_S = 60
_NO_REFERENCE = "alter table sayso.action drop constraint action_tenant_last_seq_fkey"


@dataclass(frozen=True, slots=True)
class Layout:
    """So many processes with so many tasks each."""

    processes: int
    tasks: int

    @property
    def name(self) -> str:
        """Such as `8 processes`, `8 tasks` or `8 processes of 8 tasks`."""
        many = f"{self.tasks} task{'s' * (self.tasks > 1)}"
        if self.processes == 1:
            return many
        processes = f"{self.processes} processes"
        return processes if self.tasks == 1 else f"{processes} of {many}"


POSTGRES_LAYOUTS = (Layout(1, 8), Layout(8, 1), Layout(8, 8))
SQLITE_LAYOUTS = (Layout(1, 1), Layout(1, 8))
JUDGED = POSTGRES_LAYOUTS[:2]
"""Eight writers, as the bars say; the third layout shows what more callers change."""


@dataclass(slots=True, kw_only=True)
class Measured:
    """One measurement.

    Attributes:
        per_s: changes stored in a second.
        cpu_us: of a change, of the processes that write (not of the server).
        syncs: for a change; None where nothing is counted.
        each_s: how long each took.
        lag_s: from the beginning of a business transaction until its entry has an index.
    """

    per_s: float
    cpu_us: float
    syncs: float | None
    each_s: list[float]
    lag_s: list[float]


@dataclass(slots=True, kw_only=True)
class Found:
    """All measurements, by layout and candidate, in the order of the rounds."""

    disk: str
    measured: dict[tuple[Layout, str], list[Measured]] = field(
        default_factory=dict[tuple[Layout, str], "list[Measured]"]
    )

    def ratios(self, layout: Layout, name: str, peers: Sequence[str]) -> list[float]:
        """To the fastest of the peers, round by round."""
        rounds = zip(
            self.measured[layout, name],
            *(self.measured[layout, peer] for peer in peers),
            strict=True,
        )
        return [own.per_s / max(peer.per_s for peer in others) for own, *others in rounds]


class Run:
    """Starts the processes of one measurement after the other."""

    def __init__(self, folder: Path, syncs: Syncs, server: Server | None, seconds: float) -> None:
        self._folder = folder
        self._syncs = syncs
        self._server = server
        self._seconds = seconds
        self._made = 0
        self.key = folder / "log.key"
        self.key.write_text(Ed25519Signer.generate("bench").to_text(), "ascii")

    def measure(self, name: str, layout: Layout) -> Measured:
        """One candidate, once, on a new database."""
        self._made += 1
        if self._server is None:
            return self._on_a_file(name, layout)
        from sayso.store.postgres.schema import migrate_postgres  # needs an extra

        url = self._server.new_database()
        migrate_postgres(url)
        if name in {STATE, GROUPED}:
            self._server.run(url, _NO_REFERENCE)
        if name == SEQUENCED:
            self._server.run(url, SCHEMA)
        found = self._processes(name, url, layout, self._server.counter, {})
        self._server.drop_database(url)
        return found

    def _on_a_file(self, name: str, layout: Layout) -> Measured:
        workspace = make_workspace(self._folder / str(self._made))
        counter = self._syncs.counter(f"file-{self._made}")
        variables = self._syncs.variables(counter)
        return self._processes(name, str(workspace.store_path), layout, counter, variables)

    def _processes(
        self, name: str, url: str, layout: Layout, counter: Path | None, more: dict[str, str]
    ) -> Measured:
        posts = [(name, layout.tasks)] * layout.processes
        started = [self._start(*post, url, more) for post in posts]
        sequencer = self._start("sequencer", 1, url, more) if name == SEQUENCED else None
        everybody = [*started, *([sequencer] if sequencer else [])]
        for process in everybody:
            _expect(process, "ready")
        before = _count(counter)
        for process in everybody[::-1]:
            _say(process)
        told = [json.loads(_line(process)) for process in started]
        synced = None if counter is None else _count(counter) - before
        lag_s: list[float] = []
        if sequencer is not None:
            _say(sequencer)
            lag_s = json.loads(_line(sequencer))["lag_s"]
        for process in everybody:
            process.communicate(timeout=WAIT_S)
        return self._sum(told, synced, lag_s)

    def _sum(self, told: list[Any], synced: int | None, lag_s: list[float]) -> Measured:
        units = max(1, sum(one["units"] for one in told))
        return Measured(
            per_s=units / self._seconds,
            cpu_us=sum(one["cpu_s"] for one in told) / units * 1e6,
            syncs=None if synced is None else synced / units,
            each_s=[each for one in told for each in one["each_s"]],
            lag_s=lag_s,
        )

    def _start(
        self, name: str, tasks: int, url: str, more: dict[str, str]
    ) -> subprocess.Popen[str]:
        arguments = (name, url, str(self.key), str(tasks), str(self._seconds))
        return subprocess.Popen(
            [sys.executable, "-m", "bench.writers.candidates", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **more},
        )


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a writer ended with status {process.wait(WAIT_S)}")
    return line


def _expect(process: subprocess.Popen[str], word: str) -> None:
    line = _line(process)
    assert line.strip() == word, line


def _say(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def _count(counter: Path | None) -> int:
    return 0 if counter is None else int.from_bytes(counter.read_bytes(), sys.byteorder)


def report(found: Found, layouts: Sequence[Layout], candidates: Sequence[str]) -> Report:
    """The rates, the ratios with their bars, the lag, the syncs."""
    rows = [Row(case=f"on {found.disk}", value=1, unit="")]
    bars: list[bool] = []
    for layout in layouts:
        for name in candidates:
            rows += _rows_of(layout, name, found.measured[layout, name])
        judged, met = _bars(found, layout)
        rows += judged
        bars += met
    return Report(name="writers", rows=rows, ok=bool(bars) and all(bars))


def _rows_of(layout: Layout, name: str, rounds: Sequence[Measured]) -> list[Row]:
    case = f"{layout.name}: {name}"
    rows = [
        Row(case=case, value=median([one.per_s for one in rounds]), unit="in a second"),
        Row(
            case=f"{case}, processor time of the writers",
            value=median([one.cpu_us for one in rounds]),
            unit="us",
        ),
    ]
    synced = [one.syncs for one in rounds if one.syncs is not None]
    if synced:
        rows.append(Row(case=f"{case}, syncs", value=median(synced), unit="for each"))
    each = [taken for one in rounds for taken in one.each_s]
    rows.append(Row(case=f"{case}, p50", value=median(each) * 1e3, unit="ms"))
    rows.append(Row(case=f"{case}, p99", value=percentile(each, 99) * 1e3, unit="ms"))
    lag = [lag for one in rounds for lag in one.lag_s]
    if lag:
        rows.append(Row(case=f"{case}, lag p50", value=median(lag) * 1e3, unit="ms"))
        rows.append(Row(case=f"{case}, lag p99", value=percentile(lag, 99) * 1e3, unit="ms"))
    return rows


def _bars(found: Found, layout: Layout) -> tuple[list[Row], list[bool]]:
    """What each design reaches; only what is shipped decides."""
    if (layout, FILE) in found.measured:
        ratio = median(found.ratios(layout, FILE, [ALONE]))
        met = ratio >= ON_A_FILE
        judged = layout == SQLITE_LAYOUTS[0]
        return [_bar(layout, FILE, "the state alone", ratio, ON_A_FILE if judged else None)], (
            [met] if judged else []
        )
    rows: list[Row] = []
    bars: list[bool] = []
    for name in (SHIPPED, SEQUENCED, RELEASED):
        to_state = median(found.ratios(layout, name, [STATE, GROUPED]))
        to_chain = median(found.ratios(layout, name, [CHAIN]))
        rows.append(_bar(layout, name, "the faster of the state alone", to_state, TO_STATE))
        rows.append(_bar(layout, name, "one inline chain", to_chain, TO_CHAIN))
        if name == SHIPPED and layout in JUDGED:
            bars += [to_state >= TO_STATE, to_chain >= TO_CHAIN]
    return rows, bars


def _bar(layout: Layout, name: str, peer: str, ratio: float, bar: float | None) -> Row:
    case = f"{layout.name}: {name}, beside {peer}"
    if bar is None:
        return Row(case=case, value=ratio, unit="times")
    said = "met" if ratio >= bar else "NOT MET"
    return Row(case=f"{case} (bar {bar:g}: {said})", value=ratio, unit="times")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 0 when what is shipped meets every bar."""
    parser = argparse.ArgumentParser(prog="python -m bench.writers", description=__doc__)
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="postgres")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--sync-ms", type=float, help="give everybody a disk of that speed")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args(argv)
    on_postgres = asked.store == "postgres"
    layouts = POSTGRES_LAYOUTS if on_postgres else SQLITE_LAYOUTS
    candidates = POSTGRES_CANDIDATES if on_postgres else SQLITE_CANDIDATES
    with ExitStack() as stack:
        folder = stack.enter_context(working_folder())
        syncs = stack.enter_context(build_syncs(asked.sync_ms))
        server = stack.enter_context(run_server(syncs)) if on_postgres else None
        run = Run(folder, syncs, server, asked.seconds)
        disk = filesystem_of(server.folder if server else folder)
        speed = "" if asked.sync_ms is None else f" with {asked.sync_ms:g} ms for each sync"
        found = Found(disk=disk + speed)
        for turn in range(asked.rounds):
            for layout in layouts:
                for name in candidates:
                    show_progress(f"round {turn + 1}: {layout.name}, {name}")
                    one = run.measure(name, layout)
                    found.measured.setdefault((layout, name), []).append(one)
        show_progress("")
    return print_report(report(found, layouts, candidates), as_json=asked.json)
