"""What a million actions a day need: `python -m bench.plan [--tenants N] [--actions N] [--json]`.

No workspace is opened: 10,000 tenants, of whom each next one asks for less (Zipf), ask over a day
with a busiest hour, and are put into databases by what one database was measured to do. What was
measured, and what things cost, are inputs with names: give your own.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bench.report import Report, Row, print_report

HOUR_S = 3600
DAYS = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What is assumed; each can be given on the command line.

    Attributes:
        tenants: how many. actions: of all of them in a day. skew: of Zipf's law; 1 is the usual.
        busiest: the part of a day's actions that comes in its busiest hour.
        per_s: actions a second that one database does, on the machine that was measured, with one
            tenant or several (`bench.throughput`, asked and agreed, PostgreSQL, two shared cores).
        fill: up to which part of that a database is filled at its busiest second.
        kept_bytes: rows and entries of a settled action, the upper end of what was measured.
        sealed_bytes: the same once its entries are sealed, in a file, at 40 bytes an entry.
        entries: of one action.
        server: of a database server of the measured kind, list price in USD a month, from and to.
        disk: of a gigabyte of its disk, likewise. worker: of a machine that serves and works.
        per_worker: databases whose calls one such machine serves.
    """

    tenants: int = 10_000
    actions: int = 1_000_000
    skew: float = 1.0
    busiest: float = 0.12
    per_s: float = 55.0
    fill: float = 0.5
    kept_bytes: int = 15_000
    sealed_bytes: int = 40
    entries: int = 6
    server: tuple[float, float] = (100.0, 260.0)
    disk: tuple[float, float] = (0.10, 0.25)
    worker: tuple[float, float] = (30.0, 90.0)
    per_worker: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What comes of it.

    Attributes:
        shares: the part of all actions that each tenant asks for, the largest first.
        peak_s: actions of the busiest second of the busiest hour, in the median of its drawings.
        largest_s: the same of the largest tenant alone.
        databases: the actions a second of each database in the busiest hour, on average.
        ends_at: actions a day at which the largest tenant's busiest second takes all that one
            writer does.
    """

    shares: Sequence[float]
    peak_s: int
    largest_s: int
    databases: Sequence[float]
    ends_at: int


def plan(given: Inputs, seed: int = 1) -> Plan:
    """Draw the busiest hour, and put tenants into databases."""
    weights = [1 / rank**given.skew for rank in range(1, given.tenants + 1)]
    whole = sum(weights)
    shares = [weight / whole for weight in weights]
    dice = random.Random(seed)
    mean_s = given.actions * given.busiest / HOUR_S
    largest = shares[0]
    return Plan(
        shares=shares,
        peak_s=busiest_second(dice, mean_s),
        largest_s=busiest_second(dice, mean_s * largest),
        databases=placed(dice, [mean_s * share for share in shares], given.per_s * given.fill),
        ends_at=round(_mean_within(dice, given.per_s) * HOUR_S / given.busiest / largest),
    )


def busiest_second(dice: random.Random, mean_s: float, hours: int = 15) -> int:
    """How many come in the busiest second of an hour in which so many come a second on average."""
    peaks = sorted(max(_poisson(dice, mean_s) for _ in range(HOUR_S)) for _ in range(hours))
    return peaks[hours // 2]


def placed(dice: random.Random, means: Sequence[float], room_s: float) -> list[float]:
    """The load of each database, where each tenant, the largest first, goes to the emptiest one.

    There are as few as leave each below `room_s` in its own busiest second; a tenant that alone
    takes more has one for itself.
    """
    within = _mean_within(dice, room_s)
    number = max(1, math.ceil(sum(means) / within))
    while True:
        loads = [(0.0, nth) for nth in range(number)]
        for mean in means:
            load, nth = heapq.heappop(loads)
            heapq.heappush(loads, (load + mean, nth))
        found = sorted((load for load, _ in loads), reverse=True)
        if found[0] <= max(within, means[0]):
            return found
        number += 1


def _mean_within(dice: random.Random, room_s: float) -> float:
    """The average a second whose busiest second of an hour still fits."""
    low, high = 0.0, room_s
    for _ in range(12):
        middle = (low + high) / 2
        if busiest_second(dice, middle, hours=3) <= room_s:
            low = middle
        else:
            high = middle
    return low


def _poisson(dice: random.Random, mean: float) -> int:
    """How many come in a second; by the normal law where there are many."""
    if mean > 50:
        return max(0, round(dice.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), dice.random(), 0
    while product > limit:
        product *= dice.random()
        count += 1
    return count


def report(given: Inputs) -> Report:
    """The plan as rows; not ok where the largest tenant needs more than one writer."""
    found = plan(given)
    number = len(found.databases)
    kept_gb = given.actions * given.kept_bytes * DAYS / 1e9
    sealed_gb = given.actions * given.entries * given.sealed_bytes * DAYS / 1e9
    workers = math.ceil(number / given.per_worker)
    # A year's rows on the disk in the end: on average half of that, and as much free beside it.
    money = [
        number * given.server[end] + workers * given.worker[end] + kept_gb * given.disk[end]
        for end in (0, 1)
    ]
    rows = [
        Row(case="actions a second, on average", value=given.actions / 86_400, unit="/s"),
        Row(case="in the busiest second", value=found.peak_s, unit="/s"),
        Row(case="the largest tenant's part", value=100 * found.shares[0], unit="%"),
        Row(case="the largest tenant in its busiest second", value=found.largest_s, unit="/s"),
        Row(
            case="of what its one writer does", value=100 * found.largest_s / given.per_s, unit="%"
        ),
        Row(case="tenants with half of all actions", value=_half(found.shares), unit="tenants"),
        Row(case="databases", value=number, unit="databases"),
        Row(case="the fullest of them, on average", value=max(found.databases), unit="/s"),
        Row(case="rows and log in a year, all kept", value=kept_gb, unit="GB"),
        Row(case="a year's sealed entries alone", value=sealed_gb, unit="GB"),
        Row(case="a month, by list prices, from", value=money[0], unit="USD"),
        Row(case="a month, by list prices, to", value=money[1], unit="USD"),
        Row(case="a million actions, from", value=money[0] / 30 / given.actions * 1e6, unit="USD"),
        Row(case="a million actions, to", value=money[1] / 30 / given.actions * 1e6, unit="USD"),
        Row(case="it ends, by its largest tenant, at", value=found.ends_at, unit="a day"),
    ]
    return Report(name="plan", rows=rows, ok=found.largest_s <= given.per_s)


def _half(shares: Sequence[float]) -> int:
    done = 0.0
    for nth, share in enumerate(shares, 1):
        done += share
        if done >= 0.5:
            return nth
    return len(shares)


def main(argv: Sequence[str] | None = None) -> int:
    """Plan, and print; 0 where one writer is enough for the largest tenant."""
    parser = argparse.ArgumentParser(prog="python -m bench.plan", description=__doc__)
    known = Inputs()
    parser.add_argument("--tenants", type=int, default=known.tenants)
    parser.add_argument("--actions", type=int, default=known.actions, help="in a day")
    parser.add_argument("--skew", type=float, default=known.skew, help="of Zipf's law")
    parser.add_argument("--busiest", type=float, default=known.busiest, help="hour's part of a day")
    parser.add_argument("--per-s", type=float, default=known.per_s, help="of one database")
    parser.add_argument("--fill", type=float, default=known.fill, help="up to which part of that")
    parser.add_argument("--kept-bytes", type=int, default=known.kept_bytes, help="of an action")
    parser.add_argument("--json", action="store_true", help="print one document")
    given = vars(parser.parse_args(argv))
    as_json = bool(given.pop("json"))
    return print_report(report(Inputs(**given)), as_json=as_json)


if __name__ == "__main__":
    sys.exit(main())
