"""The lane with the real connector: the official Stripe SDK at a sandbox in another process.

Each run asks for two refunds, a cancellation and a credit; the worker is killed, a new one opens
the same workspace, and then the provider's books, the ledger and the log are compared.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, field
from pathlib import Path

from bench.crash.judge import Faults
from bench.crash.stripe_plan import STEPS, Plan
from bench.crash.stripe_run import Ran, open_lane, run_once
from bench.report import show_progress

STRIPE_PRELOADED = ("bench.crash.stripe_worker", "sayso.connectors.stripe.api")
"""What its workers need beside the others' modules."""


@dataclass(slots=True, kw_only=True)
class StripeRan:
    """What came of it."""

    runs: int = 0
    killed: int = 0
    asked: int = 0
    effects: int = 0
    faults: Faults = field(default_factory=Faults)


class _Campaign:
    def __init__(self, folder: Path, seed: int, runs: int, *, sabotaged: bool) -> None:
        self._folder = folder
        self._sabotaged = sabotaged
        self._plans: queue.SimpleQueue[Plan] = queue.SimpleQueue()
        for number in range(runs):
            self._plans.put(Plan.draw(seed, number))
        self._runs = runs
        self.ran: list[Ran] = []
        self.broken: list[BaseException] = []

    def serve(self, number: int) -> None:
        """One lane: a sandbox, and one run after the other."""
        try:
            folder = self._folder / f"lane-{number}"
            with open_lane(folder, sabotaged=self._sabotaged) as lane:
                while not self.broken:
                    self.ran.append(run_once(lane, self._plans.get_nowait()))
                    show_progress(f"{len(self.ran)} of {self._runs} runs at Stripe's sandbox")
        except queue.Empty:
            return
        except BaseException as error:  # noqa: BLE001  (raised again by `run_stripe`)
            self.broken.append(error)


def run_stripe(
    folder: Path, seed: int, runs: int, lanes: int, *, sabotaged: bool = False
) -> StripeRan | None:
    """Do the runs; None when there are none.

    Raises:
        BaseException: whatever broke a lane.
    """
    if not runs:
        return None
    campaign = _Campaign(folder / "stripe", seed, runs, sabotaged=sabotaged)
    numbers = range(min(lanes, runs))
    threads = [threading.Thread(target=campaign.serve, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if campaign.broken:
        raise campaign.broken[0]
    result = StripeRan(runs=len(campaign.ran), asked=len(STEPS) * len(campaign.ran))
    for one in campaign.ran:
        result.killed += one.killed
        result.effects += one.effects
        result.faults.add(one.faults)
    return result
