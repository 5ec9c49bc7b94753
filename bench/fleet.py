"""What an action costs in syncs where a fleet carries it out: `python -m bench.fleet [--json]`.

Two `sayso worker` processes on PostgreSQL, and this process, which proposes and says yes. All of
PostgreSQL's processes are counted from outside while actions go one at a time, and 32 at once:
once as somebody waits for them, and once as batch work, which the engine hands over.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from bench.place import open_workspace, working_folder
from bench.report import Report, Row, print_report, show_progress
from bench.throughput import sayso as throughput_sayso
from bench.throughput.flow import Flow, Place, drive_tasks
from bench.throughput.sayso import PERSON, SaysoPeer, person_token
from bench.throughput.server import build_syncs, run_server
from bench.waiting.server import run_worker
from bench.waiting.shop import CONNECTORS
from sayso.actions.model.priority import NORMAL, WAITED_FOR
from sayso.sdk.client import Sayso

WORKERS = 2
ONE, MANY = 1, 32
LONGEST_S = 120.0
"""The first batch work of an idle fleet waits some seconds, until the engine is asked often."""
SYNCS_BAR = 6.0
HURRIES: Mapping[str, int] = {"somebody waits": WAITED_FOR, "batch work": NORMAL}

Case = tuple[str, int]
"""A key of `HURRIES`, and how many at once."""


class FleetPeer(SaysoPeer):
    """A process that asks and decides; the refunds are done in the workers, and counted here."""

    def __init__(self, sayso: Sayso, token: str, priority: int) -> None:
        super().__init__(sayso, CONNECTORS[0], token)
        self.priority = priority
        self._done = 0

    async def approve(self, handle: str) -> None:
        """Decide, and wait for a worker."""
        await super().approve(handle)
        self._done += 1

    @property
    def effects(self) -> int:
        """How many the ledger knows as done."""
        return self._done


async def measure(place: Place, priority: int, actions: int, at_once: int) -> Flow:
    """The flow of the throughput bench through the workers of that place."""
    workspace = open_workspace(
        place.folder,
        policy={"files": ["policy/*.cedar"]},
        people=[{"id": PERSON, "roles": ["support_manager"]}],
        store={"url": place.url},
        dispatch={"engine": "fleet"},
    )
    async with Sayso(workspace, connectors=CONNECTORS) as sayso:
        peer = FleetPeer(sayso, await person_token(sayso), priority)
        return await drive_tasks(peer, actions, at_once, place.syncs, LONGEST_S)


def run(
    actions: int, hurries: Sequence[str] = tuple(HURRIES), counts: Sequence[int] = (ONE, MANY)
) -> dict[Case, Flow]:
    """Measure each case with a database and workers of its own."""
    found: dict[Case, Flow] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(working_folder())
        syncs = stack.enter_context(build_syncs(None))
        server = stack.enter_context(run_server(syncs))
        for hurry in hurries:
            for at_once in counts:
                show_progress(f"{hurry}, {at_once} at once")
                place = Place(
                    store="postgres",
                    folder=folder / f"{len(found)}",
                    url=server.new_database(),
                    syncs=server.counter,
                )
                with _workers(place):
                    many = actions if at_once == ONE else actions * 4
                    flow = asyncio.run(measure(place, HURRIES[hurry], many, at_once))
                found[hurry, at_once] = flow
                server.drop_database(place.url)
    show_progress("")
    return found


@contextmanager
def _workers(place: Place) -> Generator[None]:
    throughput_sayso.new_workspace(place)
    from sayso.dispatch.fleet.schema import migrate_fleet  # needs an extra

    migrate_fleet(place.url)
    with ExitStack() as stack:
        for _ in range(WORKERS):
            stack.enter_context(run_worker(place))
        yield


def syncs_of(flow: Flow) -> float | None:
    """Of one action; None where nothing was counted or carried out."""
    return None if flow.syncs is None or not flow.actions else flow.syncs / flow.actions


def report(found: Mapping[Case, Flow]) -> Report:
    """The rows: at most six syncs of an action alone, and fewer where many are under way."""
    rows: list[Row] = []
    held: list[bool] = []
    for hurry in dict.fromkeys(hurry for hurry, _ in found):
        alone, many = (syncs_of(found[hurry, at_once]) for at_once in (ONE, MANY))
        bars = (
            (alone, f"one at a time, at most {SYNCS_BAR:g}", _is_within(alone, SYNCS_BAR)),
            (many, f"{MANY} at once, fewer than alone", _is_within(many, alone, below=True)),
        )
        for value, what, met in bars:
            outcome = "NOT MEASURED" if value is None else "met" if met else "NOT MET"
            rows.append(
                Row(case=f"{hurry}, {what}: {outcome}", value=value or 0.0, unit="syncs per action")
            )
            held.append(met)
    return Report(name="fleet", rows=rows, ok=bool(held) and all(held))


def _is_within(value: float | None, most: float | None, *, below: bool = False) -> bool:
    if value is None or most is None:
        return False
    return value < most if below else value <= most


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 0 when the bars are met."""
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--actions", type=int, default=50, help="one at a time; four times at once")
    asked = parser.parse_args(argv)
    return print_report(report(run(asked.actions)), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
