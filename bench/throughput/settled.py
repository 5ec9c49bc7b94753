"""What an action costs on top of many that are settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bench.report import show_progress
from bench.throughput import sayso as throughput_sayso
from bench.throughput.candidates import measure
from bench.throughput.copies import fill
from bench.throughput.flow import Place
from bench.throughput.report import MOST, Found
from bench.throughput.server import Server, Syncs

AT_ONCE = (1, MOST)


class Run(Protocol):
    """What of the run is needed here."""

    @property
    def found(self) -> Found:
        """Where the figures go."""
        ...

    @property
    def server(self) -> Server | None:
        """The PostgreSQL of the run."""
        ...

    @property
    def syncs(self) -> Syncs:
        """Counts or slows down syncs."""
        ...

    def new_place(self, store: str, name: str) -> Place:
        """A folder and a database."""
        ...


def measure_settled(
    run: Run, stores: Sequence[str], numbers: Sequence[int], rounds: int, actions: int
) -> None:
    """Fill a database per store and number, then measure on them in turns."""
    for store in stores:
        places: dict[int, Place] = {}
        for number in numbers:
            show_progress(f"{store}: {number:,} settled actions")
            places[number] = run.new_place(store, f"settled-{number}")
            seconds = fill(places[number], number, settled=True)
            size = database_bytes(places[number], run.server)
            run.found.built[store, number] = (seconds, size)
        for turn in range(rounds):
            for at_once in AT_ONCE:
                for number, place in places.items():
                    show_progress(f"round {turn + 1}: {store}, {number:,} settled, {at_once}")
                    many = actions if at_once == 1 else actions * 4
                    flow = measure("sayso-again", place, many, at_once, run.syncs)
                    case = (store, number, at_once)
                    run.found.settled.setdefault(case, []).append(flow)
    show_progress("")


def database_bytes(place: Place, server: Server | None) -> int:
    """What the database of a place takes on the disk."""
    if not place.url or server is None:
        return throughput_sayso.database_bytes(place.folder)
    return int(server.run(place.url, "select pg_database_size(current_database())"))
