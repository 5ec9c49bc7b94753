"""What a server uses when nobody asks: `python -m bench.idle [--json] [--seconds S]`.

`sayso serve` on an empty workspace, on SQLite and on PostgreSQL, and `sayso worker` of a fleet on
PostgreSQL; the processor time of the process, as the kernel counts it. On PostgreSQL that of the
database's own processes is printed too. On SQLite also with five desks, each read every 30 seconds,
which is four times as often as by default: a double of Zendesk in this process answers.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from bench.place import working_folder
from bench.report import Report, Row, print_report, show_progress
from bench.throughput import sayso as throughput_sayso
from bench.throughput.flow import Place
from bench.throughput.server import Server, build_syncs, run_server
from bench.waiting.server import cpu_of, run_worker, serve
from bench.zendesk import Zendesk
from sayso.sdk.workspace import write_secret_file

SQLITE, POSTGRES = "sqlite", "postgres"
NAMES = {
    SQLITE: "sayso serve on sqlite",
    POSTGRES: "sayso serve on postgres",
    "fleet": "sayso worker of a fleet on postgres",
    "desks": "sayso serve on sqlite with five desks",
}
DESKS = """
[connections.zendesk]
grant = "client_credentials"
token_endpoint = "{url}/oauth/tokens"
client_id = "bench"
client_secret = "file:keys/client.key"

[connectors.zendesk]
subdomain = "bench"
token = "zendesk"
base_url = "{url}"
"""
DESK = """
[desk.desk{number}]
connector = "zendesk"
sweep_s = 30
"""
BAR_PERCENT = 1.0
SETTLE_S = 2.0
"""What starts has to be over: imports that are deferred, the first sweep."""


def measure(place: Place, seconds: float, server: Server | None = None) -> tuple[float, float]:
    """Per cent of a core of the server, and of the database's processes."""
    throughput_sayso.new_workspace(place)
    with serve(place) as served:
        return _watch(served.pid, seconds, server)


def measure_desks(place: Place, seconds: float) -> tuple[float, float]:
    """The same of a server with five desks at which nobody writes."""
    throughput_sayso.new_workspace(place)
    write_secret_file(place.folder / "keys" / "client.key", "client")
    with Zendesk(lambda: datetime.now(UTC)) as zendesk:
        more = DESKS.format(url=zendesk.url)
        more += "".join(DESK.format(number=number) for number in range(5))
        with serve(place, more) as served:
            found = _watch(served.pid, seconds, None)
            assert zendesk.asked > 5, "its desks are read"
            return found


def measure_worker(place: Place, seconds: float, server: Server) -> tuple[float, float]:
    """The same of a worker of a fleet, with its engine."""
    throughput_sayso.new_workspace(place)
    from sayso.dispatch.fleet.schema import migrate_fleet  # needs an extra

    migrate_fleet(place.url)
    with run_worker(place) as pid:
        return _watch(pid, seconds, server)


def _watch(pid: int, seconds: float, server: Server | None) -> tuple[float, float]:
    time.sleep(SETTLE_S)
    database = [] if server is None else server.processes()
    before, own, begin = _together(database), cpu_of(pid), time.perf_counter()
    time.sleep(seconds)
    took_s = time.perf_counter() - begin
    return (cpu_of(pid) - own) / took_s * 100, (_together(database) - before) / took_s * 100


def report(found: dict[str, tuple[float, float]]) -> Report:
    """The rows, and whether every server keeps below the bar."""
    rows: list[Row] = []
    for store, (own, database) in found.items():
        outcome = "met" if own <= BAR_PERCENT else "NOT MET"
        case = f"{NAMES[store]}, idle, at most {BAR_PERCENT:g} % of a core: {outcome}"
        rows.append(Row(case=case, value=own, unit="%"))
        if store not in (SQLITE, "desks"):
            rows.append(Row(case="the PostgreSQL server meanwhile", value=database, unit="%"))
    ok = bool(found) and all(own <= BAR_PERCENT for own, _ in found.values())
    return Report(name="idle", rows=rows, ok=ok)


def run(stores: Sequence[str], seconds: float) -> dict[str, tuple[float, float]]:
    """Measure on each store."""
    found: dict[str, tuple[float, float]] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(working_folder())
        for store in stores:
            show_progress(f"{store}: idle for {seconds:g} s")
            place, server = Place(store=store, folder=folder / store), None
            if store == POSTGRES:
                syncs = stack.enter_context(build_syncs(None))
                server = stack.enter_context(run_server(syncs))
                place = Place(store=store, folder=folder / store, url=server.new_database())
            found[store] = measure(place, seconds, server)
            if store == SQLITE:
                show_progress(f"five desks: idle for {seconds:g} s")
                place = Place(store=store, folder=folder / "desks")
                found["desks"] = measure_desks(place, seconds)
            if server is not None:
                show_progress(f"a worker of a fleet: idle for {seconds:g} s")
                place = Place(store=store, folder=folder / "fleet", url=server.new_database())
                found["fleet"] = measure_worker(place, seconds, server)
    show_progress("")
    return found


def _together(processes: Sequence[int]) -> float:
    return sum(cpu_of(pid) for pid in processes)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 0 when the bar is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.idle", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--stores", default=f"{SQLITE},{POSTGRES}")
    asked = parser.parse_args(argv)
    return print_report(report(run(asked.stores.split(","), asked.seconds)), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
