"""100,000 approvals that wait: `python -m bench.waiting [--json] [--approvals N] [--settled N]`.

What they cost a server: starting, memory, the queue's pages, deciding, and doing nothing. The
server is `sayso serve` in a process of its own, asked over HTTP. docs/reference/benchmarks.md says
how.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from bench.place import working_folder
from bench.report import Report, Row, median, percentile, print_report, show_progress
from bench.throughput import sayso as throughput_sayso
from bench.throughput.copies import FIRST, add
from bench.throughput.flow import Place
from bench.throughput.server import Server, build_syncs, run_server
from bench.throughput.settled import database_bytes
from bench.waiting.server import Served, serve

SQLITE, POSTGRES = "sqlite", "postgres"
READY_BAR_S = 5.0
MEMORY_BAR_MB = 300.0
PAGE_BAR_MS = 100.0
IDLE_BAR_PERCENT = 1.0
IDLE_S = 20.0
PAGE = 50
FIRST_SETTLED = 8_000_000_000
FIRST_FEW = 7_000_000_000
GROWTH_BAR = 2.0
"""How many times a decision may take what it takes with nothing else waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """What was found on one store.

    Attributes:
        filled_s: how long filling the database took; no figure of the program.
        waiting_bytes: of the database, for each that waits.
        page_s, deep_page_s: of the first page of the queue, and of one in its middle.
        judging_s: processor time until it has judged the log, which it reads anew after a start.
        decide_s: of a decision over HTTP, until the action is executed.
        decide_alone_s: the same in the same workspace, before anything else waited.
        idle_percent: of a core, with nobody asking.
    """

    filled_s: float
    waiting_bytes: float
    ready_s: Sequence[float]
    resident_mb: float
    resident_after_mb: float
    page_s: Sequence[float]
    deep_page_s: Sequence[float]
    decide_s: Sequence[float]
    decide_alone_s: Sequence[float]
    idle_percent: float
    judging_s: float


def measure(place: Place, server: Server | None, asked: argparse.Namespace) -> Waited:
    """Fill a workspace, then serve it a few times."""
    approvals, settled, calls = int(asked.approvals), int(asked.settled), int(asked.calls)
    throughput_sayso.new_workspace(place)
    token = asyncio.run(_token(place))
    add(place, calls, settled=False, first=FIRST_FEW)
    with serve(place) as served:
        few, _ = _pages(served, token, "", 1)
        alone = [_decide(served, token, item) for item in few]
    if settled:
        add(place, settled, settled=True, first=FIRST_SETTLED)
    empty = database_bytes(place, server)
    show_progress(f"{place.store}: {approvals:,} approvals")
    filled_s = add(place, approvals, settled=False, first=FIRST)
    waiting_bytes = (database_bytes(place, server) - empty) / approvals
    ready: list[float] = []
    for _ in range(asked.starts - 1):
        with serve(place) as served:
            ready.append(served.ready_s)
    with serve(place) as served:
        ready.append(served.ready_s)
        resident_mb = served.resident_mb
        show_progress(f"{place.store}: until its log is judged")
        judging_s = served.until_calm()
        show_progress(f"{place.store}: idle for {asked.idle_s:g} s")
        idle_percent = served.idle_share(asked.idle_s)
        show_progress(f"{place.store}: pages and decisions")
        first, pages = _pages(served, token, "", calls)
        middle = _seek_middle(served, token, approvals)
        _, deep = _pages(served, token, f"&after={middle}", calls)
        decided = [_decide(served, token, item) for item in first[:calls]]
        after_mb = served.resident_mb
    return Waited(
        filled_s=filled_s,
        waiting_bytes=waiting_bytes,
        ready_s=ready,
        resident_mb=resident_mb,
        resident_after_mb=after_mb,
        page_s=pages,
        deep_page_s=deep,
        decide_s=decided,
        decide_alone_s=alone,
        idle_percent=idle_percent,
        judging_s=judging_s,
    )


async def _token(place: Place) -> str:
    async with throughput_sayso.open_async_peer(place) as peer:
        return await throughput_sayso.person_token(peer.sayso)


def _pages(
    served: Served, token: str, after: str, calls: int
) -> tuple[list[dict[str, object]], list[float]]:
    path = f"/v1/approvals?status=pending&limit={PAGE}{after}"
    served.ask("GET", path, token)  # what is loaded when first used
    found = [served.ask("GET", path, token) for _ in range(calls)]
    return found[0][1]["items"], [took_s for took_s, _ in found]


