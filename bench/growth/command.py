"""What costs more where there is more of everything: `python -m bench.growth [--json] [--draw]`.

An action, a page, a judgement of the log and opening a workspace, on SQLite, with 10 to 100,000
that wait, 1 to 10,000 tenants and 3 to 30 connectors: how many functions are called, and how many
steps SQLite's virtual machine takes, neither of which other work on the machine changes. A
judgement by 5 and by 500 rules is counted in instructions, where valgrind is there.
docs/reference/benchmarks.md says how.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.counted import build_of_python, can_count, instructions_of
from bench.growth.pictures import draw
from bench.growth.places import BY, Counts, by_rules
from bench.place import working_folder
from bench.report import Report, Row, print_report, show_progress

PICTURES = Path(__file__).parents[2] / "docs" / "reference" / "benchmarks"
RULES = (5, 500)
JUDGED = 40
FLAT, LOGARITHMIC, LINEAR = 0.03, 0.2, 0.8
"""By which power of how many there are it grows at most, from the last but one size on."""
MAY_BE_LINEAR = frozenset({"a judgement of the whole log"})


def said_of(power: float) -> str:
    """What growth by that power is called."""
    if power < FLAT:
        return "flat"
    if power < LOGARITHMIC:
        return "about as its logarithm"
    return "less than linear" if power < LINEAR else "linear"


def power_of(sizes: Sequence[int], values: Sequence[float]) -> float:
    """The power by which the last step grows."""
    before, last = values[-2:]
    return math.log(max(last, 1e-9) / max(before, 1e-9)) / math.log(sizes[-1] / sizes[-2])


def rows_of(what: str, found: Mapping[int, Counts]) -> tuple[list[Row], bool]:
    """The figures of one axis, and whether nothing grows as how many there are."""
    rows: list[Row] = []
    ok = True
    for name in next(iter(found.values())):
        sizes = [size for size in found if name in found[size]]
        values = [sum(found[size][name]) for size in sizes]
        power = power_of(sizes, values)
        ok &= power < LOGARITHMIC or name in MAY_BE_LINEAR
        for size in sizes:
            calls, steps = found[size][name]
            case = f"{name}, {size:,} {what}"
            rows.append(Row(case=f"{case}: calls", value=calls, unit="thousand"))
            rows.append(Row(case=f"{case}: steps of SQLite", value=steps, unit="thousand"))
        rows.append(Row(case=f"{name}, more {what}: {said_of(power)}", value=power, unit="power"))
    return rows, ok


def _rules(folder: Path) -> tuple[list[Row], bool]:
    """Instructions of a judgement."""
    if not can_count():
        return [], True
    found: list[float] = []
    for size in RULES:
        taken: list[int] = []
        for calls in (JUDGED, 2 * JUDGED):
            show_progress(f"{calls} judgements by {size} rules, by valgrind")
            arguments = ["-m", "bench.growth", "--rules", str(size), "--judge", str(calls)]
            taken.append(instructions_of(arguments, folder))
        found.append((taken[1] - taken[0]) / JUDGED / 1e6)
    power = power_of(RULES, found)
    rows = [
        Row(case=f"a judgement by {size} rules, {build_of_python()}", value=value, unit="M")
        for size, value in zip(RULES, found, strict=True)
    ]
    rows.append(Row(case=f"a judgement, more rules: {said_of(power)}", value=power, unit="power"))
    return rows, power < LOGARITHMIC


def run(most: int, only: Sequence[str], pictures: Path | None) -> Report:
    """Count each axis."""
    rows: list[Row] = []
    ok = True
    with working_folder() as folder:
        for what in only:
            if what == "rules":
                more, fine = _rules(folder)
            else:
                sizes, count = BY[what]
                found: dict[int, Counts] = {}
                for size in (one for one in sizes if one <= most):
                    show_progress(f"{size:,} {what}")
                    found[size] = count(folder, size)
                more, fine = rows_of(what, found)
                if pictures is not None:
                    draw(pictures, what, tuple(found), found)
            rows += more
            ok &= fine
    show_progress("")
    return Report(name="growth", rows=rows, ok=ok)


def main(argv: Sequence[str] | None = None) -> int:
    """Count and print; the exit status is 0 where nothing grows that need not."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--draw", action="store_true", help="and draw the pictures of the docs")
    parser.add_argument("--most", type=int, default=100_000, help="no size above it")
    parser.add_argument("--only", default=",".join([*BY, "rules"]), help="of these")
    parser.add_argument("--rules", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--judge", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args(argv)
    if asked.judge is not None:
        by_rules(asked.rules, asked.judge)
        return 0
    pictures = PICTURES if asked.draw else None
    done = run(asked.most, asked.only.split(","), pictures)
    return print_report(done, as_json=asked.json)
