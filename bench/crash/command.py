"""Kills workers and counts what came of it: `python -m bench.crash --runs N [--json]`.

Every boundary, every guarantee, SQLite and PostgreSQL, 1 and 4 workers, with approvals in it;
then the connector to Stripe at the sandbox; then the same refund in other packages. Effects are
counted at the provider. docs/reference/benchmarks.md says how.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.crash.after_paying import KILLS, report_of, run_ways
from bench.crash.bank import run_bank
from bench.crash.connector import GUARANTEES
from bench.crash.crew import FORK, PRELOADED
from bench.crash.lane import Lane, Ran, StoreKind, Stores, run_lane, serving
from bench.crash.peers import NAMES, PeerRan, run_peers
from bench.crash.stripe_campaign import STRIPE_PRELOADED, run_stripe
from bench.crash.table import Result, print_result
from bench.place import with_bytecode, working_folder
from bench.report import show_progress

FAST = {"fsync": "off"}
"""Workers are killed here, not the server, and not the power: what the kernel has, it keeps."""
STORES: tuple[StoreKind, ...] = ("sqlite", "postgres")


def lanes_of(stores: Sequence[StoreKind], workers: Sequence[int]) -> list[Lane]:
    """Every lane, so ordered that the first ones differ most."""
    return [
        Lane(store=store, workers=count, guarantee=guarantee)
        for guarantee in GUARANTEES
        for count in workers
        for store in stores
    ]


def shares(runs: int, lanes: int) -> list[int]:
    """So many runs for each lane."""
    return [runs // lanes + (number < runs % lanes) for number in range(lanes)]


class Campaign:
    """All lanes, a few at once, each with a bank of its own.

    Args:
        sabotaged: the bank does every refund twice, so that the campaign has to find it.
    """

    def __init__(self, folder: Path, stores: Stores, seed: int, *, sabotaged: bool = False) -> None:
        self._folder = folder
        self._stores = stores
        self._seed = seed
        self._sabotaged = sabotaged
        self._work: queue.SimpleQueue[tuple[Lane, int]] = queue.SimpleQueue()
        self._runs = 0
        self._done = 0
        self._lock = threading.Lock()
        self.ran: list[Ran] = []
        self.broken: list[BaseException] = []

    def run(self, lanes: Sequence[Lane], runs: int, at_once: int) -> None:
        """Do all runs.

        Raises:
            BaseException: whatever broke a lane.
        """
        for lane, share in zip(lanes, shares(runs, len(lanes)), strict=True):
            if share:
                self._work.put((lane, share))
        self._runs = runs
        threads = [threading.Thread(target=self._serve) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.broken:
            raise self.broken[0]
        order = [lane.name for lane in lanes]
        self.ran.sort(key=lambda ran: order.index(ran.lane.name))

    def _serve(self) -> None:
        try:
            while not self.broken:
                lane, runs = self._work.get_nowait()
                folder = self._folder / lane.name.replace(", ", "_").replace(" ", "_")
                with run_bank() as bank:
                    if self._sabotaged:
                        bank.fault("twice")
                    ran = run_lane(
                        lane, folder, self._stores, bank, str(self._seed), runs, self._show
                    )
                self.ran.append(ran)
        except queue.Empty:
            return
        except BaseException as error:  # noqa: BLE001  (raised again by `run`)
            self.broken.append(error)

    def _show(self, ran: Ran) -> None:
        with self._lock:
            self._done += 1
            found = sum(len(one.faults.all()) for one in self.ran)
            show_progress(f"{self._done} of {self._runs} runs, {found} faults; {ran.lane.name}")


@contextmanager
def _folder(keep: Path | None) -> Generator[Path]:
    if keep is None:
        with working_folder() as folder:
            yield folder
        return
    keep.mkdir(parents=True)
    yield keep


def run(arguments: argparse.Namespace) -> Result:
    """The lanes, Stripe's lane, and the peers."""
    lanes = lanes_of(arguments.stores, arguments.workers)
    wanted: list[StoreKind] = [store for store in STORES if store in arguments.stores]
    if arguments.stripe_runs:
        FORK.set_forkserver_preload([*PRELOADED, *STRIPE_PRELOADED])
    with _folder(arguments.keep) as folder, serving(wanted, FAST) as stores:
        os.environ.update(with_bytecode(folder / "bytecode"))
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        begin = time.perf_counter()
        campaign = Campaign(folder, stores, arguments.seed, sabotaged=arguments.sabotage)
        campaign.run(lanes, arguments.runs, arguments.lanes)
        took_s = time.perf_counter() - begin
        stripe = run_stripe(
            folder,
            arguments.seed,
            arguments.stripe_runs,
            arguments.lanes,
            sabotaged=arguments.sabotage,
        )
        peers = _run_peers(folder, arguments.peer_runs, arguments.peers, stores)
        show_progress("")
    return Result(ran=campaign.ran, stripe=stripe, peers=peers, took_s=took_s)


def _run_peers(folder: Path, runs: int, names: Sequence[str], stores: Stores) -> list[PeerRan]:
    if not runs:
        return []
    show: Callable[[str], None] = show_progress
    with run_bank() as bank:
        return run_peers(folder / "peers", bank, runs, stores.make_plain, names=names, on_peer=show)


def main(argv: Sequence[str] | None = None) -> int:
    """Run and print; the exit status is 0 when nothing is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.crash", description=__doc__)
    parser.add_argument("--runs", type=int, default=2000, help="spread over all lanes")
    parser.add_argument("--stripe-runs", type=int, default=70, help="at the sandbox of Stripe")
    parser.add_argument("--peer-runs", type=int, default=5, help="of each peer, mode and moment")
    parser.add_argument("--peers", nargs="*", default=list(NAMES), choices=list(NAMES))
    parser.add_argument("--stores", nargs="+", default=list(STORES), choices=STORES)
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 4])
    parser.add_argument("--seed", type=int, default=1, help="the same seed draws the same plans")
    parser.add_argument("--lanes", type=int, default=4, help="lanes at once")
    parser.add_argument("--keep", type=Path, help="a new folder for the workspaces of bad lanes")
    parser.add_argument(
        "--sabotage",
        action="store_true",
        help="let the provider do refunds twice, to see that it is found",
    )
    parser.add_argument(
        "--after-paying",
        action="store_true",
        help="at a shop that fails after it has paid, in ten ways; nothing else then",
    )
    parser.add_argument("--kills", type=int, default=KILLS, help="of each of the ten ways")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    arguments = parser.parse_args(argv)
    if arguments.after_paying:
        kinds: list[StoreKind] = [store for store in STORES if store in arguments.stores]
        with _folder(arguments.keep) as folder, serving(kinds, FAST) as stores:
            found = report_of(run_ways(folder, arguments.kills, arguments.seed, kinds, stores))
        print(json.dumps(found.to_json()) if arguments.json else found.table())
        return 0 if found.ok else 1
    return print_result(run(arguments), as_json=arguments.json)