def _seek_middle(served: Served, token: str, approvals: int) -> str:
    """The id after which half of the queue comes, by paging there."""
    after, seen = "", 0
    while seen < approvals // 2:
        path = f"/v1/approvals?status=pending&limit=200{after and f'&after={after}'}"
        _, document = served.ask("GET", path, token)
        if not document["items"]:
            break
        after = str(document["items"][-1]["id"])
        seen += len(document["items"])
    return after


def _decide(served: Served, token: str, item: dict[str, object]) -> float:
    body = {"decision": "approve", "revision": item["revision"], "digest": item["digest"]}
    path = f"/v1/approvals/{item['id']}/decision"
    took_s, done = served.ask("POST", path, token, body, key=str(item["id"]))
    assert done["status"] == "succeeded", done
    return took_s


def report(found: dict[str, Waited], approvals: int, settled: int) -> Report:
    """The rows, and whether every bar is met on every store."""
    rows: list[Row] = []
    met: list[bool] = []
    for store, waited in found.items():
        after = f" after {settled:,} settled" if settled else ""
        what = f"{store}, {approvals:,} waiting{after}"
        barred = [
            ("restart until ready", median(waited.ready_s), "s", READY_BAR_S),
            ("resident memory of the server", waited.resident_mb, "MB", MEMORY_BAR_MB),
            ("the same after use", waited.resident_after_mb, "MB", MEMORY_BAR_MB),
            (f"first page of {PAGE}, p50", _ms(waited.page_s, 50), "ms", PAGE_BAR_MS),
            (f"page of {PAGE} in the middle, p50", _ms(waited.deep_page_s, 50), "ms", PAGE_BAR_MS),
            ("idle, share of a core", waited.idle_percent, "%", IDLE_BAR_PERCENT),
            ("decision to executed, to one alone, p50", _growth(waited), "times", GROWTH_BAR),
        ]
        for case, value, unit, bar in barred:
            holds = value < bar or (unit == "%" and value <= bar)
            met.append(holds)
            said = f"{what}: {case}, below {bar:g} {unit}: {'met' if holds else 'NOT MET'}"
            rows.append(Row(case=said, value=value, unit=unit))
        rows += [
            Row(case=f"{what}: first page, p99", value=_ms(waited.page_s, 99), unit="ms"),
            Row(
                case=f"{what}: page in the middle, p99",
                value=_ms(waited.deep_page_s, 99),
                unit="ms",
            ),
            Row(
                case=f"{what}: decision to executed, p50", value=_ms(waited.decide_s, 50), unit="ms"
            ),
            Row(
                case=f"{what}: decision to executed, p99", value=_ms(waited.decide_s, 99), unit="ms"
            ),
            Row(
                case=f"{what}: judging its log after a start, processor time",
                value=waited.judging_s,
                unit="s",
            ),
            Row(case=f"{what}: database, for each", value=waited.waiting_bytes, unit="B"),
            Row(case=f"{what}: filled in (by the bench)", value=waited.filled_s, unit="s"),
        ]
    return Report(name="waiting", rows=rows, ok=bool(met) and all(met))


def _growth(waited: Waited) -> float:
    return _ms(waited.decide_s, 50) / _ms(waited.decide_alone_s, 50)


def _ms(seconds: Sequence[float], percent: int) -> float:
    return percentile(seconds, percent) * 1e3


def run(asked: argparse.Namespace) -> dict[str, Waited]:
    """Measure on each store."""
    found: dict[str, Waited] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(working_folder())
        for store in asked.stores.split(","):
            place = Place(store=store, folder=folder / store)
            server = None
            if store == POSTGRES:
                syncs = stack.enter_context(build_syncs(None))
                server = stack.enter_context(run_server(syncs))
                place = Place(store=store, folder=folder / store, url=server.new_database())
            found[store] = measure(place, server, asked)
    show_progress("")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 0 when every bar is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.waiting", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--approvals", type=int, default=100_000)
    parser.add_argument("--settled", type=int, default=0, help="actions settled before them")
    parser.add_argument("--stores", default=f"{SQLITE},{POSTGRES}")
    parser.add_argument("--calls", type=int, default=50, help="of each kind")
    parser.add_argument("--idle-s", type=float, default=IDLE_S)
    parser.add_argument("--starts", type=int, default=3, help="of the server")
    asked = parser.parse_args(argv)
    return print_report(report(run(asked), asked.approvals, asked.settled), as_json=asked.json)
