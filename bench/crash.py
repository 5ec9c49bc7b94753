"""Kills workers and counts what came of it: `python -m bench.crash --runs N [--json]`.

Each run asks for two refunds, a cancellation and a credit, over the official Stripe SDK, at a
sandbox in another process; a worker is killed with SIGKILL, a new one opens the same workspace,
and then the provider's books, the ledger and the log are compared. docs/benchmarks.md says how.
"""

from __future__ import annotations

import argparse
import os
import queue
import sys
import threading
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import crash_langgraph
from bench.crash_judge import Faults
from bench.crash_plan import MODES, Plan
from bench.crash_run import Ran, open_lane, run_once
from bench.place import with_bytecode, working_folder
from bench.report import Report, Row, print_report, show_progress

MAX_SHOWN = 20
"""How many faults are told one by one on standard error."""


class Campaign:
    """All runs, shared out to lanes that each have their own provider."""

    def __init__(self, folder: Path, seed: int, runs: int, *, sabotaged: bool = False) -> None:
        self._folder = folder
        self._sabotaged = sabotaged
        self._plans: queue.SimpleQueue[Plan] = queue.SimpleQueue()
        for number in range(runs):
            self._plans.put(Plan.draw(seed, number))
        self._runs = runs
        self.ran: list[Ran] = []
        self.broken: list[BaseException] = []

    def run(self, lanes: int) -> None:
        """Do all runs.

        Raises:
            BaseException: whatever broke a lane.
        """
        threads = [threading.Thread(target=self._serve, args=(lane,)) for lane in range(lanes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.broken:
            raise self.broken[0]

    def _serve(self, number: int) -> None:
        try:
            folder = self._folder / f"lane-{number}"
            with open_lane(folder, sabotaged=self._sabotaged) as lane:
                while not self.broken:
                    self.ran.append(run_once(lane, self._plans.get_nowait()))
                    self._show()
        except queue.Empty:
            return
        except BaseException as error:  # noqa: BLE001  (raised again by `run`)
            self.broken.append(error)

    def _show(self) -> None:
        found = sum(len(ran.faults.all()) for ran in self.ran)
        show_progress(f"{len(self.ran)} of {self._runs} runs, {found} faults")


def report(ran: Sequence[Ran], took_s: float, peer: tuple[int, int]) -> Report:
    """The table.

    Args:
        peer: how many runs LangGraph had, and how many effects too many there were.
    """
    faults = Faults()
    for one in ran:
        faults.add(one.faults)
    survived = sum(1 for one in ran if one.killed == 0)
    modes = Counter(one.plan.mode for one in ran if one.killed)
    rows = [
        Row(case="double", value=len(faults.double), unit="effects"),
        Row(case="lost", value=len(faults.lost), unit="actions"),
        Row(case="disagree", value=len(faults.disagree), unit="actions"),
        Row(case="unverified", value=len(faults.unverified), unit="logs"),
        Row(case="runs", value=len(ran), unit="runs"),
        Row(case="workers killed", value=sum(one.killed for one in ran), unit="processes"),
        Row(case="runs in which nobody died", value=survived, unit="runs"),
        *(Row(case=f"killed: {mode}", value=modes[mode], unit="runs") for mode in MODES),
        Row(case="time of a run", value=took_s / max(1, len(ran)), unit="s"),
    ]
    runs, doubled = peer
    if runs:
        case = f"langgraph interrupt + SqliteSaver, killed after the call {runs} times: double"
        rows.append(Row(case=case, value=doubled, unit="effects"))
    for sentence in faults.all()[:MAX_SHOWN]:
        print(sentence, file=sys.stderr)
    return Report(name="crash", rows=rows, ok=not faults.all() and survived < len(ran))


@contextmanager
def _folder(keep: Path | None) -> Generator[Path]:
    if keep is None:
        with working_folder() as folder:
            yield folder
        return
    keep.mkdir(parents=True)
    yield keep


def run(
    runs: int,
    *,
    peer_runs: int,
    seed: int,
    lanes: int,
    keep: Path | None = None,
    sabotaged: bool = False,
) -> Report:
    """The campaign, then the peer."""
    with _folder(keep) as folder:
        os.environ.update(with_bytecode(folder / "bytecode"))
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        campaign = Campaign(folder, seed, runs, sabotaged=sabotaged)
        begin = time.perf_counter()
        campaign.run(lanes)
        took_s = time.perf_counter() - begin
        doubled = 0
        if peer_runs:
            show_progress("langgraph")
            with open_lane(folder / "peer") as lane:
                doubled = crash_langgraph.doubles(lane.folder, lane.sandbox, peer_runs)
        show_progress("")
        return report(campaign.ran, took_s, (peer_runs, doubled))


def main(argv: Sequence[str] | None = None) -> int:
    """Run and print; the exit status is 0 when nothing is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.crash", description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--peer-runs", type=int, default=5, help="of LangGraph; 0 leaves it out")
    parser.add_argument("--seed", type=int, default=1, help="the same seed kills the same way")
    parser.add_argument("--lanes", type=int, default=os.cpu_count() or 1, help="runs at once")
    parser.add_argument("--keep", type=Path, help="a new folder for the workspaces of bad runs")
    parser.add_argument(
        "--sabotage",
        action="store_true",
        help="let the provider do refunds twice, to see that it is found",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")
    arguments = parser.parse_args(argv)
    made = run(
        arguments.runs,
        peer_runs=arguments.peer_runs,
        seed=arguments.seed,
        lanes=arguments.lanes,
        keep=arguments.keep,
        sabotaged=arguments.sabotage,
    )
    return print_report(made, as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(main())
